mod bridging;
mod faults;
mod garbage;
mod ipmi15;
mod login;
mod power;
mod quirks;
mod session;

use std::time::{Duration, Instant};

use ipmi_lan::command::Command;
use ipmi_lan::crypto::{RakpExchange, SessionKeys};
use ipmi_lan::wire::{
    Datagram, OpenSessionRequest, OpenSessionResponse, Packet20, PayloadType, Rakp1, Rakp2, Rakp3,
    Rakp4, RequestMessage, ResponseMessage, Role,
};
use ipmi_lan::{
    CipherSuite, CompletionCode, Kg, Password, Privilege, QuirkSet, RmcpPlusStatus, Username,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Bmc;
use crate::{Config, EventKind, User};

const CONSOLE_SESSION_ID: u32 = 0x0102_0304;
const CONSOLE_RANDOM: [u8; 16] = [0x5a; 16];

/// A BMC in virtual time.
struct Bench {
    bmc: Bmc,
    now: Instant,
}

/// What a console knows before it logs in.
#[derive(Clone)]
struct Credentials {
    suite: CipherSuite,
    name: Username,
    password: Password,
    kg: Option<Kg>,
    role: Role,
}

/// A console that is logged in.
struct Console {
    keys: SessionKeys,
    bmc_session_id: u32,
    session_sequence: u32,
    request_sequence: u8,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self { bmc: Bmc::new(config, StdRng::seed_from_u64(1)), now: Instant::now() }
    }

    fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn send(&mut self, datagram: &Datagram) -> Option<Datagram> {
        let mut answers = self.send_for_all(datagram);
        assert!(answers.len() <= 1);
        answers.pop()
    }

    fn send_for_all(&mut self, datagram: &Datagram) -> Vec<Datagram> {
        let answers = self.bmc.handle(self.now, &datagram.to_bytes());
        answers.iter().map(|answer| Datagram::parse(answer).unwrap()).collect()
    }

    /// Sends a payload outside any session; returns the payload of the answer.
    fn send_payload(&mut self, kind: PayloadType, payload: Vec<u8>) -> Option<Vec<u8>> {
        let packet = Packet20::sessionless(kind, payload);
        match self.send(&Datagram::Ipmi20(packet))? {
            Datagram::Ipmi20(answer) => Some(answer.payload),
            other => panic!("{other:?}"),
        }
    }

    fn open_session(&mut self, suite: CipherSuite) -> u32 {
        match self.open_session_with(suite.algorithms(), None) {
            OpenSessionResponse::Accepted { bmc_session_id, .. } => bmc_session_id,
            refused @ OpenSessionResponse::Refused { .. } => panic!("{refused:?}"),
        }
    }

    fn open_session_with(
        &mut self,
        algorithms: ipmi_lan::wire::ProposedAlgorithms,
        privilege: Option<Privilege>,
    ) -> OpenSessionResponse {
        let console_session_id = CONSOLE_SESSION_ID;
        let request = OpenSessionRequest { tag: 1, privilege, console_session_id, algorithms };
        let answer = self.send_payload(PayloadType::OpenSessionRequest, request.to_bytes());
        OpenSessionResponse::parse(&answer.unwrap()).unwrap()
    }

    fn rakp1(&mut self, request: &Rakp1) -> Rakp2 {
        let answer = self.send_payload(PayloadType::Rakp1, request.to_bytes());
        Rakp2::parse(&answer.unwrap()).unwrap()
    }

    fn rakp3(&mut self, request: &Rakp3) -> Rakp4 {
        let answer = self.send_payload(PayloadType::Rakp3, request.to_bytes());
        Rakp4::parse(&answer.unwrap()).unwrap()
    }

    fn login(&mut self, credentials: &Credentials) -> Console {
        let bmc_session_id = self.open_session(credentials.suite);
        let exchange = self.exchange(credentials, bmc_session_id);
        let rakp3 = rakp3(&exchange, &credentials.password);
        let Rakp4::Accepted { code, .. } = self.rakp3(&rakp3) else { panic!("RAKP 3 refused") };
        let key = exchange.session_integrity_key(&credentials.password, credentials.kg.as_ref());
        assert!(key.is_rakp4_genuine(&code));
        let keys = key.session_keys(QuirkSet::NONE);
        Console { keys, bmc_session_id, session_sequence: 0, request_sequence: 0 }
    }

    /// A login of the user that [`config`] has, raised to the highest level.
    fn administrator(&mut self) -> Console {
        let mut console = self.login(&credentials());
        let level = ipmi_lan::command::SetSessionPrivilegeLevel(Privilege::Administrator);
        assert_eq!(console.ask(self, &level), Ok(Privilege::Administrator));
        console
    }

    /// RAKP 1 and 2.
    fn exchange(&mut self, credentials: &Credentials, bmc_session_id: u32) -> RakpExchange {
        let (exchange, code) = self.unproven_exchange(credentials, bmc_session_id);
        assert!(exchange.is_rakp2_genuine(&credentials.password, &code));
        exchange
    }

    /// RAKP 1 and 2, and the code of RAKP 2.
    fn unproven_exchange(
        &mut self,
        credentials: &Credentials,
        bmc_session_id: u32,
    ) -> (RakpExchange, Vec<u8>) {
        let answer = self.rakp1(&rakp1(credentials, bmc_session_id));
        let Rakp2::Accepted { bmc_random, bmc_guid, code, .. } = answer else {
            panic!("{answer:?}")
        };
        let exchange = RakpExchange {
            suite: credentials.suite,
            console_session_id: CONSOLE_SESSION_ID,
            bmc_session_id,
            console_random: CONSOLE_RANDOM,
            bmc_random,
            bmc_guid,
            role: credentials.role,
            username: credentials.name,
            quirks: QuirkSet::NONE,
        };
        (exchange, code)
    }

    /// The events of that kind so far.
    fn count(&self, kind: &EventKind) -> usize {
        self.bmc.events().iter().filter(|event| event.kind == *kind).count()
    }

    fn last_event(&self) -> &EventKind {
        &self.bmc.events().last().unwrap().kind
    }
}

impl Console {
    /// What the BMC answers to a command.
    fn ask<C: Command>(
        &mut self,
        bench: &mut Bench,
        command: &C,
    ) -> Result<C::Response, CompletionCode> {
        self.try_ask(bench, command).expect("no answer")
    }

    /// The same. `None` when there is no answer.
    fn try_ask<C: Command>(
        &mut self,
        bench: &mut Bench,
        command: &C,
    ) -> Option<Result<C::Response, CompletionCode>> {
        let request = self.request(command);
        let response = self.send(bench, &request)?;
        Some(match response.completion {
            CompletionCode::OK => Ok(command.parse_response(&response.data).unwrap()),
            completion => Err(completion),
        })
    }

    fn request<C: Command>(&mut self, command: &C) -> RequestMessage {
        self.request_sequence = (self.request_sequence + 1) % 64;
        command.to_message(self.request_sequence)
    }

    /// Seals a request, anew each time, and opens the answer.
    fn send(&mut self, bench: &mut Bench, request: &RequestMessage) -> Option<ResponseMessage> {
        let mut responses = self.send_for_all(bench, request);
        assert!(responses.len() <= 1);
        let response = responses.pop()?;
        assert!(response.answers(request), "{response:?}");
        Some(response)
    }

    fn send_for_all(
        &mut self,
        bench: &mut Bench,
        request: &RequestMessage,
    ) -> Vec<ResponseMessage> {
        let packet = self.seal(request);
        let answers = bench.send_for_all(&Datagram::Ipmi20(packet));
        answers.into_iter().map(|answer| self.open(answer)).collect()
    }

    fn open(&self, answer: Datagram) -> ResponseMessage {
        let Datagram::Ipmi20(answer) = answer else { panic!("{answer:?}") };
        assert_eq!(answer.session_id, CONSOLE_SESSION_ID);
        ResponseMessage::parse(&self.keys.open(&answer).unwrap()).unwrap()
    }

    fn seal(&mut self, request: &RequestMessage) -> Packet20 {
        self.session_sequence += 1;
        let sequence = self.session_sequence;
        self.keys.seal(self.bmc_session_id, sequence, &request.to_bytes(), [0xa5; 16])
    }
}

fn config() -> Config {
    Config::new(vec![user()])
}

fn user() -> User {
    User::administrator("admin", "secret").unwrap()
}

fn credentials() -> Credentials {
    Credentials {
        suite: CipherSuite::SUITE_17,
        name: user().name,
        password: user().password,
        kg: None,
        role: Role { privilege: Privilege::Administrator, name_only: true },
    }
}

fn rakp1(credentials: &Credentials, bmc_session_id: u32) -> Rakp1 {
    Rakp1 {
        tag: 2,
        bmc_session_id,
        console_random: CONSOLE_RANDOM,
        role: credentials.role,
        username: credentials.name,
    }
}

fn rakp3(exchange: &RakpExchange, password: &Password) -> Rakp3 {
    Rakp3 {
        tag: 3,
        status: RmcpPlusStatus::NO_ERRORS,
        bmc_session_id: exchange.bmc_session_id,
        code: exchange.rakp3_code(password),
    }
}
