use ipmi_lan::CompletionCode;
use ipmi_lan::command::{
    ChassisControl, Command, GetChannelCipherSuites, GetChassisStatus, GetDeviceId,
    GetSystemRestartCause, PowerControl, RestartCause,
};
use ipmi_lan::wire::{Address, PayloadType, RequestMessage};

use super::{Bench, Console, config};
use crate::{EventKind, Faults, Power};

#[test]
fn power_off_is_acknowledged_and_ignored() {
    let (mut bench, mut console) = faulty(Faults { ignore_power_off: true, ..Faults::default() });
    for control in [PowerControl::PowerDown, PowerControl::PowerCycle, PowerControl::SoftShutdown] {
        assert_eq!(console.ask(&mut bench, &ChassisControl(control)), Ok(()));
    }
    bench.wait(30.0);
    assert_eq!(bench.bmc.power(bench.now), Power::On);
    assert_eq!(bench.count(&EventKind::PowerOff), 0);
}

#[test]
fn power_on_is_acknowledged_and_ignored() {
    let (mut bench, mut console) = faulty(Faults { ignore_power_on: true, ..Faults::default() });
    for control in [PowerControl::PowerCycle, PowerControl::PowerUp] {
        assert_eq!(console.ask(&mut bench, &ChassisControl(control)), Ok(()));
        bench.wait(30.0);
        assert_eq!(bench.bmc.power(bench.now), Power::Off);
    }
}

#[test]
fn a_silent_bmc_answers_nothing_and_does_nothing() {
    let (mut bench, mut console) = faulty(Faults { silent: true, ..Faults::default() });
    let power_down = ChassisControl(PowerControl::PowerDown);
    assert!(console.try_ask(&mut bench, &power_down).is_none());
    bench.bmc.faults(bench.now).silent = false;
    assert!(console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
}

#[test]
fn the_cipher_suite_query_is_ignored_before_a_login() {
    let (mut bench, mut console) =
        faulty(Faults { ignore_cipher_suite_query: true, ..Faults::default() });
    let query = GetChannelCipherSuites { index: 0 };
    let request = RequestMessage {
        to: Address::BMC,
        from: Address::REMOTE_CONSOLE,
        network_function: GetChannelCipherSuites::NETWORK_FUNCTION,
        command: GetChannelCipherSuites::NUMBER,
        sequence: 0,
        data: query.to_data(),
    };
    assert_eq!(bench.send_payload(PayloadType::Ipmi, request.to_bytes()), None);
    assert!(console.ask(&mut bench, &query).is_ok());
}

#[test]
fn an_instant_cycle_is_seen_in_the_restart_cause_only() {
    let (mut bench, mut console) = faulty(Faults { instant_cycle: true, ..Faults::default() });
    let cycle = ChassisControl(PowerControl::PowerCycle);
    assert_eq!(console.ask(&mut bench, &cycle), Ok(()));
    assert!(console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
    let cause = console.ask(&mut bench, &GetSystemRestartCause);
    assert_eq!(cause, Ok(RestartCause::CHASSIS_CONTROL));
    assert_eq!(bench.count(&EventKind::PowerOff), 1);
}

#[test]
fn the_restart_cause_may_be_unknown_to_the_bmc() {
    let (mut bench, mut console) = faulty(Faults { no_restart_cause: true, ..Faults::default() });
    let cause = console.ask(&mut bench, &GetSystemRestartCause);
    assert_eq!(cause, Err(CompletionCode::INVALID_COMMAND));
}

#[test]
fn a_busy_bmc_says_so_a_few_times_even_to_the_same_request() {
    let (mut bench, mut console) = faulty(Faults { busy_answers: 2, ..Faults::default() });
    let request = console.request(&GetChassisStatus);
    let mut answer = || console.send(&mut bench, &request).unwrap().completion;
    assert_eq!(
        [answer(), answer(), answer()],
        [CompletionCode::NODE_BUSY, CompletionCode::NODE_BUSY, CompletionCode::OK]
    );
}

#[test]
fn a_lost_acknowledgement_can_be_had_again_without_a_second_reset() {
    let control = PowerControl::HardReset;
    let (mut bench, mut console) =
        faulty(Faults { drop_acknowledgement_of: Some(control), ..Faults::default() });
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    let request = console.request(&ChassisControl(control));
    assert_eq!(console.send(&mut bench, &request), None);
    assert_eq!(*bench.last_event(), EventKind::AcknowledgementLost);
    let again = console.send(&mut bench, &request).unwrap();
    assert_eq!(again.completion, CompletionCode::OK);
    assert_eq!(bench.count(&EventKind::Reset), 1);
    assert_eq!(console.ask(&mut bench, &ChassisControl(control)), Ok(()), "only the first is lost");
}

/// The fault begins after the login.
fn faulty(faults: Faults) -> (Bench, Console) {
    let mut bench = Bench::new(config());
    let console = bench.administrator();
    *bench.bmc.faults(bench.now) = faults;
    (bench, console)
}
