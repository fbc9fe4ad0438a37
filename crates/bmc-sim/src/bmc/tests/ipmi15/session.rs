use ipmi_lan::command::{
    ChassisControl, CloseSession, GetChassisStatus, GetDeviceId, GetSystemRestartCause,
    PowerControl,
};

use super::*;
use crate::{EventKind, Power};

const POWER_DOWN: ChassisControl = ChassisControl(PowerControl::PowerDown);
const EVERY_TYPE: [AuthenticationType; 4] = [
    AuthenticationType::None,
    AuthenticationType::Md2,
    AuthenticationType::Md5,
    AuthenticationType::Password,
];

#[test]
fn commands_are_answered() {
    for kind in EVERY_TYPE {
        let mut bench = Bench::new(config());
        let mut console = bench.administrator15(kind);
        assert_eq!(console.ask(&mut bench, &GetDeviceId).unwrap().ipmi_version, 0x02);
        assert!(console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
        assert_eq!(console.ask(&mut bench, &GetSystemRestartCause).unwrap().0, 3);
        assert_eq!(console.ask(&mut bench, &POWER_DOWN), Ok(()));
        assert!(!console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
        let close = CloseSession { session_id: console.session_id };
        assert_eq!(console.ask(&mut bench, &close), Ok(()));
        assert_eq!(*bench.last_event(), EventKind::SessionClosed { user: user().name });
        let request = console.request(&GetDeviceId);
        assert_eq!(console.send(&mut bench, &request), None);
    }
}

#[test]
fn a_bmc_of_ipmi_15_only_says_so() {
    let mut bench = Bench::new(Config { ipmi20: false, ..config() });
    let mut console = bench.login15(AuthenticationType::Md5);
    assert_eq!(console.ask(&mut bench, &GetDeviceId).unwrap().ipmi_version, 0x51);
}

#[test]
fn a_session_begins_at_user_level_and_rises_to_its_limit() {
    let mut bench = Bench::new(config());
    let mut console = bench.login15_as(AuthenticationType::Md5, Privilege::Operator);
    let refused = Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
    assert_eq!(console.ask(&mut bench, &POWER_DOWN), refused);
    let raise = |level| SetSessionPrivilegeLevel(level);
    let too_high = console.ask(&mut bench, &raise(Privilege::Administrator));
    assert_eq!(too_high, Err(CompletionCode(0x81)));
    assert_eq!(console.ask(&mut bench, &raise(Privilege::Operator)), Ok(Privilege::Operator));
    assert_eq!(console.ask(&mut bench, &POWER_DOWN), Ok(()));
}

#[test]
fn no_session_begins_in_a_session() {
    let mut bench = Bench::new(config());
    let mut console = bench.login15(AuthenticationType::Md5);
    let (authentication, username) = (AuthenticationType::Md5, user().name);
    let challenge = GetSessionChallenge { authentication, username };
    let refused = Err(CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE);
    assert_eq!(console.ask(&mut bench, &challenge), refused);
}

#[test]
fn answers_are_numbered_on_from_the_number_that_was_asked_for() {
    let mut bench = Bench::new(config());
    let mut console = bench.login15(AuthenticationType::Md5);
    for number in 1..4 {
        let request = console.request(&GetDeviceId);
        let packet = console.seal(&request);
        assert_eq!(bench.send15(packet).unwrap().sequence, FIRST_OUTBOUND + number);
    }
}

#[test]
fn only_genuine_packets_are_answered() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator15(AuthenticationType::Md5);
    let request = console.request(&POWER_DOWN);
    let id = console.session_id;
    let (sequence, bytes) = (console.sequence, request.to_bytes());
    let seal = |codes: Codes15| codes.seal(id, sequence, bytes.clone());
    let wrong_password = ipmi_lan::Password::new("wrong").unwrap();
    for wrong in [
        seal(codes(AuthenticationType::None)),
        seal(codes(AuthenticationType::Password)),
        seal(Codes15::new(AuthenticationType::Md5, &wrong_password)),
        Packet15 { sequence: sequence + 1, ..seal(codes(AuthenticationType::Md5)) },
    ] {
        assert_eq!(bench.send15(wrong), None);
    }
    assert_eq!(bench.bmc.power(bench.now), Power::On);
    assert!(console.send(&mut bench, &request).is_some());
}

#[test]
fn packets_are_taken_once_and_near_the_highest_number() {
    let mut bench = Bench::new(config());
    let mut console = bench.login15(AuthenticationType::Md5);
    let first = console.sequence;
    for (ahead, is_taken) in [(9, false), (0, true), (0, false), (8, true), (7, true), (17, false)]
    {
        console.sequence = first + ahead;
        let request = console.request(&GetDeviceId);
        assert_eq!(console.send(&mut bench, &request).is_some(), is_taken, "{ahead} ahead");
    }
}

#[test]
fn a_repeated_request_is_not_executed_again() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator15(AuthenticationType::Md5);
    let request = console.request(&POWER_DOWN);
    let first = console.send(&mut bench, &request).unwrap();
    bench.bmc.set_power(bench.now, Power::On);
    assert_eq!(console.send(&mut bench, &request), Some(first));
    assert_eq!(*bench.last_event(), EventKind::RequestRepeated);
    assert_eq!(bench.bmc.power(bench.now), Power::On);
}

#[test]
fn an_idle_session_expires() {
    let mut bench = Bench::new(config());
    let mut console = bench.login15(AuthenticationType::Md5);
    bench.wait(59.0);
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    bench.wait(60.0);
    let request = console.request(&GetDeviceId);
    assert_eq!(console.send(&mut bench, &request), None);
    assert_eq!(bench.count(&EventKind::SessionExpired), 1);
}

#[test]
fn sessions_of_both_versions_share_the_room_and_do_not_meet() {
    let mut bench = Bench::new(Config { max_sessions: 2, ..config() });
    let mut console15 = bench.login15(AuthenticationType::None);
    let mut console20 = bench.administrator();
    let challenge = bench.challenge(AuthenticationType::None);
    let request = activation(AuthenticationType::None, challenge);
    let codes = codes(AuthenticationType::None);
    let full = bench.activate(challenge.temporary_session_id, &codes, &request).unwrap();
    assert_eq!(completion(&full), CompletionCode(0x81));

    let request = console15.request(&GetDeviceId);
    let intruder = codes.seal(console20.bmc_session_id, 1, request.to_bytes());
    assert_eq!(bench.send15(intruder), None);
    assert!(console15.ask(&mut bench, &GetDeviceId).is_ok());
    assert!(console20.ask(&mut bench, &GetDeviceId).is_ok());
}

#[test]
fn without_per_message_authentication_only_the_login_has_codes() {
    let ipmi15 =
        Ipmi15 { per_message_authentication: false, ..Ipmi15::new([AuthenticationType::Md5]) };
    let mut bench = Bench::new(Config { ipmi15: Some(ipmi15), ..config() });
    let kind = AuthenticationType::Md5;
    let challenge = bench.challenge(kind);
    let request = activation(kind, challenge);
    let answer = bench.activate(challenge.temporary_session_id, &codes(kind), &request).unwrap();
    assert!(codes(kind).is_genuine(&answer));
    let activated = accepted(&request, &answer);
    assert_eq!(activated.authentication, AuthenticationType::None);

    let mut console = Console15::new(codes(AuthenticationType::None), activated);
    assert!(console.ask(&mut bench, &GetChassisStatus).is_ok());
    let request = console.request(&GetDeviceId);
    let with_code = codes(kind).seal(console.session_id, console.sequence, request.to_bytes());
    assert_eq!(bench.send15(with_code), None);
}

#[test]
fn without_user_level_authentication_commands_of_that_level_need_no_code() {
    let kind = AuthenticationType::Md5;
    let ipmi15 = Ipmi15 { user_level_authentication: false, ..Ipmi15::new([kind]) };
    let mut bench = Bench::new(Config { ipmi15: Some(ipmi15), ..config() });
    let mut console = bench.administrator15(kind);
    console.codes = codes(AuthenticationType::None);
    assert!(console.ask(&mut bench, &GetChassisStatus).is_ok());
    let request = console.request(&POWER_DOWN);
    assert_eq!(console.send(&mut bench, &request), None);
    console.sequence -= 1;
    console.codes = codes(kind);
    assert!(console.ask(&mut bench, &POWER_DOWN).is_ok());
    assert!(console.ask(&mut bench, &GetChassisStatus).is_ok());
}
