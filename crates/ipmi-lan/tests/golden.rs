//! This crate against the bytes that `ipmitool`, FreeIPMI's `ipmipower` and OpenIPMI's `ipmi_sim` said to each other.
//!
//! The fixtures explain every field. Where a test here fails, the crate is wrong, not the fixture.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod exchange;

use exchange::{Said, Side};
use ipmi_lan::command::{
    AuthenticationCapabilities, ChassisControl, ChassisStatus, CloseSession, Command, DeviceId,
    GetChannelAuthenticationCapabilities, GetChassisStatus, GetDeviceId, PowerControl,
    SetSessionPrivilegeLevel,
};
use ipmi_lan::crypto::{OpenError, RakpExchange, SessionIntegrityKey, SessionKeys};
use ipmi_lan::wire::{
    Datagram, OpenSessionRequest, OpenSessionResponse, Packet20, PayloadType, PresencePing,
    PresencePong, ProposedAlgorithms, Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage,
    Role,
};
use ipmi_lan::{
    AuthenticationType, AuthenticationTypes, CipherSuite, CompletionCode, Kg, Password, Privilege,
    QuirkSet, RmcpPlusStatus, Username,
};

/// An RMCP+ session of a fixture, and the secrets it was held with.
struct Session {
    fixture: &'static str,
    suite: CipherSuite,
    password: &'static str,
    kg: Option<&'static str>,
}

const IPMITOOL: Session = Session {
    fixture: exchange::IPMITOOL_SUITE_3,
    suite: CipherSuite::SUITE_3,
    password: "secret",
    kg: None,
};

const IPMITOOL_WITH_KG: Session = Session {
    fixture: exchange::IPMITOOL_SUITE_3_KG,
    suite: CipherSuite::SUITE_3,
    password: "secret",
    kg: Some("kg-of-golden-bmc"),
};

const IPMIPOWER: Session = Session {
    fixture: exchange::IPMIPOWER_SUITE_3,
    suite: CipherSuite::SUITE_3,
    password: "secret",
    kg: None,
};

const IPMITOOL_SUITE_17: Session = Session {
    fixture: exchange::IPMITOOL_SUITE_17,
    suite: CipherSuite::SUITE_17,
    password: "twenty-bytes-of-pass",
    kg: None,
};

const SESSIONS: [Session; 4] = [IPMITOOL, IPMITOOL_WITH_KG, IPMIPOWER, IPMITOOL_SUITE_17];

/// `ipmitool` always calls its session so.
const IPMITOOL_SESSION_ID: u32 = 0xa0a2_a3a4;

const SHA1_AES: ProposedAlgorithms =
    ProposedAlgorithms { authentication: 1, integrity: 1, confidentiality: 1 };
const SHA256_AES: ProposedAlgorithms =
    ProposedAlgorithms { authentication: 3, integrity: 4, confidentiality: 1 };

const ADMINISTRATOR_BY_NAME: Role = Role { privilege: Privilege::Administrator, name_only: true };

#[test]
fn every_datagram_is_written_as_it_was_read() {
    for said in exchange::ALL.into_iter().flat_map(exchange::read) {
        let datagram = Datagram::parse(&said.bytes).unwrap();
        assert_eq!(datagram.to_bytes(), said.bytes, "{}", said.title);
    }
}

#[test]
fn every_payload_is_written_as_it_was_read() {
    for said in exchange::ALL.into_iter().flat_map(exchange::read) {
        match Datagram::parse(&said.bytes).unwrap() {
            Datagram::Ipmi20(packet) if !packet.encrypted => {
                assert_eq!(rewritten_login_message(&packet), packet.payload, "{}", said.title);
            }
            Datagram::Ipmi15(packet) => {
                assert_eq!(rewritten_message(said.by, &packet.payload), packet.payload);
            }
            _ => {}
        }
    }
}

#[test]
fn a_pong_answers_the_ping_and_says_ipmi() {
    let exchange = exchange::read(exchange::IPMITOOL_IPMI15);
    let said: Vec<_> =
        exchange.iter().take(2).map(|said| Datagram::parse(&said.bytes).unwrap()).collect();
    assert_eq!(
        said,
        [
            Datagram::PresencePing(PresencePing { tag: 0 }),
            Datagram::PresencePong(PresencePong { tag: 0, ipmi: true }),
        ]
    );
}

#[test]
fn packets_of_ipmi_15_carry_their_code_from_activate_session_on() {
    let authenticated = |said: &Said| match Datagram::parse(&said.bytes).unwrap() {
        Datagram::Ipmi15(packet) => Some(packet.authentication.kind() == AuthenticationType::Md5),
        _ => None,
    };
    let said: Vec<_> =
        exchange::read(exchange::IPMITOOL_IPMI15).iter().filter_map(authenticated).collect();
    assert_eq!(said, [[false; 4].as_slice(), &[true; 16]].concat());
}

#[test]
fn ipmitool_switches_power_off() {
    let messages = messages_of_ipmi_15();
    let (request, ()) = answered::<ChassisControl>(&messages);
    assert_eq!(request, ChassisControl(PowerControl::PowerDown));
}

#[test]
fn capabilities_say_whether_a_kg_is_set_and_what_the_channel_speaks() {
    let without_kg = AuthenticationCapabilities {
        channel: 1,
        authentication_types: AuthenticationTypes::from_bits(0b01_0111),
        ipmi20: true,
        ipmi15: true,
        kg_set: false,
        per_message_authentication_disabled: false,
        user_level_authentication_disabled: false,
        named_users: true,
        null_user: false,
        anonymous_user: true,
    };
    let question = GetChannelAuthenticationCapabilities {
        extended: true,
        privilege: Privilege::Administrator,
    };
    assert_eq!(IPMITOOL.capabilities(), (question, without_kg));
    let with_kg = AuthenticationCapabilities { kg_set: true, ..without_kg };
    assert_eq!(IPMITOOL_WITH_KG.capabilities(), (question, with_kg));
}

#[test]
fn capabilities_without_extended_data_are_those_of_ipmi_15() {
    let (request, capabilities) =
        answered::<GetChannelAuthenticationCapabilities>(&messages_of_ipmi_15());
    assert!(!request.extended);
    assert!(capabilities.ipmi15 && !capabilities.ipmi20 && !capabilities.kg_set);
}

#[test]
fn ipmitool_opens_a_session_at_whatever_privilege_level_fits() {
    let (request, response) = IPMITOOL.open_session();
    assert_eq!(
        request,
        OpenSessionRequest {
            tag: 0,
            privilege: None,
            console_session_id: IPMITOOL_SESSION_ID,
            algorithms: SHA1_AES,
        }
    );
    assert_eq!(
        response,
        OpenSessionResponse::Accepted {
            tag: 0,
            privilege: None,
            console_session_id: IPMITOOL_SESSION_ID,
            bmc_session_id: 2,
            algorithms: SHA1_AES,
        }
    );
}

#[test]
fn ipmipower_names_its_privilege_level_and_counts_its_tags() {
    let (request, response) = IPMIPOWER.open_session();
    assert_eq!(
        request,
        OpenSessionRequest {
            tag: 0x43,
            privilege: Some(Privilege::Administrator),
            console_session_id: 0xccab_b8b0,
            algorithms: SHA1_AES,
        }
    );
    assert_eq!(
        response,
        OpenSessionResponse::Accepted {
            tag: 0x43,
            privilege: Some(Privilege::Administrator),
            console_session_id: 0xccab_b8b0,
            bmc_session_id: 0x82,
            algorithms: SHA1_AES,
        }
    );
    assert_eq!(IPMIPOWER.rakp1().tag, 0x44);
    assert_eq!(IPMIPOWER.rakp3().tag, 0x45);
}

#[test]
fn every_session_was_opened_with_the_algorithms_of_its_suite() {
    for (session, algorithms) in SESSIONS.iter().zip([SHA1_AES, SHA1_AES, SHA1_AES, SHA256_AES]) {
        assert_eq!(session.open_session().0.algorithms, algorithms);
        assert_eq!(CipherSuite::from_algorithms(algorithms), Some(session.suite));
    }
}

#[test]
fn rakp_messages_name_the_sessions_the_role_and_the_user() {
    for session in SESSIONS {
        let (request, response) = session.open_session();
        let OpenSessionResponse::Accepted { bmc_session_id, .. } = response else {
            panic!("{response:?}")
        };
        let rakp1 = session.rakp1();
        assert_eq!(rakp1.bmc_session_id, bmc_session_id);
        assert_eq!(rakp1.role, ADMINISTRATOR_BY_NAME);
        assert_eq!(rakp1.username, Username::new("admin").unwrap());

        let (exchange, _) = session.rakp2();
        assert_eq!(exchange.console_session_id, request.console_session_id);

        let rakp3 = session.rakp3();
        assert_eq!(rakp3.status, RmcpPlusStatus::NO_ERRORS);
        assert_eq!(rakp3.bmc_session_id, bmc_session_id);
    }
}

#[test]
fn rakp_codes_are_those_that_the_programs_computed() {
    for session in SESSIONS {
        let password = session.password();
        let (exchange, rakp2_code) = session.rakp2();
        assert_eq!(exchange.rakp2_code(&password), rakp2_code);
        assert!(exchange.is_rakp2_genuine(&password, &rakp2_code));

        let rakp3_code = session.rakp3().code;
        assert_eq!(exchange.rakp3_code(&password), rakp3_code);
        assert!(exchange.is_rakp3_genuine(&password, &rakp3_code));

        let rakp4_code = session.rakp4_code();
        assert_eq!(session.integrity_key().rakp4_code(), rakp4_code);
        assert!(session.integrity_key().is_rakp4_genuine(&rakp4_code));
    }
}

#[test]
fn a_wrong_password_shows_in_rakp_2_and_rakp_3() {
    for session in SESSIONS {
        let (exchange, rakp2_code) = session.rakp2();
        for wrong in ["", "Secret", "secret "] {
            let password = Password::new(wrong).unwrap();
            assert!(!exchange.is_rakp2_genuine(&password, &rakp2_code));
            assert!(!exchange.is_rakp3_genuine(&password, &session.rakp3().code));
        }
    }
}

#[test]
fn a_wrong_or_missing_kg_shows_in_rakp_4() {
    let session = IPMITOOL_WITH_KG;
    let (exchange, _) = session.rakp2();
    for kg in [None, Some(Kg::new("kg-of-another-bmc").unwrap())] {
        let key = exchange.session_integrity_key(&session.password(), kg.as_ref());
        assert!(!key.is_rakp4_genuine(&session.rakp4_code()));
    }
}

#[test]
fn every_field_of_the_login_goes_into_the_code_of_rakp_2() {
    let password = IPMITOOL.password();
    let (exchange, code) = IPMITOOL.rakp2();
    let changed: [fn(&mut RakpExchange); 8] = [
        |exchange| exchange.suite = CipherSuite::SUITE_17,
        |exchange| exchange.console_session_id ^= 1,
        |exchange| exchange.bmc_session_id ^= 1,
        |exchange| exchange.console_random.reverse(),
        |exchange| exchange.bmc_random.reverse(),
        |exchange| exchange.bmc_guid.reverse(),
        |exchange| exchange.role.name_only = false,
        |exchange| exchange.username = Username::new("admim").unwrap(),
    ];
    for (number, change) in changed.into_iter().enumerate() {
        let mut exchange = exchange.clone();
        change(&mut exchange);
        assert!(!exchange.is_rakp2_genuine(&password, &code), "change {number}");
    }
}

#[test]
fn a_code_of_another_length_is_wrong_even_if_it_begins_right() {
    for session in SESSIONS {
        let password = session.password();
        let (exchange, rakp2_code) = session.rakp2();
        for code in of_other_lengths(&rakp2_code) {
            assert!(!exchange.is_rakp2_genuine(&password, &code));
        }
        for code in of_other_lengths(&session.rakp3().code) {
            assert!(!exchange.is_rakp3_genuine(&password, &code));
        }
        for code in of_other_lengths(&session.rakp4_code()) {
            assert!(!session.integrity_key().is_rakp4_genuine(&code));
        }
    }
}

#[test]
fn every_sealed_packet_opens_to_the_message_in_the_fixture() {
    for session in SESSIONS {
        for (said, packet) in session.sealed_packets() {
            let opened = session.keys().open(&packet).unwrap();
            assert_eq!(Some(&opened), said.inside.as_ref(), "{}", said.title);
            assert_eq!(rewritten_message(said.by, &opened), opened, "{}", said.title);
        }
    }
}

/// The padding, inner and outer, is the specification's on both sides: the programs agree in every byte.
#[test]
fn a_message_sealed_again_is_the_datagram_that_was_sent() {
    for session in SESSIONS {
        for (said, packet) in session.sealed_packets() {
            let initialization_vector = *packet.payload.first_chunk().unwrap();
            let sealed = session.keys().seal(
                packet.session_id,
                packet.sequence,
                said.inside.as_ref().unwrap(),
                initialization_vector,
            );
            assert_eq!(Datagram::Ipmi20(sealed).to_bytes(), said.bytes, "{}", said.title);
        }
    }
}

#[test]
fn sealed_packets_bear_the_session_id_of_their_receiver_and_count_upwards() {
    for session in SESSIONS {
        let (exchange, _) = session.rakp2();
        for (side, receiver) in
            [(Side::Console, exchange.bmc_session_id), (Side::Bmc, exchange.console_session_id)]
        {
            let packets: Vec<_> =
                session.sealed_packets().filter(|(said, _)| said.by == side).collect();
            assert!(packets.iter().all(|(_, packet)| packet.session_id == receiver));
            assert!(packets.is_sorted_by(|(_, a), (_, b)| a.sequence < b.sequence));
        }
    }
}

/// The authentication code covers all but the RMCP header (§13.28.4).
#[test]
fn one_flipped_bit_anywhere_behind_the_rmcp_header_and_a_sealed_packet_stays_shut() {
    const RMCP_HEADER: usize = 4;
    for session in SESSIONS {
        let keys = session.keys();
        for (said, _) in session.sealed_packets() {
            for bit in RMCP_HEADER * 8..said.bytes.len() * 8 {
                let mut bytes = said.bytes.clone();
                *bytes.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
                assert!(!opens(&keys, &bytes), "{}, bit {bit}", said.title);
            }
        }
    }
}

#[test]
fn a_sealed_packet_that_is_cut_short_or_has_a_tail_stays_shut() {
    for session in SESSIONS {
        let keys = session.keys();
        for (said, _) in session.sealed_packets() {
            assert!(opens(&keys, &said.bytes));
            for bytes in of_other_lengths(&said.bytes) {
                assert!(!opens(&keys, &bytes), "{}, {} bytes", said.title, bytes.len());
            }
        }
    }
}

#[test]
fn the_keys_of_one_session_open_nothing_of_another() {
    let keys = IPMITOOL.keys();
    for (said, packet) in IPMITOOL_WITH_KG.sealed_packets() {
        assert_eq!(keys.open(&packet), Err(OpenError::WrongCode), "{}", said.title);
    }
}

#[test]
fn login_messages_are_not_sealed() {
    let keys = IPMITOOL.keys();
    assert_eq!(keys.open(&IPMITOOL.login_packet(PayloadType::Rakp4)), Err(OpenError::NotSealed));
}

#[test]
fn inside_the_session_the_console_becomes_administrator_sees_power_on_and_closes() {
    let on = ChassisStatus {
        power_on: true,
        power_fault: false,
        power_control_fault: false,
        last_power_event: 0,
        miscellaneous: 0,
    };
    for session in [IPMITOOL, IPMITOOL_WITH_KG, IPMIPOWER] {
        let messages = session.messages();
        let administrator = Privilege::Administrator;
        assert_eq!(answered(&messages), (SetSessionPrivilegeLevel(administrator), administrator));
        assert_eq!(answered(&messages), (GetChassisStatus, on));
        let session_id = session.rakp1().bmc_session_id;
        assert_eq!(answered(&messages), (CloseSession { session_id }, ()));
    }
}

#[test]
fn ipmi_sim_says_who_it_is() {
    let (_, device): (GetDeviceId, _) = answered(&IPMITOOL.messages());
    assert_eq!(
        device,
        DeviceId {
            device_id: 0x00,
            device_revision: 3,
            firmware_major: 9,
            firmware_minor: 8,
            update_in_progress: false,
            ipmi_version: 0x02,
            manufacturer: 0x1291,
            product: 0x0f02,
        }
    );
}

/// `ipmitool` asks for commands of PICMG and VITA, which few BMCs know.
#[test]
fn ipmi_sim_refuses_commands_that_it_does_not_know() {
    let completions: Vec<_> = IPMITOOL
        .messages()
        .into_iter()
        .filter(|(request, _)| request.network_function.number() == 0x2c)
        .map(|(_, response)| response.completion)
        .collect();
    assert_eq!(completions, [CompletionCode::INVALID_COMMAND; 3]);
}

impl Session {
    fn exchange(&self) -> Vec<Said> {
        exchange::read(self.fixture)
    }

    fn packets(&self) -> impl Iterator<Item = (Said, Packet20)> {
        self.exchange().into_iter().filter_map(|said| match Datagram::parse(&said.bytes).unwrap() {
            Datagram::Ipmi20(packet) => Some((said, packet)),
            _ => None,
        })
    }

    fn sealed_packets(&self) -> impl Iterator<Item = (Said, Packet20)> {
        self.packets().filter(|(_, packet)| packet.payload_type == PayloadType::Ipmi)
    }

    fn login_packet(&self, payload_type: PayloadType) -> Packet20 {
        self.packets().find(|(_, packet)| packet.payload_type == payload_type).unwrap().1
    }

    fn login_message(&self, payload_type: PayloadType) -> Vec<u8> {
        self.login_packet(payload_type).payload
    }

    fn open_session(&self) -> (OpenSessionRequest, OpenSessionResponse) {
        let request = self.login_message(PayloadType::OpenSessionRequest);
        let response = self.login_message(PayloadType::OpenSessionResponse);
        (
            OpenSessionRequest::parse(&request).unwrap(),
            OpenSessionResponse::parse(&response).unwrap(),
        )
    }

    fn rakp1(&self) -> Rakp1 {
        Rakp1::parse(&self.login_message(PayloadType::Rakp1)).unwrap()
    }

    /// All that the codes are made of, as RAKP 1 and RAKP 2 said it, and the code of RAKP 2.
    fn rakp2(&self) -> (RakpExchange, Vec<u8>) {
        let rakp1 = self.rakp1();
        match Rakp2::parse(&self.login_message(PayloadType::Rakp2)).unwrap() {
            Rakp2::Accepted { tag, console_session_id, bmc_random, bmc_guid, code } => {
                assert_eq!(tag, rakp1.tag);
                let exchange = RakpExchange {
                    suite: self.suite,
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

    fn rakp3(&self) -> Rakp3 {
        Rakp3::parse(&self.login_message(PayloadType::Rakp3)).unwrap()
    }

    fn rakp4_code(&self) -> Vec<u8> {
        match Rakp4::parse(&self.login_message(PayloadType::Rakp4)).unwrap() {
            Rakp4::Accepted { tag, code, .. } => {
                assert_eq!(tag, self.rakp3().tag);
                code
            }
            refused @ Rakp4::Refused { .. } => panic!("{refused:?}"),
        }
    }

    fn password(&self) -> Password {
        Password::new(self.password).unwrap()
    }

    fn integrity_key(&self) -> SessionIntegrityKey {
        let kg = self.kg.map(|kg| Kg::new(kg).unwrap());
        self.rakp2().0.session_integrity_key(&self.password(), kg.as_ref())
    }

    fn keys(&self) -> SessionKeys {
        self.integrity_key().session_keys(QuirkSet::NONE)
    }

    fn capabilities(&self) -> (GetChannelAuthenticationCapabilities, AuthenticationCapabilities) {
        answered(&pairs(ipmi_15_payloads(self.fixture)))
    }

    /// The requests of the session and their answers.
    fn messages(&self) -> Vec<(RequestMessage, ResponseMessage)> {
        let keys = self.keys();
        pairs(self.sealed_packets().map(|(_, packet)| keys.open(&packet).unwrap()))
    }
}

fn messages_of_ipmi_15() -> Vec<(RequestMessage, ResponseMessage)> {
    pairs(ipmi_15_payloads(exchange::IPMITOOL_IPMI15))
}

fn ipmi_15_payloads(fixture: &'static str) -> impl Iterator<Item = Vec<u8>> {
    exchange::read(fixture).into_iter().filter_map(|said| {
        match Datagram::parse(&said.bytes).unwrap() {
            Datagram::Ipmi15(packet) => Some(packet.payload),
            _ => None,
        }
    })
}

/// In these exchanges nothing was lost: every request is followed by its answer.
fn pairs(mut messages: impl Iterator<Item = Vec<u8>>) -> Vec<(RequestMessage, ResponseMessage)> {
    let mut pairs = Vec::new();
    while let (Some(request), Some(response)) = (messages.next(), messages.next()) {
        let request = RequestMessage::parse(&request).unwrap();
        let response = ResponseMessage::parse(&response).unwrap();
        assert_eq!(response.network_function, request.network_function);
        assert_eq!(response.command, request.command);
        assert_eq!(response.sequence, request.sequence);
        pairs.push((request, response));
    }
    pairs
}

/// The one request of this command, and what it was answered.
fn answered<C: Command>(messages: &[(RequestMessage, ResponseMessage)]) -> (C, C::Response) {
    let is_of_command = |request: &RequestMessage| {
        (request.network_function, request.command) == (C::NETWORK_FUNCTION, C::NUMBER)
    };
    let (request, response) = messages.iter().find(|(request, _)| is_of_command(request)).unwrap();
    assert_eq!(response.completion, CompletionCode::OK);
    let command = C::from_data(&request.data).unwrap();
    assert_eq!(command.to_data(), request.data);
    let answer = command.parse_response(&response.data).unwrap();
    (command, answer)
}

fn rewritten_login_message(packet: &Packet20) -> Vec<u8> {
    let bytes = &packet.payload;
    match packet.payload_type {
        PayloadType::OpenSessionRequest => OpenSessionRequest::parse(bytes).unwrap().to_bytes(),
        PayloadType::OpenSessionResponse => OpenSessionResponse::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp1 => Rakp1::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp2 => Rakp2::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp3 => Rakp3::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp4 => Rakp4::parse(bytes).unwrap().to_bytes(),
        other => panic!("{other:?} is no message of a login"),
    }
}

fn rewritten_message(by: Side, bytes: &[u8]) -> Vec<u8> {
    match by {
        Side::Console => RequestMessage::parse(bytes).unwrap().to_bytes(),
        Side::Bmc => ResponseMessage::parse(bytes).unwrap().to_bytes(),
    }
}

fn opens(keys: &SessionKeys, bytes: &[u8]) -> bool {
    match Datagram::parse(bytes) {
        Ok(Datagram::Ipmi20(packet)) => keys.open(&packet).is_ok(),
        _ => false,
    }
}

/// Every beginning of the bytes, and they with one byte more.
fn of_other_lengths(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let beginnings = (0..bytes.len()).map(|length| bytes.iter().copied().take(length).collect());
    beginnings.chain([[bytes, &[0]].concat()])
}
