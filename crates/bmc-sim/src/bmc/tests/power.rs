use std::time::Duration;

use ipmi_lan::CompletionCode;
use ipmi_lan::command::{
    ChassisControl, GetChassisStatus, GetSystemRestartCause, PowerControl, RestartCause,
};

use super::{Bench, Console, config};
use crate::{Config, EventKind, Power};

const DELAY: f64 = 4.0;
const CYCLE_OFF: f64 = 10.0;

#[test]
fn commands_act_after_the_delay() {
    let (mut bench, mut console) = slow_bmc();
    control(&mut bench, &mut console, PowerControl::PowerDown);
    let acknowledged = bench.now;
    bench.wait(DELAY - 0.1);
    assert!(console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
    bench.wait(0.2);
    assert!(!console.ask(&mut bench, &GetChassisStatus).unwrap().power_on);
    let off = bench.bmc.events().iter().find(|event| event.kind == EventKind::PowerOff).unwrap();
    assert_eq!(off.at - acknowledged, Duration::from_secs_f64(DELAY), "not when it was noticed");

    control(&mut bench, &mut console, PowerControl::PowerUp);
    assert_eq!(bench.bmc.power(bench.now), Power::Off);
    bench.wait(DELAY);
    assert_eq!(bench.bmc.power(bench.now), Power::On);
}

#[test]
fn only_the_latest_events_are_kept() {
    let mut bench = Bench::new(Config { events_kept: 2, ..config() });
    for power in [Power::Off, Power::On, Power::Off] {
        bench.bmc.set_power(bench.now, power);
    }
    let kept = bench.bmc.events().iter().map(|event| &event.kind);
    assert_eq!(kept.collect::<Vec<_>>(), [&EventKind::PowerOn, &EventKind::PowerOff]);
    assert_eq!(bench.bmc.events().total(), 3);
}

#[test]
fn a_cycle_is_off_for_a_while() {
    let (mut bench, mut console) = slow_bmc();
    control(&mut bench, &mut console, PowerControl::PowerCycle);
    for (seconds, expected) in [
        (DELAY - 0.1, Power::On),
        (0.2, Power::Off),
        (CYCLE_OFF - 0.2, Power::Off),
        (0.2, Power::On),
    ] {
        bench.wait(seconds);
        assert_eq!(bench.bmc.power(bench.now), expected);
    }
    assert_eq!(console.ask(&mut bench, &GetSystemRestartCause), Ok(RestartCause::CHASSIS_CONTROL));
}

#[test]
fn a_cycle_in_off_state_is_refused_and_does_nothing() {
    let (mut bench, mut console) = slow_bmc();
    bench.bmc.set_power(bench.now, Power::Off);
    let cycle = ChassisControl(PowerControl::PowerCycle);
    let refused = Err(CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE);
    assert_eq!(console.ask(&mut bench, &cycle), refused);
    bench.wait(30.0);
    assert_eq!(bench.bmc.power(bench.now), Power::Off);
}

#[test]
fn power_down_during_a_cycle_stays_off() {
    let (mut bench, mut console) = slow_bmc();
    control(&mut bench, &mut console, PowerControl::PowerCycle);
    bench.wait(5.0);
    control(&mut bench, &mut console, PowerControl::PowerDown);
    bench.wait(30.0);
    assert_eq!(bench.bmc.power(bench.now), Power::Off);
}

#[test]
fn power_up_during_a_cycle_ends_it() {
    let (mut bench, mut console) = slow_bmc();
    control(&mut bench, &mut console, PowerControl::PowerCycle);
    bench.wait(5.0);
    control(&mut bench, &mut console, PowerControl::PowerUp);
    bench.wait(DELAY);
    assert_eq!(bench.bmc.power(bench.now), Power::On);
    assert_eq!(bench.bmc.next_change().unwrap() - bench.now, Duration::from_secs(56));
    assert_eq!(bench.count(&EventKind::PowerOn), 1);
}

#[test]
fn reset_interrupt_and_shutdown_leave_their_marks() {
    let mut bench = Bench::new(config());
    let mut console = bench.administrator();
    for (command, event) in [
        (PowerControl::HardReset, EventKind::Reset),
        (PowerControl::DiagnosticInterrupt, EventKind::DiagnosticInterrupt),
        (PowerControl::SoftShutdown, EventKind::PowerOff),
    ] {
        control(&mut bench, &mut console, command);
        bench.bmc.advance(bench.now);
        assert_eq!(*bench.last_event(), event);
    }
    control(&mut bench, &mut console, PowerControl::HardReset);
    assert_eq!(bench.bmc.power(bench.now), Power::Off);
    assert_eq!(bench.count(&EventKind::Reset), 1, "nothing to reset");
}

#[test]
fn a_machine_switched_by_hand_forgets_its_commands() {
    let (mut bench, mut console) = slow_bmc();
    control(&mut bench, &mut console, PowerControl::PowerDown);
    bench.bmc.set_power(bench.now, Power::On);
    bench.wait(30.0);
    assert_eq!(bench.bmc.power(bench.now), Power::On);
    assert_eq!(bench.count(&EventKind::PowerOff), 0);
}

#[test]
fn the_same_seed_and_instants_give_the_same_answers() {
    let transcript = || {
        let (mut bench, _) = slow_bmc();
        let id = bench.open_session(ipmi_lan::CipherSuite::SUITE_3);
        (id, bench.rakp1(&super::rakp1(&super::credentials(), id)))
    };
    assert_eq!(transcript(), transcript());
}

fn slow_bmc() -> (Bench, Console) {
    let mut bench = Bench::new(Config {
        power_delay: Duration::from_secs_f64(DELAY),
        cycle_off: Duration::from_secs_f64(CYCLE_OFF),
        ..config()
    });
    let console = bench.administrator();
    (bench, console)
}

fn control(bench: &mut Bench, console: &mut Console, control: PowerControl) {
    assert_eq!(console.ask(bench, &ChassisControl(control)), Ok(()));
}
