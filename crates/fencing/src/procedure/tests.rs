//! The procedure against a machine of make-believe, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Done, FenceError, Method, OffProof, Settings, run};
use crate::Success::Observed;
use crate::{Action, Device, DeviceError, ErrorKind, Outcome, Power, PowerState, RestartMark};

const SECOND: Duration = Duration::from_secs(1);

/// A machine whose power follows commands after a delay, and whose BMC misbehaves as it is told.
struct Machine {
    power: PowerState,
    /// What will become of power, and when.
    plan: VecDeque<(Instant, PowerState)>,
    delay: Duration,
    /// How long power stays off in a cycle.
    cycle_off: Duration,
    /// How many commands are acknowledged and dropped.
    dropped: usize,
    /// The errors that the next commands are answered with; `true`: carried out all the same.
    command_errors: VecDeque<(ErrorKind, bool)>,
    /// From this command on, counted from 0, all are refused.
    refused_from: Option<usize>,
    /// What the next readings answer instead of the truth.
    readings: VecDeque<Result<PowerState, ErrorKind>>,
    mark: Option<RestartMark>,
    /// What it calls the time of its last restart is the time of day.
    has_running_mark: bool,
    commands: Vec<(&'static str, Duration)>,
    asked: usize,
    born: Instant,
}

impl Machine {
    fn new(power: PowerState) -> Self {
        Self {
            power,
            plan: VecDeque::new(),
            delay: Duration::ZERO,
            cycle_off: SECOND,
            dropped: 0,
            command_errors: VecDeque::new(),
            refused_from: None,
            readings: VecDeque::new(),
            mark: None,
            has_running_mark: false,
            commands: Vec::new(),
            asked: 0,
            born: Instant::now(),
        }
    }

    fn take(
        &mut self,
        name: &'static str,
        plan: &[(Duration, PowerState)],
    ) -> Result<(), DeviceError> {
        self.commands.push((name, self.born.elapsed()));
        if self.refused_from.is_some_and(|first| self.commands.len() > first) {
            return Err(scripted(ErrorKind::Refused));
        }
        let error = self.command_errors.pop_front();
        if error.is_some_and(|(_, is_carried_out)| !is_carried_out) {
            return Err(scripted(error.unwrap().0));
        }
        if self.dropped > 0 {
            self.dropped -= 1;
        } else {
            let start = Instant::now() + self.delay;
            self.plan = plan.iter().map(|(after, power)| (start + *after, *power)).collect();
        }
        error.map_or(Ok(()), |(kind, _)| Err(scripted(kind)))
    }

    fn now(&mut self) -> PowerState {
        while self.plan.front().is_some_and(|(at, _)| Instant::now() >= *at) {
            self.power = self.plan.pop_front().unwrap().1;
        }
        self.power
    }

    fn names(&self) -> Vec<&'static str> {
        self.commands.iter().map(|(name, _)| *name).collect()
    }
}

fn scripted(kind: ErrorKind) -> DeviceError {
    DeviceError::new(kind, format!("scripted {kind:?}"))
}

#[async_trait]
impl Device for Machine {
    fn address(&self) -> String {
        "machine".to_owned()
    }

    async fn power_state(&mut self, _: Instant) -> Result<PowerState, DeviceError> {
        self.asked += 1;
        match self.readings.pop_front() {
            Some(reading) => reading.map_err(scripted),
            None => Ok(self.now()),
        }
    }

    async fn set_power(&mut self, to: Power, _: Instant) -> Result<(), DeviceError> {
        let name = if to == Power::On { "on" } else { "off" };
        self.take(name, &[(Duration::ZERO, to.into())])
    }

    async fn cycle(&mut self, _: Instant) -> Result<(), DeviceError> {
        let off = self.cycle_off;
        self.take("cycle", &[(Duration::ZERO, PowerState::Off), (off, PowerState::On)])
    }

    async fn diagnostic_interrupt(&mut self, _: Instant) -> Result<(), DeviceError> {
        self.take("diag", &[])
    }

    async fn restart_mark(&mut self, _: Instant) -> Result<RestartMark, DeviceError> {
        let has_cycled = self.names().contains(&"cycle");
        match &self.mark {
            _ if self.has_running_mark => Ok(time(1000 + self.born.elapsed().as_secs())),
            Some(RestartMark::Time { .. }) if !has_cycled => Ok(time(1000)),
            Some(_) if !has_cycled => {
                Ok(RestartMark::Cause { text: "before".into(), by_command: false })
            }
            Some(after) => Ok(after.clone()),
            None => Err(scripted(ErrorKind::Unsupported)),
        }
    }

    async fn close(&mut self) {}
}

fn time(seconds: u64) -> RestartMark {
    RestartMark::Time { text: String::new(), since_1970: Duration::from_secs(seconds) }
}

fn settings() -> Settings {
    Settings {
        method: Method::OnOff,
        power_wait: None,
        power_timeout: Some(20 * SECOND),
        poll_interval: None,
        on_attempts: 1,
        until: None,
        is_unsettled: false,
    }
}

fn by_cycle(accept_unverified: bool) -> Settings {
    Settings { method: Method::Cycle { accept_unverified }, ..settings() }
}

#[tokio::test(start_paused = true)]
async fn off_is_success_after_two_readings() {
    let mut machine = Machine::new(PowerState::On);
    let outcome = run(&mut machine, Action::Off, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))));
    assert_eq!(machine.names(), ["off"]);
    assert_eq!(machine.asked, 3, "one before the command, two after it");
    assert!(machine.born.elapsed() < SECOND / 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_already_there_takes_no_command() {
    let mut machine = Machine::new(PowerState::Off);
    let outcome = run(&mut machine, Action::Off, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::AlreadyOff(_))))));
    machine.power = PowerState::On;
    let outcome = run(&mut machine, Action::On, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::AlreadyOn(_))))));
    assert!(machine.commands.is_empty());
}

#[tokio::test(start_paused = true)]
async fn power_that_takes_three_seconds_is_waited_for() {
    let mut machine = Machine::new(PowerState::On);
    machine.delay = 3 * SECOND;
    let outcome = run(&mut machine, Action::Off, &settings()).await;
    let Ok(Outcome::Done(Observed(Done::PoweredOff(seen)))) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(seen.at() - machine.born >= 3 * SECOND);
    assert_eq!(machine.names(), ["off"]);
}

#[tokio::test(start_paused = true)]
async fn power_that_never_goes_off_is_a_failure_after_the_time_out() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = usize::MAX;
    let error = run(&mut machine, Action::Off, &settings()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "timed out waiting to power OFF: power was still ON 20 s after the command"
    );
    let times: Vec<u64> = machine.commands.iter().map(|(_, at)| at.as_secs()).collect();
    assert_eq!(times, [0, 5, 10, 15], "the command is sent again while off is not seen");
}

#[tokio::test(start_paused = true)]
async fn power_time_out_is_in_seconds_whatever_the_poll_interval() {
    for interval in [Duration::ZERO, 7 * SECOND] {
        let mut machine = Machine::new(PowerState::On);
        machine.dropped = usize::MAX;
        let settings = Settings { poll_interval: Some(interval), ..settings() };
        assert!(run(&mut machine, Action::Off, &settings).await.is_err());
        let elapsed = machine.born.elapsed();
        assert!(elapsed >= 20 * SECOND && elapsed <= 27 * SECOND, "{elapsed:?}");
        assert!(machine.asked <= 1002, "a BMC is not flooded: {}", machine.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_acknowledged_and_dropped_is_sent_again() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = 1;
    let outcome = run(&mut machine, Action::Off, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))));
    assert_eq!(machine.names(), ["off", "off"]);
}

#[tokio::test(start_paused = true)]
async fn one_reading_of_off_between_two_of_on_is_no_success() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = usize::MAX;
    let (on, off) = (Ok(PowerState::On), Ok(PowerState::Off));
    machine.readings = [on, off, on, off, on].into();
    assert!(run(&mut machine, Action::Off, &settings()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_power_wait_that_was_given_is_kept_and_one_reading_follows_it() {
    let mut machine = Machine::new(PowerState::On);
    let settings = Settings { power_wait: Some(4 * SECOND), ..settings() };
    let outcome = run(&mut machine, Action::Off, &settings).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))));
    assert_eq!(machine.born.elapsed(), 4 * SECOND);
    assert_eq!(machine.asked, 2);
}

#[tokio::test(start_paused = true)]
async fn readings_that_fail_for_a_while_are_repeated() {
    let mut machine = Machine::new(PowerState::On);
    let (busy, silent) = (Err(ErrorKind::Busy), Err(ErrorKind::NoAnswer));
    machine.readings = [Ok(PowerState::On), busy, silent, Ok(PowerState::Off), busy].into();
    let outcome = run(&mut machine, Action::Off, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))));
    assert_eq!(machine.asked, 7, "off counts anew after the reading that failed");
}

#[tokio::test(start_paused = true)]
async fn off_that_was_seen_once_when_time_was_over_is_told_of() {
    let mut machine = Machine::new(PowerState::On);
    let settings = Settings { power_timeout: Some(Duration::ZERO), ..settings() };
    let error = run(&mut machine, Action::Off, &settings).await.unwrap_err().to_string();
    let expected = "power was seen OFF once only, 0 s after the command";
    assert_eq!(error, format!("timed out waiting to power OFF: {expected}"));
}

#[tokio::test(start_paused = true)]
async fn a_bmc_that_falls_silent_after_the_command_is_a_failure_that_says_so() {
    let mut machine = Machine::new(PowerState::On);
    machine.readings = [Ok(PowerState::On)].into();
    machine.readings.extend(vec![Err(ErrorKind::NoAnswer); 1000]);
    let error = run(&mut machine, Action::Off, &settings()).await.unwrap_err().to_string();
    assert!(error.starts_with("timed out waiting to power OFF"), "{error}");
    assert!(error.contains("scripted NoAnswer"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_bmc_that_refuses_readings_after_the_command_leaves_the_state_unknown() {
    let mut machine = Machine::new(PowerState::On);
    machine.readings = [Ok(PowerState::On), Err(ErrorKind::Denied)].into();
    let error = run(&mut machine, Action::Off, &settings()).await.unwrap_err();
    assert!(matches!(error, FenceError::StateUnknown { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_refused_again_and_again_is_told_of_with_the_last_state() {
    let mut machine = Machine::new(PowerState::On);
    machine.command_errors = vec![(ErrorKind::PresentState, false); 100].into();
    let error = run(&mut machine, Action::Off, &settings()).await.unwrap_err().to_string();
    let expected = "power was still ON 20 s after the command, which failed: scripted PresentState";
    assert_eq!(error, format!("timed out waiting to power OFF: {expected}"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_on_its_way_off_is_neither_off_nor_on() {
    for (action, command) in [(Action::On, "on"), (Action::Off, "off")] {
        let mut machine = Machine::new(PowerState::Unknown);
        machine.dropped = usize::MAX;
        let error = run(&mut machine, action, &settings()).await.unwrap_err().to_string();
        assert!(error.contains("power was still neither ON nor OFF 20 s after"), "{error}");
        assert_eq!(machine.names()[0], command);
    }
    let mut machine = Machine::new(PowerState::Unknown);
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { .. })))), "{outcome:?}");
    assert_eq!(machine.names(), ["cycle"]);
}

#[tokio::test(start_paused = true)]
async fn a_device_of_several_machines_is_monitored_without_a_name_and_nothing_else() {
    for action in [Action::Monitor, Action::Status, Action::On, Action::Off, Action::Reboot] {
        let mut machine = Machine::new(PowerState::On);
        machine.readings = [Err(ErrorKind::Unchosen)].into();
        let outcome = run(&mut machine, action, &settings()).await;
        assert_eq!(outcome.is_ok(), action == Action::Monitor, "{action}: {outcome:?}");
        assert_eq!(machine.names(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_reading_after_the_command_is_not_the_end() {
    for kind in [ErrorKind::Refused, ErrorKind::PresentState, ErrorKind::Unsupported] {
        let mut machine = Machine::new(PowerState::On);
        machine.readings = [Ok(PowerState::On), Err(kind)].into();
        let outcome = run(&mut machine, Action::Off, &settings()).await;
        assert!(
            matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))),
            "{kind:?}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_reading_of_off_before_the_command_does_not_fence() {
    for settings in [settings(), by_cycle(false)] {
        for action in [Action::Off, Action::Reboot] {
            let mut machine = Machine::new(PowerState::On);
            machine.readings = [Ok(PowerState::Off), Ok(PowerState::On)].into();
            run(&mut machine, action, &settings).await.unwrap();
            assert!(["off", "cycle"].contains(&machine.names()[0]), "{action}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bmc_that_is_busy_at_first_is_asked_again() {
    let mut machine = Machine::new(PowerState::On);
    machine.readings = vec![Err(ErrorKind::Busy); 15].into();
    let outcome = run(&mut machine, Action::Status, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Status(_))));
    machine.readings = vec![Err(ErrorKind::Busy); 5000].into();
    let error = run(&mut machine, Action::Status, &settings()).await.unwrap_err();
    assert_eq!(error.to_string(), "unable to read the power state: scripted Busy");
}

/// That a login at the very end was not answered says nothing; that the BMC had no room until then does.
#[tokio::test(start_paused = true)]
async fn a_bmc_that_was_busy_until_there_was_no_time_left_is_told_as_busy() {
    for (times, reason) in [(23, "scripted Busy"), (5, "scripted NoAnswer")] {
        let mut machine = Machine::new(PowerState::On);
        machine.readings = vec![Err(ErrorKind::Busy); times].into();
        machine.readings.push_back(Err(ErrorKind::NoAnswer));
        let error = run(&mut machine, Action::Off, &settings()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("unable to read the power state: {reason}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_wait_of_zero_is_no_wait_and_takes_two_readings() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = usize::MAX;
    machine.readings = [Ok(PowerState::On), Ok(PowerState::Off), Ok(PowerState::On)].into();
    let settings = Settings { power_wait: Some(Duration::ZERO), ..settings() };
    assert!(run(&mut machine, Action::Off, &settings).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn power_on_that_is_refused_is_not_attempted_again() {
    let mut machine = Machine::new(PowerState::Off);
    machine.refused_from = Some(0);
    let settings = Settings { on_attempts: u32::MAX, ..settings() };
    let outcome = run(&mut machine, Action::Reboot, &settings).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { on: Err(_), .. })))));
    assert_eq!(machine.names(), ["on"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_no_proof_of_a_cycle_that_was_not_acknowledged() {
    for kind in [ErrorKind::NoAnswer, ErrorKind::Busy, ErrorKind::PresentState] {
        let mut machine = Machine::new(PowerState::On);
        machine.mark = Some(RestartMark::Cause { text: "after".into(), by_command: true });
        machine.command_errors = vec![(kind, false); 100].into();
        let error = run(&mut machine, Action::Reboot, &by_cycle(false)).await.unwrap_err();
        assert!(matches!(error, FenceError::CycleUnproven { acknowledged: false, .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn readings_of_off_with_others_in_between_prove_no_cycle() {
    let (on, off) = (Ok(PowerState::On), Ok(PowerState::Off));
    for other in [on, Err(ErrorKind::Refused), Err(ErrorKind::NoAnswer)] {
        let mut machine = Machine::new(PowerState::On);
        machine.dropped = usize::MAX;
        machine.readings = [on, off, other, off, other].into();
        let error = run(&mut machine, Action::Reboot, &by_cycle(false)).await.unwrap_err();
        assert!(matches!(error, FenceError::CycleUnproven { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cycle_without_proof_is_told_even_where_there_is_no_time_out() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = usize::MAX;
    let settings = Settings { power_timeout: None, ..by_cycle(false) };
    assert!(run(&mut machine, Action::Reboot, &settings).await.is_err());
    assert!(machine.born.elapsed() <= 21 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_first_reading_that_fails_is_the_end() {
    for action in [Action::On, Action::Off, Action::Reboot, Action::Status, Action::Monitor] {
        let mut machine = Machine::new(PowerState::On);
        machine.readings = [Err(ErrorKind::NoAnswer)].into();
        let error = run(&mut machine, action, &settings()).await.unwrap_err();
        assert!(matches!(error, FenceError::Status(_)), "{action}: {error}");
        assert!(machine.commands.is_empty(), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_is_the_end_and_an_unanswered_one_is_not() {
    let mut machine = Machine::new(PowerState::On);
    machine.command_errors = [(ErrorKind::Refused, false)].into();
    let error = run(&mut machine, Action::Off, &settings()).await.unwrap_err();
    assert_eq!(error.to_string(), "the power off command failed: scripted Refused");

    for kind in [ErrorKind::NoAnswer, ErrorKind::Busy, ErrorKind::PresentState] {
        for is_carried_out in [true, false] {
            let mut machine = Machine::new(PowerState::On);
            machine.command_errors = [(kind, is_carried_out)].into();
            let outcome = run(&mut machine, Action::Off, &settings()).await;
            assert!(
                matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))),
                "{kind:?}"
            );
            assert_eq!(machine.commands.len(), if is_carried_out { 1 } else { 2 });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_an_acknowledged_command_does_not_end_the_waiting() {
    let mut machine = Machine::new(PowerState::On);
    machine.delay = 6 * SECOND;
    machine.refused_from = Some(1);
    let outcome = run(&mut machine, Action::Off, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::PoweredOff(_))))), "{outcome:?}");
    assert_eq!(machine.names(), ["off", "off"]);
}

#[tokio::test(start_paused = true)]
async fn reboot_is_off_seen_off_on_seen_on() {
    let mut machine = Machine::new(PowerState::On);
    let outcome = run(&mut machine, Action::Reboot, &settings()).await;
    let Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Seen(off), on: Ok(on) }))) =
        outcome
    else {
        panic!("{outcome:?}")
    };
    assert!(off.at() <= on.at());
    assert_eq!(machine.names(), ["off", "on"]);
    assert!(machine.born.elapsed() < SECOND, "a BMC that acts at once takes well under a second");
}

#[tokio::test(start_paused = true)]
async fn reboot_of_a_machine_that_is_off_switches_it_on() {
    let mut machine = Machine::new(PowerState::Off);
    let outcome = run(&mut machine, Action::Reboot, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { on: Ok(_), .. })))));
    assert_eq!(machine.names(), ["on"]);
}

#[tokio::test(start_paused = true)]
async fn reboot_is_success_although_power_does_not_come_back() {
    let mut machine = Machine::new(PowerState::On);
    machine.refused_from = Some(1);
    let outcome = run(&mut machine, Action::Reboot, &settings()).await;
    assert!(matches!(
        outcome,
        Ok(Outcome::Done(Observed(Done::Rebooted { on: Err(FenceError::Command { .. }), .. })))
    ));
    assert_eq!(machine.names(), ["off", "on"]);
}

#[tokio::test(start_paused = true)]
async fn reboot_attempts_on_as_often_as_retry_on_says() {
    for attempts in [0, 3] {
        let mut machine = Machine::new(PowerState::Off);
        machine.dropped = usize::MAX;
        let settings = Settings { on_attempts: attempts, ..settings() };
        let outcome = run(&mut machine, Action::Reboot, &settings).await;
        assert!(
            matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { on: Err(_), .. })))),
            "{outcome:?}"
        );
        assert_eq!(machine.born.elapsed().as_secs(), 20 * u64::from(attempts));
    }
}

#[tokio::test(start_paused = true)]
async fn without_time_out_off_is_waited_for_and_the_on_part_is_still_bounded() {
    let mut machine = Machine::new(PowerState::On);
    machine.delay = 300 * SECOND;
    let settings = Settings { power_timeout: None, ..settings() };
    machine.take("off", &[(Duration::ZERO, PowerState::Off)]).unwrap();
    machine.dropped = usize::MAX;
    let outcome = run(&mut machine, Action::Reboot, &settings).await;
    assert!(
        matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { on: Err(_), .. })))),
        "{outcome:?}"
    );
    assert!(machine.born.elapsed() < 330 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn on_is_attempted_once_more_than_retry_on_says() {
    let mut machine = Machine::new(PowerState::Off);
    machine.dropped = usize::MAX;
    assert!(run(&mut machine, Action::On, &settings()).await.is_err());
    assert_eq!(machine.born.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_counts_when_off_was_seen() {
    let mut machine = Machine::new(PowerState::On);
    machine.delay = 2 * SECOND;
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
    assert!(matches!(
        outcome,
        Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Seen(_), on: Ok(_) })))
    ));
    assert_eq!(machine.names(), ["cycle"], "the cycle switches on by itself");
}

#[tokio::test(start_paused = true)]
async fn a_cycle_of_a_machine_that_is_off_powers_it_on() {
    let mut machine = Machine::new(PowerState::Off);
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { on: Ok(_), .. })))));
    assert_eq!(machine.names(), ["on"]);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_without_proof_fails_and_is_not_sent_twice() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = usize::MAX;
    let error = run(&mut machine, Action::Reboot, &by_cycle(false)).await.unwrap_err();
    assert!(matches!(error, FenceError::CycleUnproven { acknowledged: true, .. }), "{error}");
    assert_eq!(machine.names(), ["cycle"]);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_too_short_to_be_seen_counts_by_the_record_of_the_restart() {
    let after = |text: &str, by_command| Some(RestartMark::Cause { text: text.into(), by_command });
    let marks = [
        (after("after", true), true),
        (after("before", true), false),
        (after("after", false), false),
    ];
    for (mark, is_proof) in marks {
        let mut machine = Machine::new(PowerState::On);
        machine.cycle_off = Duration::ZERO;
        machine.mark = mark;
        let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
        let is_restart = matches!(
            outcome,
            Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Restarted(_), .. })))
        );
        assert_eq!(is_restart, is_proof, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_of_the_last_restart_counts_when_it_is_another_and_stands_still() {
    for (later, runs, is_proof) in [(2, false, true), (1, false, false), (0, true, false)] {
        let mut machine = Machine::new(PowerState::On);
        machine.cycle_off = Duration::ZERO;
        machine.mark = Some(time(1000 + later));
        machine.has_running_mark = runs;
        let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
        let is_restart = matches!(
            outcome,
            Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Restarted(_), .. })))
        );
        assert_eq!(is_restart, is_proof, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_users_choice_makes_an_acknowledgement_a_success() {
    let mut machine = Machine::new(PowerState::On);
    machine.dropped = usize::MAX;
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(true)).await;
    assert!(matches!(
        outcome,
        Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Unverified(_), .. })))
    ));

    let mut machine = Machine::new(PowerState::On);
    machine.command_errors = vec![(ErrorKind::NoAnswer, false); 100].into();
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(true)).await;
    assert!(outcome.is_err(), "no acknowledgement, no success: {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cycle_whose_answer_is_lost_is_watched_before_it_is_sent_again() {
    let mut machine = Machine::new(PowerState::On);
    machine.command_errors = [(ErrorKind::NoAnswer, true)].into();
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
    assert!(matches!(
        outcome,
        Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Seen(_), .. })))
    ));
    assert_eq!(machine.names(), ["cycle"]);

    let mut machine = Machine::new(PowerState::On);
    machine.command_errors = [(ErrorKind::NoAnswer, false)].into();
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
    assert!(matches!(
        outcome,
        Ok(Outcome::Done(Observed(Done::Rebooted { proof: OffProof::Seen(_), .. })))
    ));
    assert_eq!(machine.names(), ["cycle", "cycle"]);
    assert!(machine.commands[1].1 >= 4 * SECOND, "power read on for four seconds in between");
}

#[tokio::test(start_paused = true)]
async fn power_that_does_not_return_after_a_cycle_is_switched_on() {
    let mut machine = Machine::new(PowerState::On);
    machine.cycle_off = 3600 * SECOND;
    let outcome = run(&mut machine, Action::Reboot, &by_cycle(false)).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::Rebooted { on: Ok(_), .. })))));
    assert_eq!(machine.names(), ["cycle", "on"]);
}

#[tokio::test(start_paused = true)]
async fn diag_is_acknowledged_or_an_error() {
    let mut machine = Machine::new(PowerState::On);
    let outcome = run(&mut machine, Action::Diag, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Done(Observed(Done::DiagAcknowledged)))));
    assert_eq!(machine.names(), ["diag"]);
    machine.command_errors = [(ErrorKind::NoAnswer, true)].into();
    let error = run(&mut machine, Action::Diag, &settings()).await.unwrap_err();
    assert_eq!(error.to_string(), "the diagnostic interrupt command failed: scripted NoAnswer");
}

#[tokio::test(start_paused = true)]
async fn status_and_monitor_read_and_list_does_not_even_that() {
    let mut machine = Machine::new(PowerState::Off);
    let outcome = run(&mut machine, Action::Status, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Status(PowerState::Off))));
    let outcome = run(&mut machine, Action::Monitor, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Monitored)));
    assert_eq!(machine.asked, 2);
    let outcome = run(&mut machine, Action::List, &settings()).await;
    assert!(matches!(outcome, Ok(Outcome::Ports(ports)) if ports.is_empty()));
    assert_eq!(machine.asked, 2);
    assert!(machine.commands.is_empty());
}
