use std::time::{Duration, Instant};

use crate::Power;
use crate::redfish::{PowerSwitch, RedfishConfig, RedfishEventKind, ResetType};

/// The machine that a system stands for. It moves on only when asked, up to the instant that it is told.
pub(super) struct Machine {
    id: String,
    power: Power,
    switch: Option<PowerSwitch>,
    /// What is still to happen, the earliest first.
    scheduled: Vec<(Instant, Step)>,
    last_reset: Option<Instant>,
    went_off: Option<Instant>,
    /// How often anything has changed.
    changes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    PowerOff { forced: bool },
    PowerOn,
    CycleBegins { off: Duration },
    CycleEnds,
    Restart,
    DiagnosticInterrupt,
}

/// On the way to another state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    PoweringOff { forced: bool },
    PoweringOn,
}

impl Machine {
    pub(super) fn new(id: &str, power: Power, switch: Option<PowerSwitch>) -> Self {
        Self {
            id: id.to_owned(),
            power,
            switch,
            scheduled: Vec::new(),
            last_reset: None,
            went_off: None,
            changes: 0,
        }
    }

    pub(super) fn power(&self) -> Power {
        self.power
    }

    /// When it was last started or reset, while it was watched.
    pub(super) fn last_reset(&self) -> Option<Instant> {
        self.last_reset
    }

    /// When it last went off, while it was watched.
    pub(super) fn went_off(&self) -> Option<Instant> {
        self.went_off
    }

    /// How often anything has changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// When something will happen next.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.scheduled.first().map(|(at, _)| *at)
    }

    /// The change of power that comes next, if one does.
    pub(super) fn transition(&self) -> Option<Transition> {
        self.scheduled.iter().find_map(|(_, step)| match *step {
            Step::PowerOff { forced } if self.power == Power::On => {
                Some(Transition::PoweringOff { forced })
            }
            Step::CycleBegins { .. } if self.power == Power::On => {
                Some(Transition::PoweringOff { forced: true })
            }
            Step::PowerOn | Step::CycleEnds if self.power == Power::Off => {
                Some(Transition::PoweringOn)
            }
            _ => None,
        })
    }

    /// What happened next, by `now`. `None` when nothing more did.
    pub(super) fn next_event(&mut self, now: Instant) -> Option<(Instant, RedfishEventKind)> {
        while self.next_change().is_some_and(|at| at <= now) {
            let (at, step) = self.scheduled.remove(0);
            if let Some(kind) = self.act(at, step) {
                self.changes += 1;
                return Some((at, kind));
            }
        }
        None
    }

    /// Takes a reset, which acts later.
    pub(super) fn reset(&mut self, now: Instant, reset: ResetType, config: &RedfishConfig) {
        if let Some(step) = self.step(reset, config) {
            self.schedule(now.checked_add(config.power_delay), step);
        }
    }

    /// Somebody switches the machine by hand; what was still to happen will not.
    pub(super) fn switch(&mut self, now: Instant, power: Power) -> Option<RedfishEventKind> {
        self.scheduled.clear();
        self.changes += 1;
        self.change_power(now, power)
    }

    /// What a reset will do. `None` when a fault swallows it.
    fn step(&self, reset: ResetType, config: &RedfishConfig) -> Option<Step> {
        let faults = &config.faults;
        let on = (!faults.ignore_on).then_some(Step::PowerOn);
        let soft_off = (!faults.ignore_graceful).then_some(Step::PowerOff { forced: false });
        match reset {
            ResetType::On | ResetType::ForceOn => on,
            ResetType::ForceOff => Some(Step::PowerOff { forced: true }),
            ResetType::GracefulShutdown => soft_off,
            ResetType::PushPowerButton if self.power == Power::On => soft_off,
            ResetType::PushPowerButton => on,
            ResetType::ForceRestart => Some(self.restart()),
            ResetType::GracefulRestart => (!faults.ignore_graceful).then_some(self.restart()),
            ResetType::PowerCycle if self.power == Power::Off => on,
            ResetType::PowerCycle if faults.ignore_on => Some(Step::PowerOff { forced: true }),
            ResetType::PowerCycle => {
                let off = if faults.instant_cycle { Duration::ZERO } else { config.cycle_off };
                Some(Step::CycleBegins { off })
            }
            ResetType::Nmi => Some(Step::DiagnosticInterrupt),
        }
    }

    fn restart(&self) -> Step {
        match self.switch {
            None => Step::Restart,
            Some(_) => Step::CycleBegins { off: Duration::ZERO },
        }
    }

    /// What is due later than an [`Instant`] can say will never happen.
    fn schedule(&mut self, at: Option<Instant>, step: Step) {
        self.scheduled.extend(at.map(|at| (at, step)));
        self.scheduled.sort_by_key(|(at, _)| *at);
    }

    fn act(&mut self, at: Instant, step: Step) -> Option<RedfishEventKind> {
        match step {
            Step::PowerOff { .. } => {
                self.end_cycle();
                self.change_power(at, Power::Off)
            }
            Step::PowerOn => {
                self.end_cycle();
                self.change_power(at, Power::On)
            }
            Step::CycleBegins { off } if self.power == Power::On => {
                self.schedule(at.checked_add(off), Step::CycleEnds);
                self.change_power(at, Power::Off)
            }
            Step::CycleEnds => self.change_power(at, Power::On),
            Step::Restart if self.power == Power::On => {
                self.last_reset = Some(at);
                Some(RedfishEventKind::Restarted(self.id.clone()))
            }
            Step::DiagnosticInterrupt => {
                Some(RedfishEventKind::DiagnosticInterrupt(self.id.clone()))
            }
            Step::CycleBegins { .. } | Step::Restart => None,
        }
    }

    /// A reset to a certain state overrides a power cycle that is under way.
    fn end_cycle(&mut self) {
        self.scheduled.retain(|(_, step)| *step != Step::CycleEnds);
    }

    fn change_power(&mut self, at: Instant, power: Power) -> Option<RedfishEventKind> {
        if self.power == power || !self.is_switched(power) {
            return None;
        }
        self.power = power;
        Some(match power {
            Power::Off => {
                self.went_off = Some(at);
                RedfishEventKind::PowerOff(self.id.clone())
            }
            Power::On => {
                self.last_reset = Some(at);
                RedfishEventKind::PowerOn(self.id.clone())
            }
        })
    }

    /// Whether the switch, if there is one, has done it.
    fn is_switched(&self, power: Power) -> bool {
        self.switch.as_ref().is_none_or(|switch| switch.switch(&self.id, power))
    }
}
