//! Many hosts at the same time, but not too many.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fencing::procedure::Remark;
use fencing::{
    Action, DeviceFailure, Fence, Outcome, Port, PowerCommand, PowerState, Success, TopologyError,
    TopologyStatus, TopologySuccess,
};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::signals::Signals;
use crate::target::Target;

/// What is done with each host.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) fence: Arc<Fence>,
    pub(crate) action: Action,
    /// For one host, with all the ways to it.
    pub(crate) timeout: Duration,
    /// How many hosts at the same time.
    pub(crate) jobs: usize,
}

/// What came of one host.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) host: String,
    pub(crate) result: Result<Found, Undone>,
    /// The agent that did it.
    pub(crate) agent: Option<String>,
    pub(crate) took: Option<Duration>,
    /// What else there is to say, such as why the ways before have failed.
    pub(crate) remarks: Vec<String>,
}

/// What was asked for was done, or found out.
#[derive(Debug)]
pub(crate) enum Found {
    Power(PowerState),
    Done { text: String, state: Option<PowerState> },
    Answers,
    Ports(Vec<Port>),
}

/// It was not.
#[derive(Debug)]
pub(crate) enum Undone {
    Failed(String),
    /// It was under way when the user interrupted the program. What the device was told by then, it may do.
    Interrupted,
    NotStarted,
}

/// Works until all is done or somebody interrupts, and tells each report as soon as it is known. All of them are
/// returned in the order of the targets.
pub(crate) async fn carry_out(
    plan: &Plan,
    targets: Vec<Target>,
    signals: &mut Signals,
    mut tell: impl FnMut(&Report),
) -> Vec<Report> {
    let hosts: Vec<String> = targets.iter().map(|target| target.host.clone()).collect();
    let mut work = Work::new(plan, hosts.len());
    let mut waiting = targets.into_iter().enumerate();
    loop {
        work.start(&mut waiting);
        tokio::select! {
            () = signals.next() => break,
            ended = work.under_way.join_next_with_id() => match ended {
                Some(ended) => work.keep(ended, &hosts, &mut tell),
                None => break,
            },
        }
    }
    work.give_up(hosts, &mut tell)
}

struct Work<'a> {
    plan: &'a Plan,
    under_way: JoinSet<Report>,
    indexes: HashMap<Id, usize>,
    reports: Vec<Option<Report>>,
}

impl<'a> Work<'a> {
    fn new(plan: &'a Plan, count: usize) -> Self {
        let reports = std::iter::repeat_with(|| None).take(count).collect();
        Self { plan, under_way: JoinSet::new(), indexes: HashMap::new(), reports }
    }

    /// As many as there may be.
    fn start(&mut self, waiting: &mut impl Iterator<Item = (usize, Target)>) {
        while self.under_way.len() < self.plan.jobs {
            let Some((index, target)) = waiting.next() else { return };
            let plan = self.plan.clone();
            let task = self.under_way.spawn(async move { report(&plan, target).await });
            self.indexes.insert(task.id(), index);
        }
    }

    fn keep(
        &mut self,
        ended: Result<(Id, Report), JoinError>,
        hosts: &[String],
        tell: &mut impl FnMut(&Report),
    ) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(index) = self.indexes.remove(&id) else { return };
        let (Some(host), Some(place)) = (hosts.get(index), self.reports.get_mut(index)) else {
            return;
        };
        let bug =
            || Undone::Failed("a bug in the program; the power state is not known".to_owned());
        let report =
            ended.map_or_else(|_| Report::undone(host.clone(), bug()), |(_, report)| report);
        tell(&report);
        *place = Some(report);
    }

    /// Drops what is under way; the library closes the sessions behind its back.
    fn give_up(mut self, hosts: Vec<String>, tell: &mut impl FnMut(&Report)) -> Vec<Report> {
        let under_way: Vec<usize> = self.indexes.drain().map(|(_, index)| index).collect();
        let all = self.reports.into_iter().zip(hosts).enumerate();
        let reports = all.map(|(index, (report, host))| {
            report.unwrap_or_else(|| {
                let is_under_way = under_way.contains(&index);
                let undone = if is_under_way { Undone::Interrupted } else { Undone::NotStarted };
                let mut report = Report::undone(host, undone);
                if is_under_way && self.plan.action == Action::Reboot {
                    report.remarks.push("a reboot that is interrupted may leave it off".to_owned());
                }
                tell(&report);
                report
            })
        });
        reports.collect()
    }
}

async fn report(plan: &Plan, target: Target) -> Report {
    let begin = Instant::now();
    let mut report = match (PowerCommand::of(plan.action), plan.action) {
        (Some(switch), _) => command(plan, target, switch).await,
        (None, Action::Status) => status(plan, target).await,
        (None, _) => other(plan, target).await,
    };
    report.took = Some(begin.elapsed());
    report
}

async fn status(plan: &Plan, target: Target) -> Report {
    match plan.fence.status_by(&target.topology, plan.timeout).await {
        Ok(TopologyStatus { level, state, before }) => Report {
            result: match state {
                PowerState::Unknown => {
                    Err(Undone::Failed("the device says neither ON nor OFF".to_owned()))
                }
                known => Ok(Found::Power(known)),
            },
            agent: agent_of(&target, level),
            remarks: remarks(before),
            ..Report::of(target.host)
        },
        Err(error) => Report::failed(target, &error),
    }
}

async fn command(plan: &Plan, target: Target, command: PowerCommand) -> Report {
    match plan.fence.command_by(&target.topology, command, plan.timeout).await {
        Ok(success) => Report {
            agent: agent_of(&target, success.level),
            result: done(&success, command, target.is_cut_off(success.level)),
            remarks: unproven(&success).into_iter().chain(remarks(success.before)).collect(),
            ..Report::of(target.host)
        },
        Err(error) => Report::failed(target, &error),
    }
}

/// A reboot that left the machine off is a success of fencing, and not what a person has asked for.
fn done(
    success: &TopologySuccess,
    command: PowerCommand,
    is_cut_off: bool,
) -> Result<Found, Undone> {
    let failed = |text: String| Err(Undone::Failed(text));
    if let Some(failure) = success.not_on_again.first() {
        return failed(format!("the machine was powered off, but not on again: {failure}"));
    }
    if let Some(remark @ Remark::NotOnAgain(_)) = warning(success) {
        return failed(remark.to_string());
    }
    let text = success.devices.last().map(Success::to_string).unwrap_or_default();
    let is_seen = success.devices.iter().all(|device| matches!(device, Success::Observed(_)));
    let (text, state) = match command {
        // Devices that cut a machine off say nothing of its power, and a reboot does not let it in again.
        _ if is_cut_off => (text, None),
        // What nobody here has seen is no power state, whatever an agent says.
        PowerCommand::Reboot if !is_seen => ("rebooted, as the agent says".to_owned(), None),
        _ if !is_seen => (text, None),
        PowerCommand::On => (text, Some(PowerState::On)),
        PowerCommand::Off => (text, Some(PowerState::Off)),
        PowerCommand::Diag => (text, None),
        PowerCommand::Reboot => ("rebooted".to_owned(), Some(PowerState::On)),
    };
    Ok(Found::Done { text, state })
}

/// That nothing but an acknowledgement proves it, which the user has chosen to accept.
fn unproven(success: &TopologySuccess) -> Option<String> {
    warning(success)
        .filter(|remark| matches!(remark, Remark::Unverified))
        .map(|remark| remark.to_string())
}

fn warning(success: &TopologySuccess) -> Option<Remark<'_>> {
    success.devices.iter().find_map(Success::warning)
}

/// What has no levels is asked of the first way.
async fn other(plan: &Plan, target: Target) -> Report {
    let Some(config) = target.configs().next().cloned() else {
        return Report::undone(target.host, Undone::NotStarted);
    };
    let result = match plan.fence.run(&config, Some(plan.action), plan.timeout).await {
        Ok(Outcome::Monitored) => Ok(Found::Answers),
        Ok(Outcome::Ports(ports)) => Ok(Found::Ports(ports)),
        Ok(Outcome::Status(state)) => Ok(Found::Power(state)),
        Ok(Outcome::Done(success)) => Ok(Found::Done { text: success.to_string(), state: None }),
        Err(error) => Err(Undone::Failed(error.to_string())),
    };
    let agent = Some(config.agent().name.to_string());
    Report { result, agent, ..Report::of(target.host) }
}

impl Report {
    fn of(host: String) -> Self {
        Self { host, result: Err(Undone::NotStarted), agent: None, took: None, remarks: Vec::new() }
    }

    fn undone(host: String, undone: Undone) -> Self {
        Self { result: Err(undone), ..Self::of(host) }
    }

    fn failed(target: Target, error: &TopologyError) -> Self {
        // Of several ways, the reason says which failed how.
        let agent = if target.configs().count() == 1 { agent_of(&target, 1) } else { None };
        Self { agent, ..Self::undone(target.host, Undone::Failed(error.to_string())) }
    }

    /// Whether what was asked for was done.
    pub(crate) fn is_success(&self) -> bool {
        self.result.is_ok()
    }
}

fn agent_of(target: &Target, level: usize) -> Option<String> {
    let config = target.configs().nth(level.checked_sub(1)?)?;
    Some(config.agent().name.to_string())
}

fn remarks(failures: Vec<DeviceFailure>) -> Vec<String> {
    failures.into_iter().map(|failure| format!("before, {failure}")).collect()
}

#[cfg(test)]
mod tests {
    use fencing::procedure::Done;

    use super::*;

    fn reported(command: PowerCommand) -> TopologySuccess {
        of(Success::Reported(command))
    }

    /// Something that was observed; what it was, makes no difference here.
    fn observed() -> TopologySuccess {
        of(Success::Observed(Done::DiagAcknowledged))
    }

    fn of(success: Success) -> TopologySuccess {
        let devices = vec![success];
        TopologySuccess { level: 1, devices, not_on_again: Vec::new(), before: Vec::new() }
    }

    fn found(
        success: &TopologySuccess,
        command: PowerCommand,
        cut_off: bool,
    ) -> (String, Option<PowerState>) {
        match done(success, command, cut_off) {
            Ok(Found::Done { text, state }) => (text, state),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_power_state_is_what_was_seen_and_not_what_an_agent_says() {
        use PowerCommand::{Diag, Off, On, Reboot};
        for (command, state) in [
            (On, Some(PowerState::On)),
            (Off, Some(PowerState::Off)),
            (Reboot, Some(PowerState::On)),
            (Diag, None),
        ] {
            assert_eq!(found(&observed(), command, false).1, state);
            assert_eq!(found(&observed(), command, true).1, None);
            let (text, state) = found(&reported(command), command, false);
            assert!(text.ends_with(", as the agent says") && state.is_none(), "{text}, {state:?}");
        }
        // Made of off and on: the successes are those of off.
        assert_eq!(found(&reported(Off), Reboot, false).0, "rebooted, as the agent says");
        assert_eq!(found(&reported(Off), Reboot, true).0, "off, as the agent says");
    }
}
