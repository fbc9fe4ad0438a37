//! The fencing procedure: command, then look, and success only for what was seen.
//!
//! The clock is tokio's, so that tests run in virtual time.

mod cycle;
mod error;
mod outcome;
mod settings;
mod switch;
#[cfg(test)]
mod tests;

pub use error::{FenceError, LastKnown};
pub use outcome::{Done, OffProof, Reading, Remark, Restart, SeenOff, SeenOn, Unverified};
pub use settings::{Method, Settings};

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Action, Device, ErrorKind, Outcome, Port, PowerCommand, Success};

use switch::{switch_off, switch_on};

/// Between the two readings that off takes. A single one may be a glitch.
const CONFIRMATION: Duration = Duration::from_millis(100);
/// Between two readings where the user has not said how long.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Carries out an action, within the time that the settings allow. A list of the machines is empty: the device is taken
/// for one that has one machine; see [`list`] for others.
///
/// The device is left open, for the caller to close whatever the result, also when this future is dropped.
///
/// # Errors
/// See [`FenceError`]; none of them says that the machine is in the state asked for.
pub async fn run(
    device: &mut dyn Device,
    action: Action,
    settings: &Settings,
) -> Result<Outcome, FenceError> {
    let done = |done| Outcome::Done(Success::Observed(done));
    match action {
        Action::Status => status(device, settings).await.map(|seen| Outcome::Status(seen.state())),
        Action::Monitor => monitor(device, settings).await.map(|_| Outcome::Monitored),
        Action::On => command(device, PowerCommand::On, settings).await.map(done),
        Action::Off => command(device, PowerCommand::Off, settings).await.map(done),
        Action::Reboot => command(device, PowerCommand::Reboot, settings).await.map(done),
        Action::Diag => command(device, PowerCommand::Diag, settings).await.map(done),
        Action::List | Action::ListStatus => Ok(Outcome::Ports(Vec::new())),
    }
}

/// Carries out a command, as [`run`] does.
///
/// # Errors
/// See [`FenceError`].
pub async fn command(
    device: &mut dyn Device,
    command: PowerCommand,
    settings: &Settings,
) -> Result<Done, FenceError> {
    match command {
        PowerCommand::On => on(device, settings).await,
        PowerCommand::Off => off(device, settings).await,
        PowerCommand::Reboot => match settings.method {
            Method::OnOff => reboot(device, settings).await,
            Method::Cycle { accept_unverified } => {
                cycle::reboot(device, settings, accept_unverified).await
            }
        },
        PowerCommand::Diag => diag(device, settings).await,
    }
}

/// Reads the power state, with patience for a device that is busy.
///
/// # Errors
/// [`FenceError::Status`].
pub async fn status(device: &mut dyn Device, settings: &Settings) -> Result<Reading, FenceError> {
    first_reading(device, settings).await
}

/// Whether the device answers. One with several machines does; who watches over it, as pacemaker does, names none of
/// them.
///
/// # Errors
/// [`FenceError::Status`].
pub async fn monitor(
    device: &mut dyn Device,
    settings: &Settings,
) -> Result<Option<Reading>, FenceError> {
    match first_reading(device, settings).await {
        Err(FenceError::Status(error)) if error.kind() == ErrorKind::Unchosen => {
            log::info!("{}: {error}; for a monitor that is no failure", device.address());
            Ok(None)
        }
        reading => reading.map(Some),
    }
}

/// Lists the machines of a device that has several.
///
/// # Errors
/// [`FenceError::List`].
pub async fn list(device: &mut dyn Device, settings: &Settings) -> Result<Vec<Port>, FenceError> {
    device.plugs(settings.answer_deadline()).await.map_err(FenceError::List)
}

async fn on(device: &mut dyn Device, settings: &Settings) -> Result<Done, FenceError> {
    let reading = first_reading(device, settings).await?;
    if let Some(seen) = SeenOn::already(reading) {
        return Ok(Done::AlreadyOn(seen));
    }
    // One attempt, and those that the user wants on top of it, as in the Python agents.
    let mut attempts = settings.on_attempts;
    loop {
        match switch_on(device, settings, settings.power_deadline()).await {
            Err(FenceError::TimedOut { .. }) if attempts > 0 && !settings.is_over() => {
                attempts -= 1
            }
            seen => return seen.map(Done::PoweredOn),
        }
    }
}

async fn off(device: &mut dyn Device, settings: &Settings) -> Result<Done, FenceError> {
    match off_already(device, settings).await? {
        Some(seen) => Ok(Done::AlreadyOff(seen)),
        None => switch_off(device, settings).await.map(Done::PoweredOff),
    }
}

async fn reboot(device: &mut dyn Device, settings: &Settings) -> Result<Done, FenceError> {
    let seen = match off_already(device, settings).await? {
        Some(seen) => seen,
        None => switch_off(device, settings).await?,
    };
    let on = on_again(device, settings).await;
    Ok(Done::Rebooted { proof: OffProof::Seen(seen), on })
}

/// The on part of a reboot. The machine has been fenced; whatever happens here does not change that.
async fn on_again(device: &mut dyn Device, settings: &Settings) -> Result<SeenOn, FenceError> {
    let mut result = Err(FenceError::OnNotAttempted);
    for _ in 0..settings.on_attempts {
        result = switch_on(device, settings, settings.bounded_deadline()).await;
        // What was refused once is refused again; only time may help.
        if !matches!(result, Err(FenceError::TimedOut { .. })) || settings.is_over() {
            break;
        }
    }
    result
}

async fn diag(device: &mut dyn Device, settings: &Settings) -> Result<Done, FenceError> {
    device
        .diagnostic_interrupt(settings.answer_deadline())
        .await
        .map(|()| Done::DiagAcknowledged)
        .map_err(|source| FenceError::Command { command: "diagnostic interrupt", source })
}

/// Whether power is off without our doing. One reading is not enough to call a machine fenced: a BMC that has just
/// started may not know better.
async fn off_already(
    device: &mut dyn Device,
    settings: &Settings,
) -> Result<Option<SeenOff>, FenceError> {
    let reading = first_reading(device, settings).await?;
    if SeenOff::already(reading).is_none() || settings.is_unsettled {
        return Ok(None);
    }
    sleep(CONFIRMATION).await;
    first_reading(device, settings).await.map(SeenOff::already)
}

/// A BMC that is busy is asked again, ever more slowly; one that does not answer has been, by its device.
async fn first_reading(
    device: &mut dyn Device,
    settings: &Settings,
) -> Result<Reading, FenceError> {
    let deadline = settings.answer_deadline();
    let mut pause = CONFIRMATION;
    let mut busy = None;
    loop {
        let begin = Instant::now();
        match Reading::take(device, Reading::last_chance(deadline)).await {
            Ok(reading) => {
                log::info!("{}: power is {}", device.address(), reading.state());
                return Ok(reading);
            }
            Err(error) if error.kind() == ErrorKind::Busy && Instant::now() + pause < deadline => {
                log::info!("{}: {error}; asking again", device.address());
                busy = Some(error);
                sleep(pause).await;
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
            // For that there was hardly any time. What it said before is the reason.
            Err(error)
                if error.kind() == ErrorKind::NoAnswer && deadline < begin + LONGEST_PAUSE =>
            {
                return Err(FenceError::Status(busy.unwrap_or(error)));
            }
            Err(error) => return Err(FenceError::Status(error)),
        }
    }
}
