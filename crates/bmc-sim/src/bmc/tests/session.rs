use ipmi_lan::command::{
    ChassisControl, CloseSession, GetChannelAuthenticationCapabilities, GetChassisStatus,
    GetDeviceId, GetSystemRestartCause, PowerControl, SetSessionPrivilegeLevel,
};
use ipmi_lan::wire::{
    Address, Datagram, NetworkFunction, Packet20, PayloadType, RequestMessage, Role,
};
use ipmi_lan::{CompletionCode, Privilege};

use super::{Bench, Credentials, config, credentials, user};
use crate::{Config, EventKind, Power, User};

const POWER_DOWN: ChassisControl = ChassisControl(PowerControl::PowerDown);

#[test]
fn commands_are_answered() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    assert_eq!(console.ask(&mut bench, &GetDeviceId).unwrap().ipmi_version, 0x02);
    assert!(console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
    assert_eq!(console.ask(&mut bench, &GetSystemRestartCause).unwrap().0, 3);
    let privilege = Privilege::User;
    let question = GetChannelAuthenticationCapabilities { extended: true, privilege };
    assert!(console.ask(&mut bench, &question).unwrap().ipmi20);
}

#[test]
fn what_makes_no_sense_has_a_completion_code() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    let vendor = NetworkFunction::of_request(0x2c).unwrap();
    for (network_function, command, data, expected) in [
        (vendor, 0x3e, vec![0], 0xc1),
        (NetworkFunction::CHASSIS, 0x0f, vec![], 0xc1),
        (NetworkFunction::CHASSIS, 0x02, vec![], 0xc7),
        (NetworkFunction::CHASSIS, 0x02, vec![9], 0xcc),
        (NetworkFunction::APPLICATION, 0x3b, vec![0x0f], 0xcc),
    ] {
        let request = RequestMessage {
            to: Address::BMC,
            from: Address::REMOTE_CONSOLE,
            network_function,
            command,
            sequence: 40,
            data,
        };
        let response = console.send(&mut bench, &request).unwrap();
        assert_eq!(response.completion, CompletionCode(expected), "{request:?}");
    }
}

#[test]
fn a_session_begins_at_user_level_and_rises_to_its_limits() {
    let users = vec![User { max_privilege: Privilege::Operator, ..user() }];
    let mut bench = Bench::new(Config { users, ..config() });
    let role = Role { privilege: Privilege::Operator, name_only: true };
    let mut console = bench.login(&Credentials { role, ..credentials() });
    let refused = Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
    assert_eq!(console.ask(&mut bench, &POWER_DOWN), refused);
    let administrator = SetSessionPrivilegeLevel(Privilege::Administrator);
    assert_eq!(console.ask(&mut bench, &administrator), Err(CompletionCode(0x80)));
    let operator = SetSessionPrivilegeLevel(Privilege::Operator);
    assert_eq!(console.ask(&mut bench, &operator), Ok(Privilege::Operator));
    assert_eq!(console.ask(&mut bench, &POWER_DOWN), Ok(()));
}

#[test]
fn a_session_does_not_rise_above_what_rakp1_asked_for() {
    let mut bench = Bench::new(config());
    let role = Role { privilege: Privilege::Operator, name_only: true };
    let mut console = bench.login(&Credentials { role, ..credentials() });
    let administrator = SetSessionPrivilegeLevel(Privilege::Administrator);
    assert_eq!(console.ask(&mut bench, &administrator), Err(CompletionCode(0x81)));
}

#[test]
fn the_level_can_be_asked_for_without_changing_it() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    let request = RequestMessage {
        to: Address::BMC,
        from: Address::REMOTE_CONSOLE,
        network_function: NetworkFunction::APPLICATION,
        command: 0x3b,
        sequence: 40,
        data: vec![0],
    };
    assert_eq!(console.send(&mut bench, &request).unwrap().data, [4]);
}

#[test]
fn a_repeated_request_is_answered_again_and_not_executed() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    let request = console.request(&ChassisControl(PowerControl::HardReset));
    let first = console.send(&mut bench, &request);
    bench.wait(4.0);
    assert_eq!(console.send(&mut bench, &request), first);
    assert_eq!(*bench.last_event(), EventKind::RequestRepeated);
    assert_eq!(bench.count(&EventKind::Reset), 1);

    let next = RequestMessage { sequence: request.sequence + 1, ..request };
    console.send(&mut bench, &next);
    bench.wait(6.0);
    console.send(&mut bench, &next).unwrap();
    bench.wait(0.0);
    bench.bmc.advance(bench.now);
    assert_eq!(bench.count(&EventKind::Reset), 3, "later, an equal number is another request");
}

#[test]
fn a_replayed_packet_is_dropped() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    let request = console.request(&GetDeviceId);
    let packet = Datagram::Ipmi20(console.seal(&request));
    assert!(bench.send(&packet).is_some());
    assert_eq!(bench.send(&packet), None);
}

#[test]
fn packets_that_are_not_sealed_by_the_session_are_dropped() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    let mut other = bench.administrator();
    let request = console.request(&POWER_DOWN);

    let plain = Packet20 {
        session_id: console.bmc_session_id,
        sequence: 5,
        ..Packet20::sessionless(PayloadType::Ipmi, request.to_bytes())
    };
    assert_eq!(bench.send(&Datagram::Ipmi20(plain)), None);

    let of_other = Packet20 { session_id: console.bmc_session_id, ..other.seal(&request) };
    assert_eq!(bench.send(&Datagram::Ipmi20(of_other)), None);

    let mut bytes = Datagram::Ipmi20(console.seal(&request)).to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    assert!(bench.bmc.handle(bench.now, &bytes).is_empty());
    assert_eq!(bench.bmc.power(bench.now), Power::On);
    assert_eq!(console.ask(&mut bench, &POWER_DOWN), Ok(()), "the session goes on");
}

#[test]
fn a_session_is_closed_by_its_owner_only() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    let other = bench.administrator();
    let close_other = CloseSession { session_id: other.bmc_session_id };
    assert_eq!(console.ask(&mut bench, &close_other), Err(CompletionCode(0x87)));
    let close = CloseSession { session_id: console.bmc_session_id };
    assert_eq!(console.ask(&mut bench, &close), Ok(()));
    assert_eq!(*bench.last_event(), EventKind::SessionClosed { user: user().name });
    assert!(console.try_ask(&mut bench, &GetDeviceId).is_none());
}

#[test]
fn an_idle_session_expires_and_any_command_keeps_it() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    for _ in 0..3 {
        bench.wait(59.0);
        assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    }
    assert_eq!(bench.bmc.next_change().unwrap() - bench.now, config().session_idle_timeout);
    bench.wait(60.0);
    assert!(console.try_ask(&mut bench, &GetDeviceId).is_none());
    assert_eq!(*bench.last_event(), EventKind::SessionExpired);
}

#[test]
fn a_bmc_that_was_restarted_has_forgotten_its_sessions_and_its_machine_goes_on() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    assert_eq!(console.ask(&mut bench, &POWER_DOWN), Ok(()));
    bench.bmc.restart(bench.now);
    assert_eq!(*bench.last_event(), EventKind::Restarted);
    assert!(console.try_ask(&mut bench, &GetDeviceId).is_none());
    assert_eq!(bench.bmc.power(bench.now), Power::Off);
    assert!(!bench.administrator().ask(&mut bench, &GetChassisStatus).unwrap().power_on);
}
