use std::time::{Duration, Instant};

use ipmi_lan::command::{PowerControl, RestartCause};
use ipmi_lan::{CompletionCode, Quirk, QuirkSet};

use crate::{Config, Event, EventKind, Power};

/// Power-up by the power push button (IPMI 2.0 §28.11, table 28-11): how the machine was started once.
const POWER_BUTTON: RestartCause = RestartCause(3);

/// The machine that the BMC watches over. It moves on only when asked, up to the instant that it is told.
pub(super) struct Chassis {
    power: Power,
    restart_cause: RestartCause,
    /// What is still to happen, the earliest first.
    scheduled: Vec<(Instant, Step)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    PowerOff,
    PowerOn,
    CycleBegins { off: Duration },
    CycleEnds,
    Reset,
    DiagnosticInterrupt,
}

impl Chassis {
    pub(super) fn new(power: Power) -> Self {
        Self { power, restart_cause: POWER_BUTTON, scheduled: Vec::new() }
    }

    pub(super) fn power(&self) -> Power {
        self.power
    }

    pub(super) fn restart_cause(&self) -> RestartCause {
        self.restart_cause
    }

    /// What happened next, by `now`. `None` when nothing more did.
    pub(super) fn next_event(&mut self, now: Instant) -> Option<Event> {
        while self.next_change().is_some_and(|at| at <= now) {
            let (at, step) = self.scheduled.remove(0);
            if let Some(kind) = self.act(at, step) {
                return Some(Event { at, kind });
            }
        }
        None
    }

    /// When something will happen next.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.scheduled.first().map(|(at, _)| *at)
    }

    /// Takes a Chassis Control command, which acts later (IPMI 2.0 §28.3).
    pub(super) fn control(
        &mut self,
        now: Instant,
        control: PowerControl,
        config: &Config,
    ) -> CompletionCode {
        if self.is_refused(control, config.quirks) {
            return CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE;
        }
        if let Some(step) = Step::of(control, config) {
            self.schedule(now.checked_add(config.power_delay), step);
        }
        CompletionCode::OK
    }

    /// Whether the machine is not in a state for this command, or is already in the one that it leads to.
    fn is_refused(&self, control: PowerControl, quirks: QuirkSet) -> bool {
        let is_strict = quirks.contains(Quirk::PresentState);
        match control {
            PowerControl::PowerCycle => self.power == Power::Off,
            PowerControl::PowerDown | PowerControl::SoftShutdown => {
                is_strict && self.power == Power::Off
            }
            PowerControl::PowerUp => is_strict && self.power == Power::On,
            PowerControl::HardReset | PowerControl::DiagnosticInterrupt => false,
        }
    }

    /// Somebody switches the machine by hand; what was still to happen will not.
    pub(super) fn switch(&mut self, now: Instant, power: Power) -> Option<Event> {
        self.scheduled.clear();
        let kind = self.change_power(power)?;
        Some(Event { at: now, kind })
    }

    /// What is due later than an [`Instant`] can say will never happen.
    fn schedule(&mut self, at: Option<Instant>, step: Step) {
        self.scheduled.extend(at.map(|at| (at, step)));
        self.scheduled.sort_by_key(|(at, _)| *at);
    }

    fn act(&mut self, at: Instant, step: Step) -> Option<EventKind> {
        match step {
            Step::PowerOff => self.command_power(Power::Off),
            Step::PowerOn => self.command_power(Power::On),
            Step::CycleBegins { off } if self.power == Power::On => {
                self.schedule(at.checked_add(off), Step::CycleEnds);
                self.change_power(Power::Off)
            }
            Step::CycleEnds => self.start(),
            Step::Reset if self.power == Power::On => {
                self.restart_cause = RestartCause::CHASSIS_CONTROL;
                Some(EventKind::Reset)
            }
            Step::DiagnosticInterrupt => Some(EventKind::DiagnosticInterrupt),
            Step::CycleBegins { .. } | Step::Reset => None,
        }
    }

    /// A command for a certain state overrides a power cycle that is under way.
    fn command_power(&mut self, power: Power) -> Option<EventKind> {
        self.scheduled.retain(|(_, step)| *step != Step::CycleEnds);
        match power {
            Power::Off => self.change_power(Power::Off),
            Power::On => self.start(),
        }
    }

    fn start(&mut self) -> Option<EventKind> {
        let event = self.change_power(Power::On)?;
        self.restart_cause = RestartCause::CHASSIS_CONTROL;
        Some(event)
    }

    fn change_power(&mut self, power: Power) -> Option<EventKind> {
        if self.power == power {
            return None;
        }
        self.power = power;
        Some(match power {
            Power::Off => EventKind::PowerOff,
            Power::On => EventKind::PowerOn,
        })
    }
}

impl Step {
    /// What a command will do. `None` when a fault swallows it.
    fn of(control: PowerControl, config: &Config) -> Option<Self> {
        let faults = &config.faults;
        match control {
            PowerControl::PowerDown | PowerControl::SoftShutdown | PowerControl::PowerCycle
                if faults.ignore_power_off =>
            {
                None
            }
            PowerControl::PowerDown | PowerControl::SoftShutdown => Some(Self::PowerOff),
            PowerControl::PowerCycle if faults.ignore_power_on => Some(Self::PowerOff),
            PowerControl::PowerCycle => {
                let off = if faults.instant_cycle { Duration::ZERO } else { config.cycle_off };
                Some(Self::CycleBegins { off })
            }
            PowerControl::PowerUp => (!faults.ignore_power_on).then_some(Self::PowerOn),
            PowerControl::HardReset => Some(Self::Reset),
            PowerControl::DiagnosticInterrupt => Some(Self::DiagnosticInterrupt),
        }
    }
}
