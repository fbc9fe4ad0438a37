//! Tells how the controller is.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Code, Failure, line_of, say, warn};
use super::controller::{
    Place, is_reachable, no_device, of_other_parameters, status, trouble, within,
};
use super::environment::{CheckLevel, Environment};
use crate::client::{Client, ClientError};
use crate::config::Config;
use crate::protocol::{DeviceStatus, ReachStatus, Request, Status};

/// How long it may take where the cluster does not say.
const DEFAULT: Duration = Duration::from_secs(20);

/// How long a controller may take to end that has hung up on us.
const ENDING: Duration = Duration::from_secs(2);

/// Tells whether the controller runs, reaches its devices, and has other targets than before.
pub(super) async fn monitor(environment: &Environment) -> Result<Code, Failure> {
    let place = Place::of(environment)?;
    let end = environment.time(DEFAULT).end();
    let Some(mut client) = place.connect(end).await? else {
        return Err(Failure::silent(Code::NotRunning));
    };
    let level = environment.check_level()?;
    let signals_changes = environment.signals_changes()?;
    let told = match told(&mut client, level, end).await {
        // It ends just now, or was killed.
        Err(ClientError::Gone { .. })
            if place.is_free(end.min(Instant::now() + ENDING)).await? =>
        {
            return Err(Failure::silent(Code::NotRunning));
        }
        told => told?,
    };
    let count = told.devices.iter().map(|device| device.targets.len()).sum();
    // Whether anybody reads it says nothing of the controller.
    let _ = say(&targets(told.generation, count, told.changed));
    if let Some(trouble) = &told.trouble {
        warn(&line_of(&format!("the targets are those of before: {trouble}")));
    }
    if let Some(doubt) = doubt(environment, &told) {
        warn(&line_of(&format!("warning: {doubt}")));
    }
    judge(&told, level)?;
    Ok(if told.changed && signals_changes { Code::Degraded } else { Code::Success })
}

/// Whether the controller is the one that the parameters mean. It is no failure where it is not: whoever has changed
/// them has the cluster restart it.
fn doubt(environment: &Environment, told: &Status) -> Option<String> {
    match environment.config() {
        Ok(config) if Config::is_mark_of_another(&told.configuration, &config.mark()) => {
            let other = of_other_parameters(&config, told);
            Some(format!("{other}, and fences nobody: restart the resource"))
        }
        Ok(_) => None,
        Err(failure) => Some(failure.to_string()),
    }
}

async fn told(client: &mut Client, level: CheckLevel, end: Instant) -> Result<Status, ClientError> {
    let probe = level >= CheckLevel::Asked;
    let request = Request::Status { probe, watch: true, within_ms: within(end) };
    let told = status(client, &request, end).await?;
    if !is_undecided(&told) {
        return Ok(told);
    }
    let request = Request::AwaitDevice { within_ms: within(end) };
    let later = status(client, &request, end).await?;
    Ok(Status { changed: told.changed || later.changed, ..later })
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
