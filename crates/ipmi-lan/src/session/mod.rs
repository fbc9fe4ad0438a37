//! A session with a BMC, without I/O: datagrams, the time and randomness are handed in, datagrams and events come
//! out.
//!
//! ```text
//! loop {
//!     match session.poll_output() {
//!         Output::Transmit(datagram) => send it,
//!         Output::Event(event)       => it is what was waited for, or the end,
//!         Output::Wait(until)        => wait for a datagram, at most until then; session.handle_input(now, …)
//!     }
//! }
//! ```

mod active;
mod answer;
mod login;
mod seal;
mod window;

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rand::CryptoRng;

use crate::command::Command;
use crate::retry::Transmissions;
use crate::wire::{Datagram, NetworkFunction, ResponseMessage};
use crate::{
    AuthenticationType, CipherSuite, CompletionCode, Error, Kg, Password, Privilege, Quirk,
    QuirkSet, RetryPolicy, Target, Username, Workarounds,
};

use active::Active;
use answer::{AnswerReader, Vouched};
use login::{Login, Progress};

/// How to log in.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// By which version of IPMI.
    pub protocol: Protocol,
    /// Who.
    pub username: Username,
    /// The user's password.
    pub password: Password,
    /// The BMC's key, where it has one. IPMI 1.5 has none.
    pub kg: Option<Kg>,
    /// The level at which commands will be given.
    pub privilege: Privilege,
    /// IPMI 1.5: how to authenticate. `None` is MD5, or MD2 where the BMC has no MD5. The others give the password
    /// away, or need none, and are used only when they are asked for.
    pub authentication: Option<AuthenticationType>,
    /// IPMI 2.0: the cipher suites to propose, the preferred first. A suite that the BMC refuses is not proposed again;
    /// no suite outside this list is ever used.
    pub cipher_suites: Vec<CipherSuite>,
    /// The controller behind the BMC to which requests go, if not to the BMC itself.
    pub target: Option<Target>,
    /// Which quirks of BMCs are worked around.
    pub workarounds: Workarounds,
    /// When to send again, and when to give up.
    pub retry: RetryPolicy,
}

/// Versions of IPMI over LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IPMI 1.5 and nothing else.
    Ipmi15,
    /// IPMI 1.5; IPMI 2.0 where the BMC has no IPMI 1.5 that can be used. Never the other way round.
    Ipmi15Or20,
    /// IPMI 2.0 (RMCP+) and nothing else.
    Ipmi20,
}

/// What a [`Session`] is told.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// This datagram came from the BMC's address.
    Receive(&'a [u8]),
    /// The time has come that [`Output::Wait`] named, or later.
    Timeout,
    /// The host reports that a datagram did not arrive: nobody listens on the port, or there is no way to the
    /// address. It counts as a lost datagram, no more: a BMC that is starting up looks the same.
    Unreachable(ErrorKind),
}

/// What a [`Session`] wants.
pub enum Output {
    /// Send this to the BMC.
    Transmit(Vec<u8>),
    /// Send and receive through another UDP port from now on: some BMCs have to be asked from another one.
    ChangePort,
    /// This happened.
    Event(Event),
    /// Wait for a datagram, at most until this time; without a time, nothing is waited for.
    Wait(Option<Instant>),
}

/// Without the datagrams, which may hold a password.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit(datagram) => write!(f, "Transmit({} bytes)", datagram.len()),
            Self::ChangePort => f.write_str("ChangePort"),
            Self::Event(event) => write!(f, "Event({event:?})"),
            Self::Wait(until) => write!(f, "Wait({until:?})"),
        }
    }
}

/// What happened in a [`Session`].
#[derive(Debug)]
pub enum Event {
    /// The session is there.
    LoggedIn(LoggedIn),
    /// The login failed; the session has ended.
    LoginFailed(Error),
    /// The BMC answered the request, with whatever completion code.
    Answered(ResponseMessage),
    /// The request was not answered by its deadline. The session may still be there.
    Unanswered(Error),
    /// The session has ended.
    Closed,
}

/// What a login has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// What protects the session.
    pub protection: Protection,
    /// The level at which commands are given: the one asked for, unless the BMC needs
    /// [`Quirk::SetPrivilege`].
    pub privilege: Privilege,
    /// The BMC's GUID (IPMI 2.0 §13.21), by which it can be told from another one; vouched for by the password. Some
    /// BMCs have all zeros; IPMI 1.5 tells none.
    pub bmc_guid: Option<[u8; 16]>,
    /// The quirks that are worked around in this session.
    pub workarounds: QuirkSet,
}

/// What protects a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// IPMI 1.5, each packet authenticated so.
    Ipmi15(AuthenticationType),
    /// IPMI 2.0 with this cipher suite.
    Ipmi20(CipherSuite),
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipmi15(AuthenticationType::None) => {
                f.write_str("IPMI 1.5 without authentication of packets")
            }
            Self::Ipmi15(kind) => write!(f, "IPMI 1.5 with authentication type {kind}"),
            Self::Ipmi20(suite) => write!(f, "IPMI 2.0 with cipher suite {suite}"),
        }
    }
}

/// A request for [`Session::request`].
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is called in errors.
    pub name: &'static str,
    /// Its network function.
    pub network_function: NetworkFunction,
    /// Its command number.
    pub command: u8,
    /// Its data.
    pub data: Vec<u8>,
    /// Whether it may be sent more than once.
    pub delivery: Delivery,
}

/// Whether a request may be sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Until it is answered: doing it twice is as good as once.
    Repeated,
    /// Once only. Whether an unanswered one was carried out must be found out by other means.
    Once,
}

impl Request {
    /// The request that a command makes.
    #[must_use]
    pub fn of<C: Command>(command: &C, delivery: Delivery) -> Self {
        Self {
            name: C::NAME,
            network_function: C::NETWORK_FUNCTION,
            command: C::NUMBER,
            data: command.to_data(),
            delivery,
        }
    }
}

/// A session with a BMC: the login, then one request at a time, then the end.
pub struct Session<R> {
    config: SessionConfig,
    random: R,
    outputs: VecDeque<Output>,
    findings: Findings,
    state: State,
}

/// What is known of the BMC so far.
#[derive(Default)]
struct Findings {
    quirks: QuirkSet,
    /// The shortest time in which it has answered.
    round_trip: Option<Duration>,
    reader: AnswerReader,
    /// The last one sent, six bits.
    request_sequence: u8,
}

enum State {
    LoggingIn(Box<Login>),
    Active(Box<Active>),
    Closing(Box<Active>),
    Ended,
}

impl<R: CryptoRng> Session<R> {
    /// How long Close Session is waited for. The BMC forgets an abandoned session by itself after a minute.
    const CLOSING_TIME: Duration = Duration::from_millis(400);

    /// Starts a login, which ends by `deadline`.
    pub fn login(config: SessionConfig, random: R, now: Instant, deadline: Instant) -> Self {
        let findings = Findings { quirks: config.workarounds.forced(), ..Findings::default() };
        let outputs = VecDeque::new();
        let mut session = Self { config, random, outputs, findings, state: State::Ended };
        let progress = Login::start(&mut session.context(), now, deadline);
        session.progress(progress);
        session
    }

    /// Tells the session what happened. What does not belong to it is dropped.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Receive(bytes) => match Datagram::parse(bytes) {
                Ok(datagram) => self.handle_datagram(now, &datagram),
                Err(reason) => {
                    log::debug!("datagram dropped: {reason}");
                    if let State::LoggingIn(login) = &mut self.state {
                        login.note_foreign();
                    }
                }
            },
            Input::Timeout => self.handle_timeout(now),
            Input::Unreachable(reason) => {
                if let State::LoggingIn(login) = &mut self.state {
                    login.note_unreachable(reason);
                }
            }
        }
    }

    /// What the session wants next. To be called until it wants to wait.
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| {
            Output::Wait(match &self.state {
                State::LoggingIn(login) => Some(login.next_timeout(&self.config.retry)),
                State::Active(active) | State::Closing(active) => active.next_timeout(),
                State::Ended => None,
            })
        })
    }

    /// Whether a login is under way that the BMC has answered: there may be half a session, which only the end of the
    /// login makes one that can be closed.
    #[must_use]
    pub fn is_half_open(&self) -> bool {
        matches!(&self.state, State::LoggingIn(login) if login.was_heard())
    }

    /// Sends a request; [`Event::Answered`] or [`Event::Unanswered`] follows by `deadline`. A request that is still
    /// under way is given up for it.
    ///
    /// In a session that is not there the request is unanswered at once.
    pub fn request(&mut self, now: Instant, request: Request, deadline: Instant) {
        let State::Active(mut active) = std::mem::replace(&mut self.state, State::Ended) else {
            let reason = ErrorKind::NotConnected.into();
            let error = Error::System { what: "no session with the BMC", reason };
            return self.event(Event::Unanswered(error));
        };
        let target = self.config.target;
        // A command may make the BMC work.
        let interval = self.config.retry.first_interval;
        active.send(&mut self.context(), now, request, target, interval, deadline);
        self.state = State::Active(active);
    }

    /// Ends the session: an active one is closed at the BMC. [`Event::Closed`] follows shortly.
    pub fn close(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Active(active) => self.start_closing(now, active),
            State::LoggingIn(login) => match login.into_active() {
                Some(active) => self.start_closing(now, active),
                None => self.event(Event::Closed),
            },
            State::Closing(active) => self.state = State::Closing(active),
            State::Ended => self.event(Event::Closed),
        }
    }

    /// Ends the session without waiting: an active one is closed at the BMC, if the one datagram for that arrives.
    pub fn abandon(&mut self, now: Instant) {
        let active = match std::mem::replace(&mut self.state, State::Ended) {
            State::Active(active) | State::Closing(active) => Some(active),
            State::LoggingIn(login) => login.into_active(),
            State::Ended => None,
        };
        if let Some(mut active) = active {
            active.close_without_waiting(&mut self.context(), now);
        }
    }

    fn start_closing(&mut self, now: Instant, mut active: Box<Active>) {
        active.send_close(&mut self.context(), now, now + Self::CLOSING_TIME);
        self.state = State::Closing(active);
    }

    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::LoggingIn(login) => {
                let progress = login.handle_datagram(&mut self.context(), now, datagram);
                self.progress(progress);
            }
            State::Active(mut active) => {
                if let Some(response) = active.handle_datagram(&mut self.context(), now, datagram) {
                    self.event(Event::Answered(response));
                }
                self.state = State::Active(active);
            }
            State::Closing(mut active) => {
                match active.handle_datagram(&mut self.context(), now, datagram) {
                    Some(_) => self.event(Event::Closed),
                    None => self.state = State::Closing(active),
                }
            }
            State::Ended => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::LoggingIn(login) => {
                let progress = login.handle_timeout(&mut self.context(), now);
                self.progress(progress);
            }
            State::Active(mut active) => {
                match active.handle_timeout(&mut self.context(), now) {
                    Some(Ok(response)) => self.event(Event::Answered(response)),
                    Some(Err(error)) => self.event(Event::Unanswered(error)),
                    None => {}
                }
                self.state = State::Active(active);
            }
            State::Closing(mut active) => match active.handle_timeout(&mut self.context(), now) {
                Some(_) => self.event(Event::Closed),
                None => self.state = State::Closing(active),
            },
            State::Ended => {}
        }
    }

    fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Continues(login) => self.state = State::LoggingIn(login),
            Progress::LoggedIn(active) => {
                let logged_in = active.logged_in(self.findings.quirks);
                self.state = State::Active(active);
                self.event(Event::LoggedIn(logged_in));
            }
            Progress::Failed(error) => self.event(Event::LoginFailed(error)),
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn context(&mut self) -> Context<'_> {
        let Self { config, random, outputs, findings, .. } = self;
        Context { config, random, outputs, findings }
    }
}

/// What every step of a session needs.
struct Context<'a> {
    config: &'a SessionConfig,
    random: &'a mut dyn CryptoRng,
    outputs: &'a mut VecDeque<Output>,
    findings: &'a mut Findings,
}

impl Context<'_> {
    /// What [`Quirk::IntelWv2`] wants behind each request.
    const THUMP: [u8; 10] = *b"thump\0\0\0\0\0";

    fn transmit(&mut self, datagram: &Datagram) {
        self.transmit_bytes(datagram.to_bytes());
        if self.config.workarounds.forces(Quirk::IntelWv2) {
            self.transmit_bytes(Self::THUMP.to_vec());
        }
    }

    fn transmit_bytes(&mut self, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Transmit(bytes));
    }

    fn random_bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    fn next_request_sequence(&mut self) -> u8 {
        self.findings.request_sequence = (self.findings.request_sequence + 1) & 0x3f;
        self.findings.request_sequence
    }

    /// The first wait for an answer that takes the BMC no work.
    fn interval(&self) -> Duration {
        self.config.retry.interval(self.findings.round_trip)
    }

    fn note_round_trip(&mut self, now: Instant, transmissions: &Transmissions) {
        let shortest = &mut self.findings.round_trip;
        let latest = transmissions.round_trip(now);
        *shortest = [*shortest, latest].into_iter().flatten().min();
    }

    /// The answer that a message is, if it `fits` what was asked.
    fn read(
        &mut self,
        message: &[u8],
        vouched: Vouched,
        fits: impl FnOnce(&ResponseMessage) -> bool,
    ) -> Option<ResponseMessage> {
        let Findings { reader, quirks, .. } = self.findings;
        reader.read(message, vouched, &self.config.workarounds, quirks, fits)
    }

    /// Whether the same request may well succeed a moment later.
    fn is_worth_asking_again(&self, code: CompletionCode) -> bool {
        code.is_transient() && self.config.workarounds.finds(Quirk::Busy)
    }
}
