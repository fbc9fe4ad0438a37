//! The sessions of the fixtures, with the secrets that their heads state.

use crate::exchange::{self, Said};
use ipmi_lan::command::Command;
use ipmi_lan::crypto::{Codes15, RakpExchange, SessionIntegrityKey, SessionKeys};
use ipmi_lan::wire::{
    Datagram, OpenSessionRequest, OpenSessionResponse, Packet15, Packet20, PayloadType, Rakp1,
    Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage,
};
use ipmi_lan::{
    AuthenticationType, CipherSuite, CompletionCode, Kg, Password, Privilege, QuirkSet,
};

/// The user of all sessions.
pub(crate) const USER: &str = "admin";

/// A session of IPMI 1.5.
#[derive(Clone, Copy)]
pub(crate) struct Session15 {
    pub(crate) fixture: &'static str,
    pub(crate) kind: AuthenticationType,
    pub(crate) password: &'static str,
}

pub(crate) const IPMITOOL_15: Session15 = Session15 {
    fixture: exchange::IPMITOOL_IPMI15,
    kind: AuthenticationType::Md5,
    password: "secret",
};

pub(crate) const SESSIONS_15: [Session15; 5] = [
    IPMITOOL_15,
    Session15 {
        fixture: exchange::IPMI15_NONE,
        kind: AuthenticationType::None,
        password: "secret",
    },
    Session15 {
        fixture: exchange::IPMI15_PASSWORD,
        kind: AuthenticationType::Password,
        password: "secret",
    },
    Session15 { fixture: exchange::IPMI15_MD2, kind: AuthenticationType::Md2, password: "secret" },
    Session15 {
        fixture: exchange::IPMI15_MD5,
        kind: AuthenticationType::Md5,
        password: "sixteen-bytes-pw",
    },
];

/// An RMCP+ session.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    pub(crate) fixture: &'static str,
    pub(crate) suite: u8,
    pub(crate) privilege: Privilege,
    pub(crate) password: &'static str,
    pub(crate) kg: Option<&'static str>,
}

pub(crate) const IPMITOOL: Session = on_ipmi_sim(exchange::IPMITOOL_SUITE_3, 3);
pub(crate) const IPMITOOL_WITH_KG: Session =
    Session { kg: Some("kg-of-golden-bmc"), ..on_ipmi_sim(exchange::IPMITOOL_SUITE_3_KG, 3) };
pub(crate) const IPMIPOWER: Session = on_ipmi_sim(exchange::SUITE_3, 3);

pub(crate) const SESSIONS: [Session; 15] = [
    IPMITOOL,
    IPMITOOL_WITH_KG,
    IPMIPOWER,
    on_ipmi_sim(exchange::SUITE_0, 0),
    on_ipmi_sim(exchange::SUITE_1, 1),
    on_ipmi_sim(exchange::SUITE_2, 2),
    on_ipmi_sim(exchange::SUITE_6, 6),
    on_ipmi_sim(exchange::SUITE_11, 11),
    on_bmc_sim(exchange::SUITE_7, 7),
    on_bmc_sim(exchange::SUITE_8, 8),
    on_bmc_sim(exchange::SUITE_12, 12),
    on_bmc_sim(exchange::SUITE_15, 15),
    on_bmc_sim(exchange::SUITE_16, 16),
    on_bmc_sim(exchange::SUITE_17, 17),
    Session { privilege: Privilege::Administrator, ..on_bmc_sim(exchange::IPMITOOL_SUITE_17, 17) },
];

const fn on_ipmi_sim(fixture: &'static str, suite: u8) -> Session {
    let privilege = Privilege::Administrator;
    Session { fixture, suite, privilege, password: "secret", kg: None }
}

const fn on_bmc_sim(fixture: &'static str, suite: u8) -> Session {
    // Operator is what ipmipower asks for by itself.
    let privilege = Privilege::Operator;
    Session { fixture, suite, privilege, password: "twenty-bytes-of-pass", kg: None }
}

/// The sessions whose login proves something: with suite 0 there is no code at all.
pub(crate) fn with_rakp_codes() -> impl Iterator<Item = Session> {
    SESSIONS.into_iter().filter(|session| session.suite().algorithms().authentication != 0)
}

/// The sessions whose packets bear a code.
pub(crate) fn with_packet_codes() -> impl Iterator<Item = Session> {
    SESSIONS.into_iter().filter(|session| session.suite().authenticates_packets())
}

#[test]
fn there_is_a_session_of_every_suite_and_every_authentication_type() {
    for suite in CipherSuite::ALL {
        assert!(SESSIONS.iter().any(|session| session.suite() == suite), "suite {suite}");
    }
    // What type 5 means is the vendor's own matter: no program here speaks it with ipmi_sim.
    for kind in AuthenticationType::ALL.into_iter().filter(|kind| *kind != AuthenticationType::Oem)
    {
        assert!(SESSIONS_15.iter().any(|session| session.kind == kind), "type {kind}");
    }
}

#[test]
fn every_fixture_is_in_the_tables() {
    let of_15 = SESSIONS_15.iter().map(|session| session.fixture);
    let fixtures: Vec<_> = of_15.chain(SESSIONS.iter().map(|session| session.fixture)).collect();
    assert!(exchange::ALL.iter().all(|fixture| fixtures.contains(fixture)));

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/ipmi-lan");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(exchange::ALL.contains(&text.as_str()), "{}", path.display());
    }
}

#[test]
fn the_tables_say_what_the_heads_of_the_fixtures_say() {
    let state = |fixture: &str, key: &str, value: &str| {
        let prefix = format!("# {key:<10} {value}");
        let is_it = |line: &str| {
            line.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        };
        assert!(fixture.lines().any(is_it), "no line {prefix:?}");
    };
    for session in SESSIONS_15 {
        state(session.fixture, "password:", session.password);
    }
    for session in SESSIONS {
        state(session.fixture, "user:", USER);
        state(session.fixture, "password:", session.password);
        let kg = session.kg.map_or("none".to_owned(), |kg| format!("\"{kg}\""));
        state(session.fixture, "Kg:", &kg);
    }
}

impl Session15 {
    pub(crate) fn codes(self) -> Codes15 {
        self.codes_of(self.kind)
    }

    /// The codes that another type would give with the same password.
    pub(crate) fn codes_of(self, kind: AuthenticationType) -> Codes15 {
        Codes15::new(kind, &Password::new(self.password).unwrap())
    }

    pub(crate) fn packets(self) -> impl Iterator<Item = (Said, Packet15)> {
        packets15(self.fixture)
    }

    /// From Activate Session on.
    pub(crate) fn session_packets(self) -> impl Iterator<Item = (Said, Packet15)> {
        self.packets().filter(|(_, packet)| packet.session_id != 0)
    }

    /// The requests and their answers.
    pub(crate) fn messages(self) -> Vec<(RequestMessage, ResponseMessage)> {
        pairs(self.packets().map(|(_, packet)| packet.payload))
    }
}

impl Session {
    pub(crate) fn suite(self) -> CipherSuite {
        CipherSuite::from_id(self.suite).unwrap()
    }

    fn packets(self) -> impl Iterator<Item = (Said, Packet20)> {
        let exchange = exchange::read(self.fixture).into_iter();
        exchange.filter_map(|said| match Datagram::parse(&said.bytes).unwrap() {
            Datagram::Ipmi20(packet) => Some((said, packet)),
            _ => None,
        })
    }

    /// The packets of the session itself.
    pub(crate) fn sealed_packets(self) -> impl Iterator<Item = (Said, Packet20)> {
        self.packets().filter(|(_, packet)| packet.payload_type == PayloadType::Ipmi)
    }

    pub(crate) fn login_packet(self, payload_type: PayloadType) -> Packet20 {
        self.packets().find(|(_, packet)| packet.payload_type == payload_type).unwrap().1
    }

    fn login_message(self, payload_type: PayloadType) -> Vec<u8> {
        self.login_packet(payload_type).payload
    }

    pub(crate) fn open_session(self) -> (OpenSessionRequest, OpenSessionResponse) {
        let request = self.login_message(PayloadType::OpenSessionRequest);
        let response = self.login_message(PayloadType::OpenSessionResponse);
        (
            OpenSessionRequest::parse(&request).unwrap(),
            OpenSessionResponse::parse(&response).unwrap(),
        )
    }

    pub(crate) fn rakp1(self) -> Rakp1 {
        Rakp1::parse(&self.login_message(PayloadType::Rakp1)).unwrap()
    }

    /// All that the codes are made of, as RAKP 1 and RAKP 2 said it, and the code of RAKP 2.
    pub(crate) fn rakp2(self) -> (RakpExchange, Vec<u8>) {
        let rakp1 = self.rakp1();
        match Rakp2::parse(&self.login_message(PayloadType::Rakp2)).unwrap() {
            Rakp2::Accepted { tag, console_session_id, bmc_random, bmc_guid, code } => {
                assert_eq!(tag, rakp1.tag);
                let exchange = RakpExchange {
                    suite: self.suite(),
                    console_session_id,
                    bmc_session_id: rakp1.bmc_session_id,
                    console_random: rakp1.console_random,
                    bmc_random,
                    bmc_guid,
                    role: rakp1.role,
                    username: rakp1.username,
                    quirks: QuirkSet::NONE,
                };
                (exchange, code)
            }
            refused @ Rakp2::Refused { .. } => panic!("{refused:?}"),
        }
    }

    pub(crate) fn rakp3(self) -> Rakp3 {
        Rakp3::parse(&self.login_message(PayloadType::Rakp3)).unwrap()
    }

    pub(crate) fn rakp4_code(self) -> Vec<u8> {
        match Rakp4::parse(&self.login_message(PayloadType::Rakp4)).unwrap() {
            Rakp4::Accepted { tag, code, .. } => {
                assert_eq!(tag, self.rakp3().tag);
                code
            }
            refused @ Rakp4::Refused { .. } => panic!("{refused:?}"),
        }
    }

    pub(crate) fn password(self) -> Password {
        Password::new(self.password).unwrap()
    }

    pub(crate) fn integrity_key(self) -> SessionIntegrityKey {
        let kg = self.kg.map(|kg| Kg::new(kg).unwrap());
        self.rakp2().0.session_integrity_key(&self.password(), kg.as_ref())
    }

    pub(crate) fn keys(self) -> SessionKeys {
        self.integrity_key().session_keys(QuirkSet::NONE)
    }

    /// The requests before the login and their answers.
    pub(crate) fn messages_before_login(self) -> Vec<(RequestMessage, ResponseMessage)> {
        pairs(packets15(self.fixture).map(|(_, packet)| packet.payload))
    }

    /// The requests of the session and their answers.
    pub(crate) fn messages(self) -> Vec<(RequestMessage, ResponseMessage)> {
        let keys = self.keys();
        pairs(self.sealed_packets().map(|(_, packet)| keys.open(&packet).unwrap()))
    }
}

fn packets15(fixture: &'static str) -> impl Iterator<Item = (Said, Packet15)> {
    let exchange = exchange::read(fixture).into_iter();
    exchange.filter_map(|said| match Datagram::parse(&said.bytes).unwrap() {
        Datagram::Ipmi15(packet) => Some((said, packet)),
        _ => None,
    })
}

/// In these exchanges nothing was lost: every request is followed by its answer.
fn pairs(mut messages: impl Iterator<Item = Vec<u8>>) -> Vec<(RequestMessage, ResponseMessage)> {
    let mut pairs = Vec::new();
    while let (Some(request), Some(response)) = (messages.next(), messages.next()) {
        let request = RequestMessage::parse(&request).unwrap();
        let response = ResponseMessage::parse(&response).unwrap();
        assert!(response.answers(&request), "{response:?}");
        pairs.push((request, response));
    }
    pairs
}

/// The first request of this command, and what it was answered.
pub(crate) fn answered<C: Command>(
    messages: &[(RequestMessage, ResponseMessage)],
) -> (C, C::Response) {
    let is_of_command = |request: &RequestMessage| {
        (request.network_function, request.command) == (C::NETWORK_FUNCTION, C::NUMBER)
    };
    let (request, response) = messages.iter().find(|(request, _)| is_of_command(request)).unwrap();
    assert_eq!(response.completion, CompletionCode::OK);
    let command = C::from_data(&request.data).unwrap();
    assert_eq!(command.to_data(), request.data);
    assert_eq!(command.to_message(request.sequence), *request);
    let answer = command.parse_response(&response.data).unwrap();
    (command, answer)
}

/// Every beginning of the bytes, and they with one byte more.
pub(crate) fn of_other_lengths(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let beginnings = (0..bytes.len()).map(|length| bytes.iter().copied().take(length).collect());
    beginnings.chain([[bytes, &[0]].concat()])
}

/// The datagram once for each bit from this byte on, with that bit flipped.
pub(crate) fn with_one_bit_flipped(
    bytes: &[u8],
    from: usize,
) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (from * 8..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        *bytes.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
        (bit, bytes)
    })
}

/// The RMCP header, which no code covers (§13.28.4).
pub(crate) const RMCP_HEADER: usize = 4;
