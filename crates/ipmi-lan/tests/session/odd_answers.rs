//! Answers that are corrupted, oddly made or somebody else's, and what must not come of them.

use std::time::Duration;

use bmc_sim::{Config, Ipmi15};
use ipmi_lan::command::{ActivateSession, Command, GetChassisStatus, SendMessage};
use ipmi_lan::crypto::Codes15;
use ipmi_lan::session::{Delivery, Output, Request, SessionConfig};
use ipmi_lan::wire::{Authentication15, Datagram, Packet15, PayloadType, ResponseMessage};
use ipmi_lan::{
    AuthenticationType, CipherSuite, CompletionCode, Error, Password, Privilege, Protection,
    Protocol, Quirk, QuirkSet, RetryPolicy, Target, Workarounds,
};

use crate::pair::{
    Delivered, From, MILLISECOND, Pair, as_it_is, bmc_config, config, payload_type_of,
};

fn bmc15(kind: AuthenticationType) -> Config {
    Config { ipmi15: Some(Ipmi15::new([kind])), ipmi20: false, ..bmc_config() }
}

fn config15(kind: AuthenticationType) -> SessionConfig {
    SessionConfig { protocol: Protocol::Ipmi15, authentication: Some(kind), ..config() }
}

fn suite(id: u8) -> SessionConfig {
    SessionConfig { cipher_suites: vec![CipherSuite::from_id(id).unwrap()], ..config() }
}

fn bmc_of_all_suites() -> Config {
    Config { cipher_suites: CipherSuite::ALL.to_vec(), ..bmc_config() }
}

/// A network that makes of each answer of the BMC to a command what `change` makes of it.
fn changing(
    command: u8,
    mut change: impl FnMut(&Datagram, ResponseMessage) -> Delivered + 'static,
) -> impl FnMut(From, &[u8]) -> Delivered {
    move |from, bytes| {
        let datagram = Datagram::parse(bytes).unwrap();
        let payload = match &datagram {
            Datagram::Ipmi15(packet) => &packet.payload,
            Datagram::Ipmi20(packet) => &packet.payload,
            _ => return as_it_is(bytes),
        };
        match ResponseMessage::parse(payload) {
            Ok(message) if from == From::Bmc && message.command == command => {
                change(&datagram, message)
            }
            _ => as_it_is(bytes),
        }
    }
}

/// Flips the bit that says whether power is on, and nothing else, in these answers to Get Chassis Status.
fn flipping(which: &'static [usize]) -> impl FnMut(From, &[u8]) -> Delivered {
    let mut count = 0;
    changing(GetChassisStatus::NUMBER, move |datagram, _| {
        count += 1;
        let mut bytes = datagram.to_bytes();
        if which.contains(&count) {
            // Behind it: two more bytes of the status, and the checksum.
            let place = bytes.len() - 4;
            bytes[place] ^= 1;
        }
        as_it_is(&bytes)
    })
}

#[test]
fn flipped_bits_power_nothing_off_where_no_code_vouches_for_content() {
    let cases = [
        (config15(AuthenticationType::Password), bmc15(AuthenticationType::Password)),
        (config15(AuthenticationType::None), bmc15(AuthenticationType::None)),
        (suite(0), bmc_of_all_suites()),
        (suite(1), bmc_of_all_suites()),
    ];
    for (config, bmc) in cases {
        let mut pair = Pair::with(config, bmc, 7, flipping(&[1, 2, 30, 50]));
        let protection = pair.log_in().unwrap().protection;
        for index in 0..60 {
            assert!(pair.is_power_on().unwrap(), "{protection}: answer {index}");
        }
    }
}

#[test]
fn without_suites_there_is_no_login_by_ipmi_20() {
    for offered in [vec![CipherSuite::SUITE_3], vec![CipherSuite::SUITE_17]] {
        for protocol in [Protocol::Ipmi20, Protocol::Ipmi15Or20] {
            let config = SessionConfig { cipher_suites: vec![], protocol, ..config() };
            let bmc = Config { cipher_suites: offered.clone(), ..bmc_config() };
            let error = Pair::with(config, bmc, 7, |_, bytes| as_it_is(bytes)).log_in();
            assert!(matches!(error, Err(Error::NoCipherSuite)), "{error:?}");
        }
    }
}

#[test]
fn what_the_bmc_says_of_its_own_machine_is_no_answer_of_a_target() {
    let kind = AuthenticationType::None;
    let target = Some(Target::on_ipmb(0x72));
    let config = SessionConfig { target, ..config15(kind) };
    let network = changing(SendMessage::NUMBER, |datagram, message| {
        let Datagram::Ipmi15(packet) = datagram else { panic!() };
        let own = ResponseMessage {
            network_function: GetChassisStatus::NETWORK_FUNCTION,
            command: GetChassisStatus::NUMBER,
            completion: CompletionCode::OK,
            data: vec![0, 0, 0],
            ..message
        };
        let packet = Packet15 { payload: own.to_bytes(), ..packet.clone() };
        as_it_is(&Datagram::Ipmi15(packet).to_bytes())
    });
    let mut pair = Pair::with(config, bmc15(kind), 7, network);
    pair.log_in().unwrap();
    assert!(matches!(pair.is_power_on(), Err(Error::NoAnswer(_))));
}

#[test]
fn an_activation_without_the_code_that_was_asked_for_is_a_strangers() {
    let kind = AuthenticationType::Md5;
    let network = changing(ActivateSession::NUMBER, |datagram, mut message| {
        message.data[1..5].copy_from_slice(&[9; 4]);
        let forged = Packet15 {
            authentication: Authentication15::None,
            sequence: 0,
            session_id: 0x0909_0909,
            payload: message.to_bytes(),
        };
        vec![
            (MILLISECOND, Datagram::Ipmi15(forged).to_bytes()),
            (2 * MILLISECOND, datagram.to_bytes()),
        ]
    });
    let mut pair = Pair::with(config15(kind), bmc15(kind), 7, network);
    pair.log_in().unwrap();
    assert_eq!(pair.sent.len(), 4);
}

#[test]
fn without_codes_a_number_far_above_the_last_is_not_taken() {
    let network = changing(GetChassisStatus::NUMBER, |datagram, mut message| {
        let Datagram::Ipmi20(packet) = datagram else { panic!() };
        let mut forged = packet.clone();
        message.data[0] = 0;
        forged.sequence = u32::MAX;
        forged.payload = message.to_bytes();
        vec![
            (MILLISECOND, Datagram::Ipmi20(forged).to_bytes()),
            (2 * MILLISECOND, datagram.to_bytes()),
        ]
    });
    let mut pair = Pair::with(suite(0), bmc_of_all_suites(), 7, network);
    pair.log_in().unwrap();
    assert!(pair.is_power_on().unwrap());
}

#[test]
fn a_login_tells_the_level_and_the_workarounds_it_came_to() {
    let quirks = QuirkSet::NONE.with(Quirk::SetPrivilege);
    let bmc = Config { quirks, ..bmc_config() };
    let logged_in = Pair::with(config(), bmc, 7, |_, bytes| as_it_is(bytes)).log_in().unwrap();
    assert_eq!((logged_in.privilege, logged_in.workarounds), (Privilege::Operator, quirks));
}

#[test]
fn datagrams_that_the_network_doubles_stop_no_login() {
    for kind in [None, Some(AuthenticationType::Md5)] {
        let mut lost = false;
        let config = kind.map_or(config(), config15);
        let bmc = kind.map_or(bmc_config(), bmc15);
        let mut pair = Pair::with(config, bmc, 7, move |from, bytes| match from {
            From::Console => {
                vec![(MILLISECOND, bytes.to_vec()), (2 * MILLISECOND, bytes.to_vec())]
            }
            From::Bmc if !lost && is_end_of_login(bytes) => {
                lost = true;
                Vec::new()
            }
            From::Bmc => as_it_is(bytes),
        });
        pair.log_in().unwrap();
    }
}

fn is_end_of_login(bytes: &[u8]) -> bool {
    let is_activation = |packet: &Packet15| {
        ResponseMessage::parse(&packet.payload)
            .is_ok_and(|message| message.command == ActivateSession::NUMBER)
    };
    match Datagram::parse(bytes) {
        Ok(Datagram::Ipmi15(packet)) => is_activation(&packet),
        _ => payload_type_of(bytes) == Some(PayloadType::Rakp4),
    }
}

#[test]
fn a_session_id_that_the_bmc_has_forgotten_is_no_end() {
    let kind = AuthenticationType::Md5;
    let mut count = 0;
    let network = changing(ActivateSession::NUMBER, move |datagram, message| {
        count += 1;
        if count > 1 {
            return as_it_is(&datagram.to_bytes());
        }
        let completion = CompletionCode(0x85);
        let refused = ResponseMessage { completion, data: vec![], ..message };
        as_it_is(&Datagram::Ipmi15(Packet15::sessionless(refused.to_bytes())).to_bytes())
    });
    Pair::with(config15(kind), bmc15(kind), 7, network).log_in().unwrap();
}

#[test]
fn a_rakp_2_that_says_it_is_a_byte_longer_than_it_is_is_read() {
    let mut pair = Pair::new(|_, bytes| {
        let mut bytes = bytes.to_vec();
        if payload_type_of(&bytes) == Some(PayloadType::Rakp2) {
            bytes[14] += 1;
        }
        as_it_is(&bytes)
    });
    pair.log_in().unwrap();
}

/// Some BMCs of IPMI 1.5 do not answer a question for the data of IPMI 2.0.
#[test]
fn a_bmc_that_ignores_the_question_for_ipmi_20_is_asked_for_less() {
    let kind = AuthenticationType::Md5;
    let pair = |config| {
        Pair::with(config, bmc15(kind), 7, |from, bytes| {
            let is_extended = from == From::Console
                && matches!(Datagram::parse(bytes), Ok(Datagram::Ipmi15(packet))
                    if packet.payload[5] == 0x38 && packet.payload[6] & 0x80 != 0);
            if is_extended { Vec::new() } else { as_it_is(bytes) }
        })
    };
    pair(config15(kind)).log_in().unwrap();
    assert!(matches!(pair(config()).log_in(), Err(Error::NoIpmi20)));
}

#[test]
fn a_full_session_table_is_asked_at_growing_intervals() {
    for config in [config15(AuthenticationType::Md5), config()] {
        let ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
        let bmc = Config { max_sessions: 0, ipmi15, ..bmc_config() };
        let mut pair = Pair::with(config, bmc, 7, |_, bytes| as_it_is(bytes));
        pair.log_in().unwrap_err();
        let count = pair.sent.len();
        assert!(count < 35, "{count} datagrams in {:?}", pair.elapsed());
    }
}

#[test]
fn no_policy_makes_a_session_panic_or_flood() {
    for extreme in [Duration::ZERO, Duration::MAX] {
        let retry = RetryPolicy {
            first_interval: extreme,
            shortest_interval: extreme,
            longest_interval: extreme,
            step_time: extreme,
            patience: extreme,
            ..RetryPolicy::with_silence(extreme)
        };
        let config = SessionConfig { retry, ..config() };
        let _ = Pair::with(config, bmc_config(), 7, |_, bytes| as_it_is(bytes)).log_in();
    }
    let retry = RetryPolicy { first_interval: Duration::ZERO, ..RetryPolicy::default() };
    let mut pair =
        Pair::with(SessionConfig { retry, ..config() }, bmc_config(), 7, |_, _| Vec::new());
    pair.log_in().unwrap_err();
    assert!(pair.sent.len() <= 500, "{} sent", pair.sent.len());
}

#[test]
fn an_output_does_not_print_its_datagram() {
    let kind = AuthenticationType::Password;
    let mut pair = Pair::with(config15(kind), bmc15(kind), 7, |_, bytes| as_it_is(bytes));
    pair.log_in().unwrap();
    let request = Request::of(&GetChassisStatus, Delivery::Once);
    pair.session.request(pair.now, request, pair.now);
    let output = pair.session.poll_output();
    let Output::Transmit(datagram) = &output else { panic!("{output:?}") };
    assert!(datagram.windows(14).any(|bytes| bytes == b"right password"));
    assert_eq!(format!("{output:?}"), format!("Transmit({} bytes)", datagram.len()));
    assert_eq!(format!("{:?}", Authentication15::Password([7; 16])), "password");
}

#[test]
fn words_for_workarounds_are_read_in_any_case() {
    let none = Workarounds::parse("NONE").unwrap();
    assert!(Quirk::ALL.into_iter().all(|quirk| !none.finds(quirk)));
    assert!(Workarounds::parse("none, ICTS").unwrap().forces(Quirk::Icts));
    assert!(!Workarounds::parse("-Icts").unwrap().finds(Quirk::Icts));
    for wrong in ["-none", "icst", "icts sun20"] {
        let error = Workarounds::parse(wrong).unwrap_err().to_string();
        assert!(error.contains("is no workaround; there are authcap, "), "{error}");
    }
}

/// A recorded one, say, of another BMC with the same user and password that wants no codes for the rest of the session.
#[test]
fn an_answer_to_activate_session_with_a_right_code_of_another_time_is_not_believed() {
    for kind in [AuthenticationType::Md5, AuthenticationType::Md2] {
        let codes = Codes15::new(kind, &Password::new("right password").unwrap());
        let network = changing(ActivateSession::NUMBER, move |datagram, mut message| {
            let Datagram::Ipmi15(packet) = datagram else { panic!() };
            message.data[0] = AuthenticationType::None.bits();
            let stale = [0, 1, packet.sequence - 1000, packet.sequence + 1000]
                .map(|sequence| codes.seal(packet.session_id, sequence, message.to_bytes()));
            let mut delivered: Delivered = stale
                .map(|packet| (MILLISECOND, Datagram::Ipmi15(packet).to_bytes()))
                .into_iter()
                .collect();
            delivered.push((2 * MILLISECOND, datagram.to_bytes()));
            delivered
        });
        let mut pair = Pair::with(config15(kind), bmc15(kind), 7, network);
        assert_eq!(pair.log_in().unwrap().protection, Protection::Ipmi15(kind));
        assert_eq!(pair.sent.len(), 4);
    }
}
