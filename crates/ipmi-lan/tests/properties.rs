//! What holds for all messages: whatever is written is read as it was, and no bytes whatsoever make a parser panic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod exchange;
mod valid;

use std::fmt::Debug;

use exchange::Side;
use ipmi_lan::command::{
    ActivateSession, ActivatedSession, Challenge, ChassisControl, ChassisStatus, CipherSuiteChunk,
    CloseSession, Command, DeviceId, GetChannelAuthenticationCapabilities, GetChannelCipherSuites,
    GetChassisStatus, GetDeviceId, GetSessionChallenge, GetSystemRestartCause, PowerControl,
    SendMessage, SetSessionPrivilegeLevel,
};
use ipmi_lan::crypto::{Codes15, RakpExchange, SessionKeys};
use ipmi_lan::wire::{
    Datagram, OpenSessionRequest, OpenSessionResponse, Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage,
    ResponseMessage, Role, WireError,
};
use ipmi_lan::{AuthenticationType, CipherSuite, Password, Privilege, QuirkSet, Username};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_bytes_make_a_parser_panic_and_what_it_took_it_takes_again(bytes in hostile_bytes()) {
        read_as_everything(&bytes);
    }

    #[test]
    fn right_checksums_make_a_message_no_more_dangerous(
        head in any::<[u8; 2]>(),
        tail in vec(any::<u8>(), 0..40),
    ) {
        read_as_everything(&with_checksums(&head, &tail));
    }

    #[test]
    fn a_datagram_is_read_as_it_was_written(datagram in valid::datagram()) {
        prop_assert_eq!(Datagram::parse(&datagram.to_bytes()), Ok(datagram));
    }

    #[test]
    fn ipmi_messages_are_read_as_they_were_written(
        request in valid::request(),
        response in valid::response(),
    ) {
        prop_assert_eq!(RequestMessage::parse(&request.to_bytes()), Ok(request));
        prop_assert_eq!(ResponseMessage::parse(&response.to_bytes()), Ok(response));
    }

    #[test]
    fn wrong_checksums_are_seen_and_may_be_passed_over(
        response in valid::response(),
        differences in any::<[u8; 2]>(),
    ) {
        let mut bytes = response.to_bytes();
        let [head, tail] = differences;
        bytes[2] = bytes[2].wrapping_add(head);
        *bytes.last_mut().unwrap() ^= tail;
        let is_right = differences == [0, 0];
        let checked = ResponseMessage::parse(&bytes);
        let expected = if is_right {
            Ok(response.clone())
        } else {
            Err(WireError::Checksum { message: "IPMI response" })
        };
        prop_assert_eq!(checked, expected);
        prop_assert_eq!(ResponseMessage::parse_without_checksums(&bytes), Ok(response));
    }

    #[test]
    fn a_message_to_a_foreign_address_comes_out_of_send_message_as_it_went_in(
        channel in 0..0x10_u8,
        request in valid::request(),
        response in valid::response(),
    ) {
        let bridged = SendMessage { channel, message: request.to_bytes() };
        let taken = SendMessage::from_data(&bridged.to_data()).unwrap();
        prop_assert_eq!(taken.channel, channel);
        prop_assert_eq!(RequestMessage::parse(&taken.message), Ok(request));
        let answer = bridged.parse_response(&response.to_bytes()).unwrap();
        prop_assert_eq!(ResponseMessage::parse(&answer), Ok(response));
    }

    #[test]
    fn open_session_messages_are_read_as_they_were_written(
        request in valid::open_session_request(),
        accepted in valid::open_session_accepted(),
        refused in valid::open_session_refused(),
    ) {
        prop_assert_eq!(OpenSessionRequest::parse(&request.to_bytes()), Ok(request));
        for response in [accepted, refused] {
            prop_assert_eq!(OpenSessionResponse::parse(&response.to_bytes()), Ok(response));
        }
    }

    #[test]
    fn rakp_1_and_2_are_read_as_they_were_written(
        rakp1 in valid::rakp1(),
        accepted in valid::rakp2_accepted(),
        refused in valid::rakp2_refused(),
    ) {
        prop_assert_eq!(Rakp1::parse(&rakp1.to_bytes()), Ok(rakp1));
        for rakp2 in [accepted, refused] {
            prop_assert_eq!(Rakp2::parse(&rakp2.to_bytes()), Ok(rakp2));
        }
    }

    #[test]
    fn rakp_3_and_4_are_read_as_they_were_written(
        rakp3 in valid::rakp3(),
        accepted in valid::rakp4_accepted(),
        refused in valid::rakp4_refused(),
    ) {
        prop_assert_eq!(Rakp3::parse(&rakp3.to_bytes()), Ok(rakp3));
        for rakp4 in [accepted, refused] {
            prop_assert_eq!(Rakp4::parse(&rakp4.to_bytes()), Ok(rakp4));
        }
    }

    #[test]
    fn requests_of_commands_are_read_as_they_were_written(
        privilege in valid::privilege(),
        extended: bool,
        index in 0..CipherSuiteChunk::MOST,
        session_id: u32,
        control in valid::power_control(),
    ) {
        assert_request_is_read(&GetChannelAuthenticationCapabilities { extended, privilege });
        assert_request_is_read(&GetChannelCipherSuites { index });
        assert_request_is_read(&SetSessionPrivilegeLevel(privilege));
        assert_request_is_read(&CloseSession { session_id });
        assert_request_is_read(&ChassisControl(control));
    }

    #[test]
    fn requests_of_ipmi_15_and_of_bridging_are_read_as_they_were_written(
        challenge in valid::get_session_challenge(),
        activate in valid::activate_session(),
        send in valid::send_message(),
    ) {
        assert_request_is_read(&challenge);
        assert_request_is_read(&activate);
        assert_request_is_read(&send);
    }

    #[test]
    fn responses_of_ipmi_15_and_of_bridging_are_read_as_they_were_written(
        challenge in valid::challenge(),
        activated in valid::activated_session(),
        answer in vec(any::<u8>(), 0..64),
    ) {
        let (ask, activate) = (ask_for_challenge(), activate_session());
        prop_assert_eq!(ask.parse_response(&challenge.to_data()), Ok(challenge));
        prop_assert_eq!(activate.parse_response(&activated.to_data()), Ok(activated));
        prop_assert_eq!(BRIDGE.parse_response(&answer), Ok(answer));
    }

    #[test]
    fn responses_of_commands_are_read_as_they_were_written(
        capabilities in valid::authentication_capabilities(),
        chunk in valid::cipher_suite_chunk(),
        status in valid::chassis_status(),
        cause in valid::restart_cause(),
        device in valid::device_id(),
    ) {
        prop_assert_eq!(CAPABILITIES.parse_response(&capabilities.to_data(true)), Ok(capabilities));
        prop_assert_eq!(FIRST_SUITES.parse_response(&chunk.to_data()), Ok(chunk));
        prop_assert_eq!(GetChassisStatus.parse_response(&status.to_data()), Ok(status));
        prop_assert_eq!(GetSystemRestartCause.parse_response(&cause.to_data()), Ok(cause));
        prop_assert_eq!(GetDeviceId.parse_response(&device.to_data()), Ok(device));
    }

    #[test]
    fn every_suite_of_a_list_is_found(suites in vec(valid::cipher_suite(), 0..40)) {
        let records: Vec<u8> =
            suites.iter().copied().flat_map(CipherSuiteChunk::record).collect();
        let ids: Vec<u8> = suites.iter().map(|suite| suite.id()).collect();
        prop_assert_eq!(CipherSuiteChunk::suite_ids(&records), ids);
    }

    #[test]
    fn who_knows_the_same_secrets_believes_the_codes(
        exchange in valid::rakp_exchange(),
        password in valid::password(),
        kg in option::of(valid::kg()),
    ) {
        prop_assert!(exchange.is_rakp2_genuine(&password, &exchange.rakp2_code(&password)));
        prop_assert!(exchange.is_rakp3_genuine(&password, &exchange.rakp3_code(&password)));
        let key = exchange.session_integrity_key(&password, kg.as_ref());
        prop_assert!(key.is_rakp4_genuine(&key.rakp4_code()));
    }

    #[test]
    fn who_knows_the_same_password_believes_packets_of_ipmi_15(
        kind in valid::authentication_type(),
        password in valid::password(),
        session_id: u32,
        sequence: u32,
        message in vec(any::<u8>(), 0..=255),
    ) {
        let codes = Codes15::new(kind, &password);
        let sent = Datagram::Ipmi15(codes.seal(session_id, sequence, message.clone())).to_bytes();
        let Ok(Datagram::Ipmi15(packet)) = Datagram::parse(&sent) else { panic!("{sent:?}") };
        prop_assert!(codes.is_genuine(&packet));
        let told = (packet.session_id, packet.sequence, packet.payload);
        prop_assert_eq!(told, (session_id, sequence, message));
    }

    #[test]
    fn a_sealed_message_opens_in_any_session(
        exchange in valid::rakp_exchange(),
        password in valid::password(),
        session_id: u32,
        sequence: u32,
        message in vec(any::<u8>(), 0..=255),
        initialization_vector: [u8; 16],
    ) {
        let keys = exchange.session_integrity_key(&password, None).session_keys(QuirkSet::NONE);
        let packet = keys.seal(session_id, sequence, &message, initialization_vector);
        prop_assert_eq!((packet.session_id, packet.sequence), (session_id, sequence));
        prop_assert_eq!(keys.open(&packet), Ok(message));
    }
}

#[test]
fn a_sealed_message_of_any_length_opens_at_the_other_end_of_the_wire() {
    for suite in CipherSuite::ALL {
        let keys = some_keys(suite);
        for length in 0..=255 {
            let message = vec![0xa5; length];
            let sent = Datagram::Ipmi20(keys.seal(1, 1, &message, [0x5a; 16])).to_bytes();
            match Datagram::parse(&sent) {
                Ok(Datagram::Ipmi20(packet)) => assert_eq!(keys.open(&packet), Ok(message)),
                other => panic!("{length} bytes became {other:?}"),
            }
        }
    }
}

#[test]
fn a_sealed_packet_is_padded_to_whole_cipher_blocks_and_whole_words() {
    for suite in CipherSuite::ALL {
        for length in 0..=255 {
            let packet = some_keys(suite).seal(1, 1, &vec![0xa5; length], [0x5a; 16]);
            let is_whole_blocks = packet.payload.len().is_multiple_of(16);
            assert!(is_whole_blocks || !suite.encrypts(), "{length} bytes (§13.29)");
            // With the RMCP header of four bytes and a code of 12 or 16 it still is whole words.
            let datagram = Datagram::Ipmi20(packet).to_bytes();
            let is_whole_words = datagram.len().is_multiple_of(4);
            assert!(
                is_whole_words || !suite.authenticates_packets(),
                "{length} bytes (§13.6, table 13-8)"
            );
        }
    }
}

#[test]
fn requests_without_data_are_read_from_nothing() {
    assert_request_is_read(&GetChassisStatus);
    assert_request_is_read(&GetSystemRestartCause);
    assert_request_is_read(&GetDeviceId);
}

const CAPABILITIES: GetChannelAuthenticationCapabilities =
    GetChannelAuthenticationCapabilities { extended: true, privilege: Privilege::Administrator };
const FIRST_SUITES: GetChannelCipherSuites = GetChannelCipherSuites { index: 0 };
const BRIDGE: SendMessage = SendMessage { channel: 0, message: Vec::new() };

fn ask_for_challenge() -> GetSessionChallenge {
    let username = Username::new("operator").unwrap();
    GetSessionChallenge { authentication: AuthenticationType::Md5, username }
}

fn activate_session() -> ActivateSession {
    ActivateSession {
        authentication: AuthenticationType::Md5,
        privilege: Privilege::Operator,
        challenge: [1; 16],
        first_outbound_sequence: 1,
    }
}

/// Reads the bytes as each thing there is. Most are not; what is must stay the same when written and read again.
fn read_as_everything(bytes: &[u8]) {
    read_as(bytes, Datagram::parse, Datagram::to_bytes);
    read_as(bytes, RequestMessage::parse, RequestMessage::to_bytes);
    read_as(bytes, ResponseMessage::parse, ResponseMessage::to_bytes);
    read_as(bytes, ResponseMessage::parse_without_checksums, ResponseMessage::to_bytes);
    read_as(bytes, OpenSessionRequest::parse, OpenSessionRequest::to_bytes);
    read_as(bytes, OpenSessionResponse::parse, OpenSessionResponse::to_bytes);
    read_as(bytes, Rakp1::parse, Rakp1::to_bytes);
    read_as(bytes, Rakp2::parse, Rakp2::to_bytes);
    read_as(bytes, Rakp3::parse, Rakp3::to_bytes);
    read_as(bytes, Rakp4::parse, Rakp4::to_bytes);
    read_as_requests(bytes);
    read_as_responses(bytes);
}

fn read_as_requests(bytes: &[u8]) {
    read_as(bytes, GetChannelAuthenticationCapabilities::from_data, Command::to_data);
    read_as(bytes, GetChannelCipherSuites::from_data, Command::to_data);
    read_as(bytes, SetSessionPrivilegeLevel::from_data, Command::to_data);
    read_as(bytes, CloseSession::from_data, Command::to_data);
    read_as(bytes, ChassisControl::from_data, Command::to_data);
    read_as(bytes, GetChassisStatus::from_data, Command::to_data);
    read_as(bytes, GetSystemRestartCause::from_data, Command::to_data);
    read_as(bytes, GetDeviceId::from_data, Command::to_data);
    read_as(bytes, GetSessionChallenge::from_data, Command::to_data);
    read_as(bytes, ActivateSession::from_data, Command::to_data);
    read_as(bytes, SendMessage::from_data, Command::to_data);
}

fn read_as_responses(bytes: &[u8]) {
    read_as(
        bytes,
        |data| CAPABILITIES.parse_response(data),
        |capabilities| capabilities.to_data(true),
    );
    read_as(bytes, |data| FIRST_SUITES.parse_response(data), CipherSuiteChunk::to_data);
    read_as(bytes, |data| GetChassisStatus.parse_response(data), ChassisStatus::to_data);
    read_as(bytes, |data| GetSystemRestartCause.parse_response(data), |cause| cause.to_data());
    read_as(bytes, |data| GetDeviceId.parse_response(data), DeviceId::to_data);
    read_as(bytes, |data| ask_for_challenge().parse_response(data), Challenge::to_data);
    read_as(bytes, |data| activate_session().parse_response(data), ActivatedSession::to_data);
    assert_eq!(BRIDGE.parse_response(bytes).as_deref(), Ok(bytes));
    assert_eq!(CloseSession { session_id: 1 }.parse_response(bytes), Ok(()));
    assert_eq!(ChassisControl(PowerControl::PowerDown).parse_response(bytes), Ok(()));
    // These write nothing that could be compared; they must only not panic.
    let _ = SetSessionPrivilegeLevel(Privilege::User).parse_response(bytes);
    let _ = CipherSuiteChunk::suite_ids(bytes);
}

fn read_as<T: Debug + PartialEq>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, WireError>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    if let Ok(value) = parse(bytes) {
        assert_eq!(parse(&write(&value)), Ok(value));
    }
}

fn assert_request_is_read<C: Command + Debug + PartialEq>(command: &C) {
    assert_eq!(C::from_data(&command.to_data()).as_ref(), Ok(command));
}

/// Noise, noise behind the headers that lead deeper, and what programs really said with some bytes changed.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = || vec(any::<u8>(), 0..100);
    let headers: [&[u8]; 3] = [
        &[0x06, 0x00, 0xff, 0x06, 0x00, 0x00, 0x11, 0xbe],
        &[0x06, 0x00, 0xff, 0x07],
        &[0x06, 0x00, 0xff, 0x07, 0x06],
    ];
    let behind_header =
        (select(headers.to_vec()), noise()).prop_map(|(header, noise)| [header, &noise].concat());
    prop_oneof![1 => noise(), 1 => behind_header, 4 => garbled()]
}

/// Up to four bytes replaced, and then perhaps the end cut off.
fn garbled() -> impl Strategy<Value = Vec<u8>> {
    let replacements = vec(any::<(Index, u8)>(), 0..=4);
    let whole_or_cut = option::of(any::<Index>());
    (select(genuine_bytes()), replacements, whole_or_cut).prop_map(
        |(mut bytes, replacements, cut)| {
            for (position, byte) in replacements {
                *position.get_mut(&mut bytes) = byte;
            }
            if let Some(end) = cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        },
    )
}

/// The datagrams of all exchanges, and what is inside them, layer by layer.
fn genuine_bytes() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for said in exchange::ALL.into_iter().flat_map(exchange::read) {
        let message = match Datagram::parse(&said.bytes).expect(said.title) {
            Datagram::Ipmi15(packet) => Some(packet.payload),
            Datagram::Ipmi20(packet) if !packet.encrypted => {
                all.push(packet.payload);
                None
            }
            _ => said.inside,
        };
        all.push(said.bytes);
        if let Some(message) = message {
            all.push(match said.by {
                Side::Console => RequestMessage::parse(&message).unwrap().data,
                Side::Bmc => ResponseMessage::parse(&message).unwrap().data,
            });
            all.push(message);
        }
    }
    all.retain(|bytes| !bytes.is_empty());
    all
}

fn with_checksums(head: &[u8; 2], tail: &[u8]) -> Vec<u8> {
    let checksum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    [head.as_slice(), &[checksum(head)], tail, &[checksum(tail)]].concat()
}

fn some_keys(suite: CipherSuite) -> SessionKeys {
    let exchange = RakpExchange {
        suite,
        console_session_id: 1,
        bmc_session_id: 2,
        console_random: [3; 16],
        bmc_random: [4; 16],
        bmc_guid: [5; 16],
        role: Role { privilege: Privilege::Operator, name_only: true },
        username: Username::new("operator").unwrap(),
        quirks: QuirkSet::NONE,
    };
    exchange
        .session_integrity_key(&Password::new("secret").unwrap(), None)
        .session_keys(QuirkSet::NONE)
}
