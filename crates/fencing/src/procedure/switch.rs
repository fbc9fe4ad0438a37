use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::error::LastKnown;
use super::outcome::CommandSent;
use super::{CONFIRMATION, FenceError, LONGEST_PAUSE, Reading, SeenOff, SeenOn, Settings};
use crate::{Device, DeviceError, ErrorKind, Power};

/// Off, and seen off.
pub(super) async fn switch_off(
    device: &mut dyn Device,
    settings: &Settings,
) -> Result<SeenOff, FenceError> {
    // Who gave a power_wait has chosen to wait instead; one of 0 is no wait.
    let has_waited = settings.power_wait.is_some_and(|wait| !wait.is_zero());
    let readings_wanted = if has_waited { 1 } else { 2 };
    let mut switch = Switch::new(Power::Off, readings_wanted, settings);
    let (command, reading) = switch.run(device, settings.power_deadline()).await?;
    SeenOff::after(command, reading).ok_or_else(|| switch.timed_out())
}

/// On, and seen on.
pub(super) async fn switch_on(
    device: &mut dyn Device,
    settings: &Settings,
    deadline: Instant,
) -> Result<SeenOn, FenceError> {
    let mut switch = Switch::new(Power::On, 1, settings);
    let (command, reading) = switch.run(device, deadline).await?;
    SeenOn::after(command, reading).ok_or_else(|| switch.timed_out())
}

/// On after a cycle, which switches it on by itself; a command follows only if it does not.
pub(super) async fn await_on(
    device: &mut dyn Device,
    settings: &Settings,
    cycle: CommandSent,
    deadline: Instant,
) -> Result<SeenOn, FenceError> {
    let mut switch = Switch::new(Power::On, 1, settings);
    switch.acknowledged = Some(cycle);
    switch.command_at = Instant::now() + Switch::COMMAND_AGAIN;
    let (command, reading) = switch.poll(device, cycle, deadline).await?;
    SeenOn::after(command, reading).ok_or_else(|| switch.timed_out())
}

/// One power state being brought about: a command, readings, the command again while it is not seen.
struct Switch<'a> {
    target: Power,
    readings_wanted: u32,
    settings: &'a Settings,
    started: Instant,
    /// When the command is to be sent the next time.
    command_at: Instant,
    /// The last command that the device took.
    acknowledged: Option<CommandSent>,
    /// How the last command failed, if it did.
    refusal: Option<DeviceError>,
    last: LastKnown,
    has_warned: bool,
}

impl<'a> Switch<'a> {
    /// Some BMCs acknowledge a command and drop it, in a transition or a firmware task. All of these commands may be
    /// repeated without harm.
    const COMMAND_AGAIN: Duration = Duration::from_secs(5);
    /// One that was not taken is sent again sooner: some BMCs do not take one right after they have switched.
    const REFUSED_COMMAND_AGAIN: Duration = Duration::from_secs(2);
    const FIRST_INTERVAL: Duration = Duration::from_millis(100);
    /// However small an interval the user gave: a BMC has other things to do.
    const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

    fn new(target: Power, readings_wanted: u32, settings: &'a Settings) -> Self {
        let now = Instant::now();
        Self {
            target,
            readings_wanted,
            settings,
            started: now,
            command_at: now,
            acknowledged: None,
            refusal: None,
            last: LastKnown::Nothing,
            has_warned: false,
        }
    }

    /// The command and the reading that shows what it did.
    async fn run(
        &mut self,
        device: &mut dyn Device,
        deadline: Instant,
    ) -> Result<(CommandSent, Reading), FenceError> {
        let sent = self.command(device, deadline).await?;
        if let Some(time) = self.settings.power_wait.filter(|time| !time.is_zero()) {
            let waited = Instant::now() + time;
            if waited > deadline {
                // Who has not waited has to look twice.
                self.readings_wanted = 2;
            }
            sleep_until(waited.min(deadline)).await;
        }
        self.poll(device, sent, deadline).await
    }

    async fn poll(
        &mut self,
        device: &mut dyn Device,
        mut sent: CommandSent,
        deadline: Instant,
    ) -> Result<(CommandSent, Reading), FenceError> {
        let mut seen = 0;
        let mut interval = self.settings.poll_interval.unwrap_or(Self::FIRST_INTERVAL);
        loop {
            if seen == 0 && self.is_command_due(deadline) {
                sent = self.command(device, deadline).await?;
            }
            match Reading::take(device, Reading::last_chance(deadline)).await {
                Ok(reading) if reading.state() == self.target.into() => {
                    log::debug!("{}: power reads {}", device.address(), self.target);
                    seen += 1;
                    if seen == self.readings_wanted {
                        log::info!("{}: power is {}", device.address(), self.target);
                        return Ok((sent, reading));
                    }
                    self.last = LastKnown::Once(reading.state());
                }
                Ok(reading) => {
                    seen = 0;
                    log::debug!("{}: power reads {} still", device.address(), reading.state());
                    self.last = LastKnown::State(reading.state());
                }
                Err(error) => {
                    seen = 0;
                    self.note_failed_reading(device, error)?;
                }
            }
            if Instant::now() >= deadline {
                return Err(self.timed_out());
            }
            self.warn_of_long_wait(device);
            let pause = if seen > 0 { CONFIRMATION } else { interval };
            let next = Instant::now() + pause.max(Self::SHORTEST_INTERVAL);
            sleep_until(next.min(deadline)).await;
            if self.settings.poll_interval.is_none() {
                interval = (interval * 3 / 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Who waits without a time-out is ended by its caller, perhaps without a word. The log is to have one.
    fn warn_of_long_wait(&mut self, device: &dyn Device) {
        let waited = self.started.elapsed();
        if waited >= Settings::POWER_TIMEOUT
            && self.settings.power_timeout.is_none()
            && !self.has_warned
        {
            self.has_warned = true;
            let (target, seconds) = (self.target, waited.as_secs());
            let address = device.address();
            log::warn!(
                "{address}: {} {seconds} s after the command to power {target}; still trying",
                self.last
            );
        }
    }

    /// A command at the very end could still switch a machine that was reported as not switched.
    fn is_command_due(&self, deadline: Instant) -> bool {
        let now = Instant::now();
        now >= self.command_at && now < deadline
    }

    /// Sends the command. One that was not answered may have been carried out: the readings tell.
    async fn command(
        &mut self,
        device: &mut dyn Device,
        deadline: Instant,
    ) -> Result<CommandSent, FenceError> {
        log::info!("{}: switching power {}", device.address(), self.target);
        let result = device.set_power(self.target, deadline).await;
        let sent = CommandSent::now();
        self.command_at = Instant::now() + Self::COMMAND_AGAIN;
        match result {
            Ok(()) => {
                self.acknowledged = Some(sent);
                self.refusal = None;
            }
            Err(error) if self.can_continue_after(&error) => {
                log::info!("{}: {error}; reading the power state", device.address());
                self.command_at = Instant::now() + Self::REFUSED_COMMAND_AGAIN;
                self.refusal = Some(error);
            }
            Err(source) => return Err(FenceError::Command { command: self.name(), source }),
        }
        Ok(sent)
    }

    /// A refusal ends it only if no command was ever taken: some BMCs refuse one while they carry out another.
    fn can_continue_after(&self, error: &DeviceError) -> bool {
        let is_final = error.kind().is_final();
        let may_pass = error.is_transient() || error.kind() == ErrorKind::PresentState;
        may_pass || (self.acknowledged.is_some() && !is_final)
    }

    /// A reading that fails is tried again: the command is on its way, and only a reading can tell what it did. A BMC
    /// may well refuse one while it switches.
    fn note_failed_reading(
        &mut self,
        device: &dyn Device,
        error: DeviceError,
    ) -> Result<(), FenceError> {
        if error.kind().is_final() {
            return Err(FenceError::StateUnknown { command: self.name(), source: error });
        }
        log::info!("{}: {error}; reading the power state again", device.address());
        self.last = LastKnown::Error(error);
        Ok(())
    }

    fn timed_out(&mut self) -> FenceError {
        FenceError::TimedOut {
            target: self.target,
            last: std::mem::replace(&mut self.last, LastKnown::Nothing),
            refusal: self.refusal.take(),
            waited: self.started.elapsed(),
        }
    }

    fn name(&self) -> &'static str {
        match self.target {
            Power::On => "power on",
            Power::Off => "power off",
        }
    }
}
