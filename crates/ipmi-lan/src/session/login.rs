use std::io::ErrorKind;
use std::time::Instant;

use crate::command::{
    CloseSession, Command, GetChannelAuthenticationCapabilities, SetSessionPrivilegeLevel,
};
use crate::crypto::{RakpExchange, SessionIntegrityKey};
use crate::error::SuiteIds;
use crate::retry::Transmissions;
use crate::wire::{
    Authentication15, Datagram, OpenSessionRequest, OpenSessionResponse, Packet15, Packet20,
    PayloadType, Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage, Role,
};
use crate::{
    CipherSuite, CompletionCode, Error, NoAnswer, Password, Privilege, RetryPolicy, RmcpPlusStatus,
    Step,
};

use super::active::Active;
use super::{Context, Delivery, Request, SessionConfig};

/// A login under way (IPMI 2.0 §13.14): capabilities, Open Session, RAKP 1 to 4, privilege level.
pub(super) struct Login {
    started: Instant,
    deadline: Instant,
    /// The last time that anything of this login came from the BMC.
    heard_at: Instant,
    heard: bool,
    unreachable: Option<ErrorKind>,
    /// Those that the BMC has not refused; the first is the one being proposed.
    suites: Vec<CipherSuite>,
    refused: Vec<u8>,
    /// How often the login had to start anew.
    restarts: u32,
    /// Whether any message since Open Session was sent more than once.
    has_repeated: bool,
    /// Of the last message; each new message has the next.
    tag: u8,
    expect: Expect,
}

/// What became of a login after some input.
pub(super) enum Progress {
    Continues(Box<Login>),
    LoggedIn(Box<Active>),
    Failed(Error),
}

/// What the login awaits.
enum Expect {
    Capabilities(Sent, ExpectCapabilities),
    OpenSessionResponse(Sent, ExpectOpenSessionResponse),
    Rakp2(Sent, ExpectRakp2),
    Rakp4(Sent, Box<ExpectRakp4>),
    Privilege(Box<Active>),
}

/// The message that awaits its answer, ready to be sent again.
struct Sent {
    datagram: Vec<u8>,
    transmissions: Transmissions,
}

/// What a datagram is to the one who expects something.
enum Verdict<T> {
    /// Nothing: somebody else's, a duplicate, a late answer. It changes nothing, and restarts no timer.
    Stranger,
    /// What was expected.
    Accepted(T),
    /// The BMC does not take the suite.
    SuiteRefused(RmcpPlusStatus),
    /// The BMC has lost the thread, most likely because our repetitions crossed its answers.
    StartAnew,
    /// The end.
    Failed(Error),
}

impl Login {
    pub(super) fn start(context: &mut Context, now: Instant, deadline: Instant) -> Self {
        let [tag, request_sequence] = context.random_bytes();
        let expect = ExpectCapabilities { request_sequence: request_sequence & 0x3f };
        let datagram = expect.request(context.config.privilege);
        let sent = Sent::now(context, now, datagram, 0);
        Self {
            started: now,
            deadline,
            heard_at: now,
            heard: false,
            unreachable: None,
            suites: context.config.cipher_suites.clone(),
            refused: Vec::new(),
            restarts: 0,
            has_repeated: false,
            tag,
            expect: Expect::Capabilities(sent, expect),
        }
    }

    pub(super) fn note_unreachable(&mut self, reason: ErrorKind) {
        self.unreachable = Some(reason);
    }

    pub(super) fn next_timeout(&self, retry: &RetryPolicy) -> Instant {
        let step = match &self.expect {
            Expect::Capabilities(sent, _)
            | Expect::OpenSessionResponse(sent, _)
            | Expect::Rakp2(sent, _)
            | Expect::Rakp4(sent, _) => sent.transmissions.next_at(),
            Expect::Privilege(active) => active.next_timeout().unwrap_or(self.deadline),
        };
        step.min(self.end(retry))
    }

    /// When the login is given up, unless the BMC answers before.
    fn end(&self, retry: &RetryPolicy) -> Instant {
        self.deadline.min(self.heard_at + retry.silence)
    }

    /// The session, if the BMC has activated it already.
    pub(super) fn into_active(self) -> Option<Box<Active>> {
        match self.expect {
            Expect::Privilege(active) => Some(active),
            _ => None,
        }
    }

    pub(super) fn handle_datagram(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        datagram: &Datagram,
    ) -> Progress {
        let config = context.config;
        let verdict = match &mut self.expect {
            Expect::Capabilities(_, expect) => expect.judge(datagram).map(|()| Next::OpenSession),
            Expect::OpenSessionResponse(_, expect) => {
                expect.judge(datagram).map(|bmc_session_id| Next::Rakp1 {
                    suite: expect.suite,
                    console_session_id: expect.console_session_id,
                    bmc_session_id,
                })
            }
            Expect::Rakp2(_, expect) => expect
                .judge(datagram, config, self.has_repeated)
                .map(|exchange| Next::Rakp3(Box::new(exchange))),
            Expect::Rakp4(_, expect) => expect
                .judge(datagram, config, self.has_repeated)
                .map(|()| Next::Privilege(Box::new(expect.activate()))),
            Expect::Privilege(active) => match active.handle_datagram(datagram) {
                None => Verdict::Stranger,
                Some(response) => self.judge_privilege(context, &response),
            },
        };
        if !matches!(verdict, Verdict::Stranger) {
            self.heard = true;
            self.heard_at = now;
        }
        match verdict {
            Verdict::Stranger => {
                log::debug!("datagram dropped: not the answer awaited");
                Progress::Continues(self)
            }
            Verdict::Accepted(next) => self.proceed(context, now, next),
            Verdict::SuiteRefused(status) => self.propose_next_suite(context, now, status),
            Verdict::StartAnew => self.start_anew(context, now),
            Verdict::Failed(error) => Progress::Failed(error),
        }
    }

    pub(super) fn handle_timeout(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
    ) -> Progress {
        if now >= self.end(&context.config.retry) {
            return self.give_up(context, now);
        }
        let limit = context.config.retry.transmissions_per_step;
        let is_exhausted = match &mut self.expect {
            Expect::Capabilities(sent, _) => !sent.repeat_if_due(context, now, u32::MAX),
            Expect::OpenSessionResponse(sent, _)
            | Expect::Rakp2(sent, _)
            | Expect::Rakp4(sent, _) => !sent.repeat_if_due(context, now, limit),
            Expect::Privilege(active) => match active.handle_timeout(context, now) {
                None => false,
                Some(Err(error)) => return Progress::Failed(error),
                Some(Ok(busy)) => {
                    return Progress::Failed(privilege_refused(context.config, &busy));
                }
            },
        };
        if !is_exhausted {
            self.has_repeated |= self.expect.was_repeated();
            return Progress::Continues(self);
        }
        if matches!(self.expect, Expect::OpenSessionResponse(..)) {
            // Silence may mean that the BMC drops proposals it does not know.
            self.suites.rotate_left(1);
        }
        self.start_anew(context, now)
    }

    fn proceed(mut self: Box<Self>, context: &mut Context, now: Instant, next: Next) -> Progress {
        match next {
            Next::OpenSession => self.open_session(context, now),
            Next::Rakp1 { suite, console_session_id, bmc_session_id } => {
                let tag = self.next_tag();
                let expect = ExpectRakp2 {
                    tag,
                    suite,
                    console_session_id,
                    bmc_session_id,
                    console_random: context.random_bytes(),
                };
                let datagram = expect.rakp1(context.config);
                let sent = Sent::now(context, now, datagram, self.restarts);
                self.expect = Expect::Rakp2(sent, expect);
                Progress::Continues(self)
            }
            Next::Rakp3(exchange) => {
                let tag = self.next_tag();
                let SessionConfig { password, kg, .. } = context.config;
                let key = exchange.session_integrity_key(password, kg.as_ref());
                let datagram = rakp3(tag, &exchange, password);
                let sent = Sent::now(context, now, datagram, self.restarts);
                let expect = ExpectRakp4 { tag, exchange: *exchange, key };
                self.expect = Expect::Rakp4(sent, Box::new(expect));
                Progress::Continues(self)
            }
            Next::Privilege(active) => self.raise_privilege(context, now, active),
            Next::Ready => match self.expect {
                Expect::Privilege(active) => Progress::LoggedIn(active),
                // Only a judged answer to Set Session Privilege Level leads here.
                _ => Progress::Continues(self),
            },
        }
    }

    fn open_session(mut self: Box<Self>, context: &mut Context, now: Instant) -> Progress {
        let Some(suite) = self.suites.first().copied() else {
            let status = RmcpPlusStatus::NO_CIPHER_SUITE_MATCH;
            let suites = SuiteIds(self.refused);
            return Progress::Failed(Error::SuitesRefused { suites, status });
        };
        self.has_repeated = false;
        let tag = self.next_tag();
        // 0 is the id of packets outside a session (IPMI 2.0 §13.17).
        let console_session_id = u32::from_le_bytes(context.random_bytes()).max(1);
        let expect = ExpectOpenSessionResponse { tag, suite, console_session_id };
        let datagram = expect.request(context.config.privilege);
        let sent = Sent::now(context, now, datagram, self.restarts);
        self.expect = Expect::OpenSessionResponse(sent, expect);
        Progress::Continues(self)
    }

    fn propose_next_suite(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        status: RmcpPlusStatus,
    ) -> Progress {
        let suite = self.suites.remove(0);
        log::debug!("cipher suite {suite} refused: {status}");
        self.refused.push(suite.id());
        if self.suites.is_empty() {
            let suites = SuiteIds(self.refused);
            return Progress::Failed(Error::SuitesRefused { suites, status });
        }
        self.open_session(context, now)
    }

    /// With a new session, new random numbers and longer intervals.
    fn start_anew(mut self: Box<Self>, context: &mut Context, now: Instant) -> Progress {
        self.restarts += 1;
        log::debug!("login starts anew");
        self.open_session(context, now)
    }

    /// An activated session begins at level User (IPMI 2.0 §22.18), which is enough for a user.
    fn raise_privilege(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        mut active: Box<Active>,
    ) -> Progress {
        if context.config.privilege <= Privilege::User {
            return Progress::LoggedIn(active);
        }
        let command = SetSessionPrivilegeLevel(context.config.privilege);
        let request = Request::of(&command, Delivery::Repeated);
        active.send(context, now, request, self.deadline);
        self.expect = Expect::Privilege(active);
        Progress::Continues(self)
    }

    fn judge_privilege(
        &mut self,
        context: &mut Context,
        response: &ResponseMessage,
    ) -> Verdict<Next> {
        if response.completion == CompletionCode::OK {
            return Verdict::Accepted(Next::Ready);
        }
        self.close_without_waiting(context);
        Verdict::Failed(privilege_refused(context.config, response))
    }

    fn give_up(mut self, context: &mut Context, now: Instant) -> Progress {
        let (step, transmissions) = match &self.expect {
            Expect::Capabilities(sent, _) => (Step::AuthenticationCapabilities, sent.count()),
            Expect::OpenSessionResponse(sent, _) => (Step::OpenSession, sent.count()),
            Expect::Rakp2(sent, _) => (Step::Rakp1, sent.count()),
            Expect::Rakp4(sent, _) => (Step::Rakp3, sent.count()),
            Expect::Privilege(active) => {
                (Step::Command(SetSessionPrivilegeLevel::NAME), active.transmissions())
            }
        };
        self.close_without_waiting(context);
        Progress::Failed(Error::NoAnswer(NoAnswer {
            step,
            transmissions,
            waited: now.saturating_duration_since(self.started),
            heard_before: self.heard,
            unreachable: self.unreachable.filter(|_| !self.heard),
        }))
    }

    /// A login that fails after the BMC activated the session gives the session back.
    fn close_without_waiting(&mut self, context: &mut Context) {
        if let Expect::Privilege(active) = &mut self.expect {
            let close = CloseSession { session_id: active.bmc_session_id() };
            let request = Request::of(&close, Delivery::Once);
            active.send(context, self.heard_at, request, self.deadline);
        }
    }

    fn next_tag(&mut self) -> u8 {
        self.tag = self.tag.wrapping_add(1);
        self.tag
    }
}

/// What follows an accepted answer.
enum Next {
    OpenSession,
    Rakp1 { suite: CipherSuite, console_session_id: u32, bmc_session_id: u32 },
    Rakp3(Box<RakpExchange>),
    Privilege(Box<Active>),
    Ready,
}

impl Sent {
    fn now(context: &mut Context, now: Instant, datagram: Vec<u8>, restarts: u32) -> Self {
        context.transmit(datagram.clone());
        Self { datagram, transmissions: Transmissions::start(now, &context.config.retry, restarts) }
    }

    /// False when it is due, and has been sent as often as it may be.
    fn repeat_if_due(&mut self, context: &mut Context, now: Instant, limit: u32) -> bool {
        if !self.transmissions.is_due(now) {
            return true;
        }
        if self.transmissions.count() >= limit {
            return false;
        }
        self.transmissions.repeat(now, &context.config.retry);
        context.transmit(self.datagram.clone());
        true
    }

    fn count(&self) -> u32 {
        self.transmissions.count()
    }
}

impl Expect {
    fn was_repeated(&self) -> bool {
        match self {
            Self::OpenSessionResponse(sent, _) | Self::Rakp2(sent, _) | Self::Rakp4(sent, _) => {
                sent.count() > 1
            }
            Self::Capabilities(..) | Self::Privilege(_) => false,
        }
    }
}

impl<T> Verdict<T> {
    fn map<U>(self, accepted: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Self::Stranger => Verdict::Stranger,
            Self::Accepted(value) => Verdict::Accepted(accepted(value)),
            Self::SuiteRefused(status) => Verdict::SuiteRefused(status),
            Self::StartAnew => Verdict::StartAnew,
            Self::Failed(error) => Verdict::Failed(error),
        }
    }
}

/// Awaits the answer to Get Channel Authentication Capabilities (IPMI 2.0 §22.13).
struct ExpectCapabilities {
    request_sequence: u8,
}

impl ExpectCapabilities {
    fn request(&self, privilege: Privilege) -> Vec<u8> {
        let command = GetChannelAuthenticationCapabilities { extended: true, privilege };
        let message = RequestMessage {
            network_function: GetChannelAuthenticationCapabilities::NETWORK_FUNCTION,
            command: GetChannelAuthenticationCapabilities::NUMBER,
            sequence: self.request_sequence,
            data: command.to_data(),
        };
        Datagram::Ipmi15(Packet15::sessionless(message.to_bytes())).to_bytes()
    }

    /// Nothing vouches for this answer. It decides only whether IPMI 2.0 is worth trying.
    fn judge(&self, datagram: &Datagram) -> Verdict<()> {
        let Some(response) = self.response(datagram) else { return Verdict::Stranger };
        match response.completion {
            CompletionCode::OK => {}
            // A BMC that knows no extended data is one of IPMI 1.5.
            CompletionCode::INVALID_DATA_FIELD => return Verdict::Failed(Error::NoIpmi20),
            code if code.is_transient() => return Verdict::Stranger,
            code => {
                return Verdict::Failed(Error::Refused {
                    command: GetChannelAuthenticationCapabilities::NAME,
                    network_function: GetChannelAuthenticationCapabilities::NETWORK_FUNCTION
                        .number(),
                    number: GetChannelAuthenticationCapabilities::NUMBER,
                    code,
                });
            }
        }
        let command =
            GetChannelAuthenticationCapabilities { extended: true, privilege: Privilege::User };
        match command.parse_response(&response.data) {
            Ok(capabilities) if capabilities.ipmi20 => Verdict::Accepted(()),
            Ok(_) => Verdict::Failed(Error::NoIpmi20),
            Err(_) => Verdict::Stranger,
        }
    }

    fn response(&self, datagram: &Datagram) -> Option<ResponseMessage> {
        let Datagram::Ipmi15(Packet15 {
            authentication: Authentication15::None,
            session_id: 0,
            payload,
            ..
        }) = datagram
        else {
            return None;
        };
        ResponseMessage::parse(payload).ok().filter(|response| {
            response.network_function == GetChannelAuthenticationCapabilities::NETWORK_FUNCTION
                && response.command == GetChannelAuthenticationCapabilities::NUMBER
                && response.sequence == self.request_sequence
        })
    }
}

/// Awaits Open Session Response (IPMI 2.0 §13.18).
struct ExpectOpenSessionResponse {
    tag: u8,
    suite: CipherSuite,
    console_session_id: u32,
}

impl ExpectOpenSessionResponse {
    fn request(&self, privilege: Privilege) -> Vec<u8> {
        let request = OpenSessionRequest {
            tag: self.tag,
            // The level itself, not "the highest": some BMCs hash this one instead of RAKP 1's.
            privilege: Some(privilege),
            console_session_id: self.console_session_id,
            algorithms: self.suite.algorithms(),
        };
        sessionless(PayloadType::OpenSessionRequest, request.to_bytes())
    }

    /// The BMC's session id.
    fn judge(&self, datagram: &Datagram) -> Verdict<u32> {
        let Some(payload) = payload(datagram, PayloadType::OpenSessionResponse) else {
            return Verdict::Stranger;
        };
        match OpenSessionResponse::parse(payload) {
            Ok(OpenSessionResponse::Accepted {
                tag,
                console_session_id,
                bmc_session_id,
                algorithms,
                ..
            }) if tag == self.tag
                && console_session_id == self.console_session_id
                && bmc_session_id != 0 =>
            {
                if algorithms == self.suite.algorithms() {
                    Verdict::Accepted(bmc_session_id)
                } else {
                    Verdict::Failed(Error::AlgorithmsChanged)
                }
            }
            Ok(OpenSessionResponse::Refused { tag, status, console_session_id })
                if tag == self.tag && is_or_unset(console_session_id, self.console_session_id) =>
            {
                Verdict::SuiteRefused(status)
            }
            _ => Verdict::Stranger,
        }
    }
}

/// Awaits RAKP 2 (IPMI 2.0 §13.21).
struct ExpectRakp2 {
    tag: u8,
    suite: CipherSuite,
    console_session_id: u32,
    bmc_session_id: u32,
    console_random: [u8; 16],
}

impl ExpectRakp2 {
    fn rakp1(&self, config: &SessionConfig) -> Vec<u8> {
        let rakp1 = Rakp1 {
            tag: self.tag,
            bmc_session_id: self.bmc_session_id,
            console_random: self.console_random,
            role: role(config),
            username: config.username,
        };
        sessionless(PayloadType::Rakp1, rakp1.to_bytes())
    }

    /// The exchange so far, once its code has proved that the BMC knows the password.
    fn judge(
        &self,
        datagram: &Datagram,
        config: &SessionConfig,
        has_repeated: bool,
    ) -> Verdict<RakpExchange> {
        let Some(payload) = payload(datagram, PayloadType::Rakp2) else { return Verdict::Stranger };
        match Rakp2::parse(payload) {
            Ok(Rakp2::Accepted { tag, console_session_id, bmc_random, bmc_guid, code })
                if tag == self.tag && console_session_id == self.console_session_id =>
            {
                let exchange = RakpExchange {
                    suite: self.suite,
                    console_session_id,
                    bmc_session_id: self.bmc_session_id,
                    console_random: self.console_random,
                    bmc_random,
                    bmc_guid,
                    role: role(config),
                    username: config.username,
                };
                if exchange.is_rakp2_genuine(&config.password, &code) {
                    Verdict::Accepted(exchange)
                } else {
                    Verdict::Failed(Error::WrongPassword)
                }
            }
            Ok(Rakp2::Refused { tag, status, console_session_id })
                if tag == self.tag && is_or_unset(console_session_id, self.console_session_id) =>
            {
                refused(Step::Rakp1, status, config, has_repeated)
            }
            _ => Verdict::Stranger,
        }
    }
}

/// Awaits RAKP 4 (IPMI 2.0 §13.23).
struct ExpectRakp4 {
    tag: u8,
    exchange: RakpExchange,
    key: SessionIntegrityKey,
}

impl ExpectRakp4 {
    fn judge(
        &self,
        datagram: &Datagram,
        config: &SessionConfig,
        has_repeated: bool,
    ) -> Verdict<()> {
        let Some(payload) = payload(datagram, PayloadType::Rakp4) else { return Verdict::Stranger };
        let expected_id = self.exchange.console_session_id;
        match Rakp4::parse(payload) {
            Ok(Rakp4::Accepted { tag, console_session_id, code })
                if tag == self.tag && console_session_id == expected_id =>
            {
                if self.key.is_rakp4_genuine(&code) {
                    Verdict::Accepted(())
                } else {
                    Verdict::Failed(Error::WrongKg { kg_given: config.kg.is_some() })
                }
            }
            Ok(Rakp4::Refused { tag, status, console_session_id })
                if tag == self.tag && is_or_unset(console_session_id, expected_id) =>
            {
                refused(Step::Rakp3, status, config, has_repeated)
            }
            _ => Verdict::Stranger,
        }
    }

    fn activate(&self) -> Active {
        Active::new(
            self.exchange.suite,
            self.key.session_keys(),
            self.exchange.console_session_id,
            self.exchange.bmc_session_id,
        )
    }
}

fn rakp3(tag: u8, exchange: &RakpExchange, password: &Password) -> Vec<u8> {
    let rakp3 = Rakp3 {
        tag,
        status: RmcpPlusStatus::NO_ERRORS,
        bmc_session_id: exchange.bmc_session_id,
        code: exchange.rakp3_code(password),
    };
    sessionless(PayloadType::Rakp3, rakp3.to_bytes())
}

/// A refusal of RAKP 1 or 3. After a repetition the BMC may complain of a session that the first transmission has
/// carried on already, or have drawn another random number (OpenBMC does for each RAKP 1); a new session helps.
fn refused<T>(
    step: Step,
    status: RmcpPlusStatus,
    config: &SessionConfig,
    has_repeated: bool,
) -> Verdict<T> {
    let is_confusion = matches!(
        status,
        RmcpPlusStatus::INVALID_SESSION_ID
            | RmcpPlusStatus::INACTIVE_SESSION_ID
            | RmcpPlusStatus::INVALID_INTEGRITY_CHECK
    );
    if is_confusion && has_repeated {
        return Verdict::StartAnew;
    }
    Verdict::Failed(Error::LoginRefused { step, status, privilege: config.privilege })
}

fn privilege_refused(config: &SessionConfig, response: &ResponseMessage) -> Error {
    Error::PrivilegeRefused { privilege: config.privilege, code: response.completion }
}

fn role(config: &SessionConfig) -> Role {
    Role { privilege: config.privilege, name_only: true }
}

fn is_or_unset(session_id: Option<u32>, expected: u32) -> bool {
    matches!(session_id, None | Some(0)) || session_id == Some(expected)
}

fn sessionless(payload_type: PayloadType, payload: Vec<u8>) -> Vec<u8> {
    Datagram::Ipmi20(Packet20::sessionless(payload_type, payload)).to_bytes()
}

/// The payload of a packet of this type outside any session.
fn payload(datagram: &Datagram, expected: PayloadType) -> Option<&[u8]> {
    match datagram {
        Datagram::Ipmi20(Packet20 {
            payload_type,
            session_id: 0,
            encrypted: false,
            trailer: None,
            payload,
            ..
        }) if *payload_type == expected => Some(payload),
        _ => None,
    }
}
