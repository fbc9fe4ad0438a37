//! Tells how the controller is.

use std::time::Duration;

use super::answer::{Code, Failure, line_of, say, warn};
use super::controller::{Place, is_reachable, no_device, status, trouble, within};
use super::environment::{CheckLevel, Environment};
use crate::protocol::{DeviceStatus, ReachStatus, Request, Status};

/// How long it may take where the cluster does not say.
const DEFAULT: Duration = Duration::from_secs(20);

/// Tells whether the controller runs, reaches its devices, and has other targets than before.
pub(super) async fn monitor(environment: &Environment) -> Result<Code, Failure> {
    let place = Place::of(environment)?;
    let end = environment.time(DEFAULT).end();
    let Some(mut client) = place.connect(end).await? else {
        return Err(Failure::silent(Code::NotRunning));
    };
    let level = environment.check_level()?;
    let signals_changes = environment.signals_changes()?;
    let probe = level >= CheckLevel::Asked;
    let request = Request::Status { probe, watch: true, within_ms: within(end) };
    let mut told = status(&mut client, &request, end).await?;
    if is_undecided(&told) {
        let changed = told.changed;
        let request = Request::AwaitDevice { within_ms: within(end) };
        told = status(&mut client, &request, end).await?;
        told.changed |= changed;
    }
    say(&targets(
        told.generation,
        told.devices.iter().map(|d| d.targets.len()).sum(),
        told.changed,
    ))?;
    if let Some(trouble) = &told.trouble {
        warn(&line_of(&format!("the targets are those of before: {trouble}")));
    }
    judge(&told, level)?;
    Ok(if told.changed && signals_changes { Code::Degraded } else { Code::Success })
}

/// Nothing answers, and something was not asked yet.
fn is_undecided(status: &Status) -> bool {
    !status.devices.iter().any(is_reachable) && status.devices.iter().any(is_unknown)
}

fn judge(status: &Status, level: CheckLevel) -> Result<(), Failure> {
    if !status.devices.iter().any(is_reachable) {
        return Err(no_device(status));
    }
    if level < CheckLevel::AllAnswer {
        let asked = status.devices.iter().filter(|device| !is_unknown(device));
        asked.filter_map(trouble).for_each(|line| warn(&line_of(&format!("warning: {line}"))));
        return Ok(());
    }
    let lines: Vec<_> = status.devices.iter().filter_map(trouble).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let reason = format!("{} of {} devices do not answer", lines.len(), status.devices.len());
    Err(Failure::new(Code::Generic, reason).with_details(lines))
}

fn is_unknown(device: &DeviceStatus) -> bool {
    matches!(device.reach, ReachStatus::Unknown)
}

/// The line for who has to know which list of targets it is.
pub(super) fn targets(generation: u64, count: usize, changed: bool) -> String {
    let nodes = if count == 1 { "node" } else { "nodes" };
    let changed = if changed { ", changed" } else { "" };
    format!("targets: generation {generation}, {count} {nodes}{changed}")
}
