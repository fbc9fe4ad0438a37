use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::outcome::CommandSent;
use super::switch::await_on;
use super::{
    Done, FenceError, OffProof, Reading, Restart, SeenOff, Settings, Unverified, off_already,
    on_again,
};
use crate::{Device, ErrorKind, PowerState, RestartMark};

/// The specification keeps power off for at least a second (IPMI 2.0 §28.3); this sees it several times.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// A single reading may be a glitch.
const READINGS_WANTED: u32 = 2;
/// How often the machine is asked for its own record of the restart, which costs a command of its own.
const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// How long it is waited for. Short: the answer is not needed, and power is not watched meanwhile.
const MARK_PATIENCE: Duration = Duration::from_millis(300);
/// For how long a time of the last restart must stay the same before it proves anything: there are devices that tell
/// the time of day there.
const MARK_STANDS: Duration = Duration::from_secs(3);
/// How long an unacknowledged cycle is watched for before power that still reads on means that the command was lost.
const LOST_AFTER: Duration = Duration::from_secs(4);
/// How long proof is looked for where the user does without it.
const UNVERIFIED_AFTER: Duration = Duration::from_secs(5);

/// Reboots by one power cycle. It counts when power was seen off after the command, or the machine's own record shows
/// a restart by command.
pub(super) async fn reboot(
    device: &mut dyn Device,
    settings: &Settings,
    accept_unverified: bool,
) -> Result<Done, FenceError> {
    if let Some(seen) = off_already(device, settings).await? {
        // A cycle does nothing to a machine that is off (IPMI 2.0 §28.3), which is what fencing wants of it.
        let on = on_again(device, settings).await;
        return Ok(Done::Rebooted { proof: OffProof::Seen(seen), on });
    }
    let mut cycle = Cycle::new(device, settings).await;
    let (sent, proof) = cycle.run(device, accept_unverified).await?;
    let on = await_on(device, settings, sent, settings.bounded_deadline()).await;
    Ok(Done::Rebooted { proof, on })
}

struct Cycle {
    started: Instant,
    deadline: Instant,
    /// What the machine said of its last start before the command, where it says anything.
    mark_before: Option<RestartMark>,
    /// What it said that was another, and when it had said so.
    mark_after: Option<(Instant, RestartMark)>,
    acknowledged: bool,
}

impl Cycle {
    async fn new(device: &mut dyn Device, settings: &Settings) -> Self {
        let mark_before = device.restart_mark(Instant::now() + MARK_PATIENCE).await;
        if let Err(error) = &mark_before {
            log::debug!("{}: no record of the last restart: {error}", device.address());
        }
        Self {
            started: Instant::now(),
            deadline: settings.bounded_deadline(),
            mark_before: mark_before.ok(),
            mark_after: None,
            acknowledged: false,
        }
    }

    async fn run(
        &mut self,
        device: &mut dyn Device,
        accept_unverified: bool,
    ) -> Result<(CommandSent, OffProof), FenceError> {
        if accept_unverified {
            self.deadline = self.deadline.min(self.started + UNVERIFIED_AFTER);
        }
        loop {
            let sent = self.command(device).await?;
            if let Some(proof) = self.watch(device, sent).await? {
                return Ok((sent, proof));
            }
            if Instant::now() < self.deadline {
                // It was not acknowledged, and the last reading said on: it was lost, and may be sent again.
                continue;
            }
            if self.acknowledged && accept_unverified {
                return Ok((sent, OffProof::Unverified(Unverified(()))));
            }
            return Err(FenceError::CycleUnproven {
                acknowledged: self.acknowledged,
                waited: self.started.elapsed(),
            });
        }
    }

    async fn command(&mut self, device: &mut dyn Device) -> Result<CommandSent, FenceError> {
        log::info!("{}: power cycle", device.address());
        match device.cycle(self.deadline).await {
            Ok(()) => self.acknowledged = true,
            Err(error) if error.is_transient() || error.kind() == ErrorKind::PresentState => {
                log::info!("{}: {error}; reading the power state", device.address());
            }
            Err(source) => return Err(FenceError::Command { command: "power cycle", source }),
        }
        Ok(CommandSent::now())
    }

    /// Looks for power off, and for the record of a restart. `None` when there is neither by the deadline, or when
    /// the command was lost: not acknowledged, and power is still on.
    async fn watch(
        &mut self,
        device: &mut dyn Device,
        sent: CommandSent,
    ) -> Result<Option<OffProof>, FenceError> {
        let started = Instant::now();
        let mut mark_at = started + MARK_INTERVAL;
        let mut seen = 0;
        loop {
            let asked_at = Instant::now();
            let is_on = match Reading::take(device, Reading::last_chance(self.deadline)).await {
                Ok(reading) if reading.state() == PowerState::Off => {
                    seen += 1;
                    if seen == READINGS_WANTED {
                        log::info!("{}: power is OFF", device.address());
                        return Ok(SeenOff::after(sent, reading).map(OffProof::Seen));
                    }
                    false
                }
                Ok(reading) => {
                    seen = 0;
                    reading.state() == PowerState::On
                }
                Err(source) if source.kind().is_final() => {
                    return Err(FenceError::StateUnknown { command: "power cycle", source });
                }
                Err(_) => {
                    seen = 0;
                    false
                }
            };
            let now = Instant::now();
            if is_on && now >= mark_at.min(self.deadline) {
                if let Some(restart) = self.restart(device, asked_at).await {
                    return Ok(Some(OffProof::Restarted(restart)));
                }
                mark_at = now + MARK_INTERVAL;
            }
            let is_lost = is_on && !self.acknowledged && now >= started + LOST_AFTER;
            if now >= self.deadline || is_lost {
                return Ok(None);
            }
            sleep_until((now + WATCH_INTERVAL).min(self.deadline)).await;
        }
    }

    /// The restart, if the machine's record of its last start differs from what it was, and is one by command. Without
    /// an acknowledgement it is not ours.
    async fn restart(&mut self, device: &mut dyn Device, asked_at: Instant) -> Option<Restart> {
        let before = self.mark_before.as_ref().filter(|_| self.acknowledged)?;
        let after = device.restart_mark(Instant::now() + MARK_PATIENCE).await.ok()?;
        let is_proof = after.is_restart_after(before) && self.has_stood(&after, asked_at);
        is_proof.then(|| Restart { text: after.to_string() })
    }

    /// Whether it is a cause, or a time that has been the same for a while. `asked_at` is when it was asked for, at the
    /// earliest.
    fn has_stood(&mut self, after: &RestartMark, asked_at: Instant) -> bool {
        match &self.mark_after {
            _ if matches!(after, RestartMark::Cause { .. }) => true,
            Some((since, same)) if !after.is_restart_after(same) => {
                asked_at >= *since + MARK_STANDS
            }
            _ => {
                self.mark_after = Some((Instant::now(), after.clone()));
                false
            }
        }
    }
}
