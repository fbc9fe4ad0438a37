//! A session and a simulated BMC, with a network of make-believe and virtual time in between.

use std::time::{Duration, Instant};

use bmc_sim::{Bmc, Config, User};
use ipmi_lan::command::GetChassisStatus;
use ipmi_lan::session::{Delivery, Event, Input, Output, Request, Session, SessionConfig};
use ipmi_lan::wire::{Datagram, PayloadType, ResponseMessage};
use ipmi_lan::{
    CipherSuite, Error, LoggedIn, Password, Privilege, Protection, Protocol, RetryPolicy, Username,
    Workarounds,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

pub const MILLISECOND: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// From whom a datagram comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Console,
    Bmc,
}

/// What a network makes of a datagram: any number of datagrams, each after a delay.
pub type Delivered = Vec<(Duration, Vec<u8>)>;

type Network = Box<dyn FnMut(From, &[u8]) -> Delivered>;

/// Delivers everything, after a millisecond.
pub fn as_it_is(datagram: &[u8]) -> Delivered {
    vec![(MILLISECOND, datagram.to_vec())]
}

pub struct Pair {
    pub session: Session<StdRng>,
    pub bmc: Bmc,
    pub started: Instant,
    pub now: Instant,
    /// Everything that the console sent, and when.
    pub sent: Vec<(Duration, Vec<u8>)>,
    network: Network,
    in_flight: Vec<(Instant, From, Vec<u8>)>,
}

impl Pair {
    /// Starts a login of "admin" to a BMC that knows him, through this network.
    pub fn new(network: impl FnMut(From, &[u8]) -> Delivered + 'static) -> Self {
        Self::with(config(), bmc_config(), 1, network)
    }

    pub fn with(
        config: SessionConfig,
        bmc: Config,
        seed: u64,
        network: impl FnMut(From, &[u8]) -> Delivered + 'static,
    ) -> Self {
        let now = Instant::now();
        let random = StdRng::seed_from_u64(seed);
        Self {
            session: Session::login(config, random, now, now + 60 * SECOND),
            bmc: Bmc::new(bmc, StdRng::seed_from_u64(seed + 1)),
            started: now,
            now,
            sent: Vec::new(),
            network: Box::new(network),
            in_flight: Vec::new(),
        }
    }

    /// Lets the time pass until something happens to the session.
    pub fn next_event(&mut self) -> Event {
        loop {
            match self.session.poll_output() {
                Output::Event(event) => return event,
                Output::Transmit(datagram) => {
                    self.sent.push((self.elapsed(), datagram.clone()));
                    self.carry(From::Console, &datagram);
                }
                // What is on its way to the old port is lost.
                Output::ChangePort => self.in_flight.retain(|(_, from, _)| *from == From::Console),
                Output::Wait(until) => self.wait(until.expect("something is waited for")),
            }
        }
    }

    /// Logs in by IPMI 2.0.
    pub fn log_in_with_suite(&mut self) -> Result<CipherSuite, Error> {
        self.log_in().map(|logged_in| match logged_in.protection {
            Protection::Ipmi20(suite) => suite,
            protection => panic!("{protection}"),
        })
    }

    pub fn log_in(&mut self) -> Result<LoggedIn, Error> {
        match self.next_event() {
            Event::LoggedIn(logged_in) => Ok(logged_in),
            Event::LoginFailed(error) => Err(error),
            event => panic!("{event:?}"),
        }
    }

    /// Asks for the chassis status: whether power is on.
    pub fn is_power_on(&mut self) -> Result<bool, Error> {
        self.request(&Request::of(&GetChassisStatus, Delivery::Repeated))
            .map(|data| data[0] & 1 == 1)
    }

    /// The answer to Get Chassis Status, whatever it is.
    pub fn answer_to_status(&mut self) -> ResponseMessage {
        let request = Request::of(&GetChassisStatus, Delivery::Repeated);
        self.session.request(self.now, request, self.now + 60 * SECOND);
        match self.next_event() {
            Event::Answered(response) => response,
            event => panic!("{event:?}"),
        }
    }

    /// The data of the answer, which must have succeeded.
    pub fn request(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        self.session.request(self.now, request.clone(), self.now + 20 * SECOND);
        match self.next_event() {
            Event::Answered(response) => {
                assert_eq!(response.completion.0, 0, "{response:?}");
                Ok(response.data)
            }
            Event::Unanswered(error) => Err(error),
            event => panic!("{event:?}"),
        }
    }

    pub fn close(&mut self) {
        self.session.close(self.now);
        let event = self.next_event();
        assert!(matches!(event, Event::Closed), "{event:?}");
    }

    /// Lets everything arrive that is on its way.
    pub fn settle(&mut self) {
        while let Output::Transmit(datagram) = self.session.poll_output() {
            self.carry(From::Console, &datagram);
        }
        while let Some((at, ..)) = self.in_flight.first() {
            self.wait(*at);
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.started
    }

    /// How many payloads of this type, outside a session, the console sent.
    pub fn count_sent(&self, payload_type: PayloadType) -> usize {
        self.sent
            .iter()
            .filter(|(_, datagram)| payload_type_of(datagram) == Some(payload_type))
            .count()
    }

    /// Carries a datagram over the network as if the BMC, or somebody in its name, had sent it.
    pub fn carry(&mut self, from: From, datagram: &[u8]) {
        for (delay, datagram) in (self.network)(from, datagram) {
            self.in_flight.push((self.now + delay, from, datagram));
        }
        self.in_flight.sort_by_key(|(at, ..)| *at);
    }

    fn wait(&mut self, until: Instant) {
        match self.in_flight.first() {
            Some((at, ..)) if *at <= until => {
                let (at, from, datagram) = self.in_flight.remove(0);
                self.now = self.now.max(at);
                match from {
                    From::Bmc => self.session.handle_input(self.now, Input::Receive(&datagram)),
                    From::Console => {
                        for answer in self.bmc.handle(self.now, &datagram) {
                            self.carry(From::Bmc, &answer);
                        }
                    }
                }
            }
            _ => {
                self.now = self.now.max(until);
                self.session.handle_input(self.now, Input::Timeout);
            }
        }
    }
}

pub fn config() -> SessionConfig {
    SessionConfig {
        protocol: Protocol::Ipmi20,
        username: Username::new("admin").unwrap(),
        password: Password::new("right password").unwrap(),
        kg: None,
        privilege: Privilege::Administrator,
        authentication: None,
        cipher_suites: CipherSuite::RECOMMENDED.to_vec(),
        target: None,
        workarounds: Workarounds::default(),
        retry: RetryPolicy::default(),
    }
}

pub fn bmc_config() -> Config {
    Config::new(vec![User::administrator("admin", "right password").unwrap()])
}

/// The type of a payload in the format of IPMI 2.0; `None` for one of IPMI 1.5.
pub fn payload_type_of(datagram: &[u8]) -> Option<PayloadType> {
    match Datagram::parse(datagram) {
        Ok(Datagram::Ipmi20(packet)) => Some(packet.payload_type),
        _ => None,
    }
}
