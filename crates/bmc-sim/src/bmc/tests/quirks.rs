//! Quirks that no program which nobody here wrote can show; it shows the others in `tests/foreign_clients`.

use ipmi_lan::Quirk;
use ipmi_lan::command::{
    ChassisControl, Command, GetChannelAuthenticationCapabilities, GetChassisStatus, GetDeviceId,
    PowerControl, SetSessionPrivilegeLevel,
};
use ipmi_lan::wire::{Address, RequestMessage};

use super::*;
use crate::{Power, RefusalReason};

const NODE_BUSY: CompletionCode = CompletionCode::NODE_BUSY;

#[test]
fn keys_are_hashed_with_the_level_of_open_session() {
    for quirk in [Quirk::OpenSessPriv, Quirk::Sun20] {
        let mut bench = Bench::new(with(quirk));
        let credentials = Credentials { suite: CipherSuite::SUITE_3, ..credentials() };
        for (opened, is_genuine) in
            [(Some(credentials.role.privilege), true), (Some(Privilege::Oem), false), (None, false)]
        {
            let algorithms = credentials.suite.algorithms();
            let OpenSessionResponse::Accepted { bmc_session_id, .. } =
                bench.open_session_with(algorithms, opened)
            else {
                panic!("refused")
            };
            let (exchange, code) = bench.unproven_exchange(&credentials, bmc_session_id);
            let code = &code[..20]; // Sun20 has one byte more
            assert_eq!(exchange.is_rakp2_genuine(&credentials.password, code), is_genuine);
        }
    }
}

#[test]
fn refusals_have_tag_0() {
    let mut bench = Bench::new(with(Quirk::Tag0));
    let id = bench.open_session(CipherSuite::SUITE_17);
    let nobody = Credentials { name: Username::new("nobody").unwrap(), ..credentials() };
    let request = rakp1(&nobody, id);
    let rakp2 = bench.send_payload(PayloadType::Rakp1, request.to_bytes()).unwrap();
    assert_eq!((rakp2.len(), &rakp2[..8]), (40, &[0, 0x0d, 0, 0, 0, 0, 0, 0][..]));

    let mut algorithms = CipherSuite::SUITE_17.algorithms();
    algorithms.authentication = 0x3f;
    let refused = bench.open_session_with(algorithms, None);
    let OpenSessionResponse::Refused { tag: 0, console_session_id: Some(0), .. } = refused else {
        panic!("{refused:?}")
    };

    let id = bench.open_session(CipherSuite::SUITE_17);
    let exchange = bench.exchange(&credentials(), id);
    let wrong = rakp3(&exchange, &Password::new("wrong").unwrap());
    let refused = bench.rakp3(&wrong);
    let Rakp4::Refused { tag: 3, console_session_id: Some(CONSOLE_SESSION_ID), .. } = refused
    else {
        panic!("{refused:?}")
    };
    let refused = bench.rakp3(&wrong);
    let Rakp4::Refused { tag: 0, console_session_id: Some(0), .. } = refused else {
        panic!("{refused:?}")
    };
}

#[test]
fn the_level_administrator_is_refused() {
    let (mut bench, mut console) = logged_in(with(Quirk::SetPrivilege));
    let refused = console.ask(&mut bench, &SetSessionPrivilegeLevel(Privilege::Administrator));
    assert_eq!(refused, Err(CompletionCode(0x81)));
    let operator = console.ask(&mut bench, &SetSessionPrivilegeLevel(Privilege::Operator));
    assert_eq!(operator, Ok(Privilege::Operator));
}

#[test]
fn the_first_answers_to_each_command_are_busy() {
    let (mut bench, mut console) = logged_in(with(Quirk::Busy));
    for _ in 0..2 {
        assert_eq!(console.ask(&mut bench, &GetDeviceId), Err(NODE_BUSY));
    }
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    assert_eq!(console.ask(&mut bench, &GetChassisStatus), Err(NODE_BUSY));
    console.ask(&mut bench, &SetSessionPrivilegeLevel(Privilege::Operator)).unwrap_err();
    console.ask(&mut bench, &SetSessionPrivilegeLevel(Privilege::Operator)).unwrap_err();
    console.ask(&mut bench, &SetSessionPrivilegeLevel(Privilege::Operator)).unwrap();
    let off = ChassisControl(PowerControl::PowerDown);
    assert_eq!(console.ask(&mut bench, &off), Err(NODE_BUSY));
    assert_eq!(bench.bmc.power(bench.now), Power::On);
}

#[test]
fn the_first_logins_find_no_room() {
    let mut bench = Bench::new(with(Quirk::NoSlot));
    let algorithms = CipherSuite::SUITE_17.algorithms();
    for _ in 0..2 {
        let refused = bench.open_session_with(algorithms, None);
        assert!(matches!(refused, OpenSessionResponse::Refused { .. }), "{refused:?}");
    }
    let reason = RefusalReason::Status(RmcpPlusStatus::INSUFFICIENT_RESOURCES);
    assert_eq!(bench.count(&EventKind::SessionRefused { user: None, reason }), 2);
    bench.administrator();
}

#[test]
fn a_command_for_the_present_state_is_refused() {
    let mut bench = Bench::new(with(Quirk::PresentState));
    let mut console = bench.administrator();
    let mut control = |control| console.ask(&mut bench, &ChassisControl(control));
    let refused = Err(CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE);
    assert_eq!(control(PowerControl::PowerUp), refused);
    assert_eq!(control(PowerControl::PowerDown), Ok(()));
    assert_eq!(control(PowerControl::PowerDown), refused);
    assert_eq!(control(PowerControl::SoftShutdown), refused);
    assert_eq!(control(PowerControl::PowerUp), Ok(()));
}

#[test]
fn only_what_is_addressed_to_20h_is_answered() {
    let (mut bench, mut console) = logged_in(with(Quirk::MainAddress20));
    let elsewhere = |sequence| {
        let to = Address { slave: 0x22, lun: 0 };
        RequestMessage { to, ..GetDeviceId.to_message(sequence) }
    };
    assert_eq!(console.send(&mut bench, &elsewhere(20)), None);
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    let (mut bench, mut console) = logged_in(config());
    assert!(console.send(&mut bench, &elsewhere(21)).is_some());
}

#[test]
fn a_request_is_answered_when_a_thump_has_come_behind_it() {
    let mut bench = Bench::new(with(Quirk::IntelWv2));
    let query = GetChannelAuthenticationCapabilities {
        extended: true,
        privilege: Privilege::Administrator,
    };
    let packet = Packet20::sessionless(PayloadType::Ipmi, query.to_message(1).to_bytes());
    let request = Datagram::Ipmi20(packet).to_bytes();
    let thump = b"thump\0\0\0\0\0";
    let mut answers = |bytes: &[u8]| bench.bmc.handle(bench.now, bytes).len();
    assert_eq!(answers(thump), 0);
    assert_eq!(answers(&request), 0);
    assert_eq!(answers(thump), 1);
    assert_eq!(answers(thump), 0);
}

#[test]
fn a_packet_that_is_padded_as_usual_is_dropped() {
    let (mut bench, mut console) = logged_in(with(Quirk::Icts));
    assert_eq!(console.try_ask(&mut bench, &GetDeviceId), None);
}

fn with(quirk: Quirk) -> Config {
    Config { quirks: QuirkSet::NONE.with(quirk), ..config() }
}

/// At user level.
fn logged_in(config: Config) -> (Bench, Console) {
    let mut bench = Bench::new(config);
    let console = bench.login(&credentials());
    (bench, console)
}
