use std::error;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::fence::deadline_after;
use crate::{Action, AgentConfig, Error, Fence, PowerCommand, PowerState, Success};

/// The ways to fence one machine: levels, tried in order until one succeeds.
///
/// ```
/// # use fencing::{AgentConfig, Level, Topology};
/// # fn ways(ipmi: AgentConfig, redfish: AgentConfig, a: AgentConfig, b: AgentConfig) {
/// // IPMI first, Redfish second on the same BMC.
/// let second_way = Topology::first(ipmi).then(redfish);
/// // Two power supplies, both of which have to be switched.
/// let redundant = Topology::first(Level::of(a).and(b));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Topology {
    // Never empty: no level that succeeds would be a success of nothing.
    levels: Vec<Level>,
}

/// Devices all of which have to succeed.
#[derive(Clone, Debug)]
pub struct Level {
    // Never empty, likewise.
    devices: Vec<AgentConfig>,
}

/// A command was carried out by all devices of a level.
#[derive(Debug)]
pub struct TopologySuccess {
    /// Which level, from 1.
    pub level: usize,
    /// What came of each device, in order.
    pub devices: Vec<Success>,
    /// A reboot by off and on over several devices: the machine was fenced, and these did not switch it on again.
    pub not_on_again: Vec<DeviceFailure>,
    /// Why the levels before have failed.
    pub before: Vec<DeviceFailure>,
}

/// A power state that a level told.
#[derive(Debug)]
pub struct TopologyStatus {
    /// Which level, from 1.
    pub level: usize,
    /// The state.
    pub state: PowerState,
    /// Why the levels before have failed.
    pub before: Vec<DeviceFailure>,
}

/// What a device of a level failed with.
#[derive(Debug)]
pub struct DeviceFailure {
    /// Which level, from 1.
    pub level: usize,
    /// The agent.
    pub agent: String,
    /// Why.
    pub reason: Error,
    /// The devices of the level that had carried the command out by then, in order. Nothing takes that back.
    pub switched_before: Vec<SwitchedDevice>,
}

/// A device that has carried a command out, in a level that then failed.
#[derive(Debug)]
pub struct SwitchedDevice {
    /// The agent.
    pub agent: String,
    /// Where the device is, and its plug, as configured: `10.0.0.5, plug 3`; may be empty.
    pub place: String,
    /// What came of it.
    pub success: Success,
}

/// No level succeeded.
#[derive(Debug)]
pub struct TopologyError {
    /// The failure of each level, in order.
    pub failures: Vec<DeviceFailure>,
}

impl Topology {
    /// The level that is tried first.
    #[must_use]
    pub fn first(level: impl Into<Level>) -> Self {
        Self { levels: vec![level.into()] }
    }

    /// A level that is tried when those before have failed.
    #[must_use]
    pub fn then(mut self, level: impl Into<Level>) -> Self {
        self.levels.push(level.into());
        self
    }

    /// The levels, in order; at least one.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }
}

impl Level {
    /// A level with this device.
    #[must_use]
    pub fn of(device: AgentConfig) -> Self {
        Self { devices: vec![device] }
    }

    /// Adds a device, which has to succeed as well.
    #[must_use]
    pub fn and(mut self, device: AgentConfig) -> Self {
        self.devices.push(device);
        self
    }

    /// The devices, in order; at least one.
    #[must_use]
    pub fn devices(&self) -> &[AgentConfig] {
        &self.devices
    }

    /// The command, or what comes first of a reboot by parts.
    fn off_part(&self, command: PowerCommand) -> PowerCommand {
        match command {
            PowerCommand::Reboot if self.is_rebooted_by_parts() => PowerCommand::Off,
            other => other,
        }
    }

    /// Whether a reboot has to be made of off and on.
    fn is_rebooted_by_parts(&self) -> bool {
        self.devices.len() > 1
            || self.devices.iter().any(|device| !device.agent().can(Action::Reboot))
    }
}

impl From<AgentConfig> for Level {
    fn from(device: AgentConfig) -> Self {
        Self::of(device)
    }
}

impl Fence {
    /// Carries a command out by the first level that can. Each level has its share of the time that is left, and of
    /// that each of its devices. A reboot over several devices, or by one that cannot reboot, is off on all of them, in
    /// order, and then on. As in a cluster, devices with [`Unfencing`](crate::Unfencing) stay off: they do not switch
    /// power, but cut a machine off that may be running still, and let it in again when it has been rebooted and joins.
    ///
    /// # Errors
    /// When no level succeeded: the failures of all.
    pub async fn command_by(
        &self,
        topology: &Topology,
        command: PowerCommand,
        within: Duration,
    ) -> Result<TopologySuccess, TopologyError> {
        let end = deadline_after(within);
        let mut failures = Vec::new();
        for turn in topology.turns(end) {
            match self.command_level(&turn, command).await {
                Ok(devices) => {
                    let not_on_again = match command {
                        PowerCommand::Reboot if turn.level.is_rebooted_by_parts() => {
                            self.on_again(&Turn { deadline: end, ..turn }).await
                        }
                        _ => Vec::new(),
                    };
                    let level = turn.number;
                    return Ok(TopologySuccess { level, devices, not_on_again, before: failures });
                }
                Err(failure) => failures.push(failure),
            }
        }
        Err(TopologyError { failures })
    }

    /// Reads the power state by the first level that can. A machine is off when all devices of a level say so, and on
    /// when one does.
    ///
    /// # Errors
    /// When no level answers: the failures of all.
    pub async fn status_by(
        &self,
        topology: &Topology,
        within: Duration,
    ) -> Result<TopologyStatus, TopologyError> {
        let end = deadline_after(within);
        let mut failures = Vec::new();
        for turn in topology.turns(end) {
            match self.status_level(&turn).await {
                Ok(state) => {
                    return Ok(TopologyStatus { level: turn.number, state, before: failures });
                }
                Err(failure) => failures.push(failure),
            }
        }
        Err(TopologyError { failures })
    }

    /// Checks whether a command can be carried out by each level, as far as that can be told without the devices.
    ///
    /// # Errors
    /// What is wrong with the first device that is of no use.
    pub fn verify_by(&self, topology: &Topology, command: PowerCommand) -> Result<(), Error> {
        let mut levels = topology.levels.iter();
        let unfit = levels.find_map(|level| self.unfit(level, level.off_part(command)));
        unfit.map_or(Ok(()), |(_, reason)| Err(reason))
    }

    /// The first device of a level that cannot carry the command out, and why.
    fn unfit<'a>(
        &self,
        level: &'a Level,
        command: PowerCommand,
    ) -> Option<(&'a AgentConfig, Error)> {
        let reason = |device| self.verify(device, Some(command.into())).err();
        level.devices.iter().find_map(|device| Some((device, reason(device)?)))
    }

    /// For a reboot by parts, the off part. Nothing is switched before all configurations are known to be good.
    async fn command_level(
        &self,
        turn: &Turn<'_>,
        command: PowerCommand,
    ) -> Result<Vec<Success>, DeviceFailure> {
        let command = turn.level.off_part(command);
        if let Some((device, reason)) = self.unfit(turn.level, command) {
            return Err(turn.failure(device, reason));
        }
        let mut successes = Vec::new();
        for (device, share) in turn.shares() {
            match self.command(device, command, share()).await {
                Ok(success) => successes.push(success),
                Err(reason) => {
                    let switched_before = turn.switched(successes);
                    return Err(DeviceFailure { switched_before, ..turn.failure(device, reason) });
                }
            }
        }
        if command == PowerCommand::Off
            && let Err(failure) = self.look_again(turn, &successes).await
        {
            return Err(DeviceFailure { switched_before: turn.switched(successes), ..failure });
        }
        Ok(successes)
    }

    /// A machine with two supplies has lost its power only if the first was off still when the last went off. A device
    /// that does not answer any more proves nothing: the others may have taken its own power. Only what was seen here
    /// is asked again, as agents of others may fence without switching power.
    async fn look_again(
        &self,
        turn: &Turn<'_>,
        successes: &[Success],
    ) -> Result<(), DeviceFailure> {
        let devices = turn.level.devices.iter().zip(successes);
        for (device, success) in devices.take(successes.len().saturating_sub(1)) {
            if !matches!(success, Success::Observed(_)) {
                continue;
            }
            let remaining = turn.deadline.saturating_duration_since(Instant::now());
            let state = self.status(device, remaining.min(LOOK_AGAIN)).await;
            if matches!(state, Ok(PowerState::On)) {
                return Err(turn.failure(device, Error::OnAgain { place: place(device) }));
            }
        }
        Ok(())
    }

    /// The on part of a reboot by parts. The machine has been fenced; whatever happens here does not change that.
    async fn on_again(&self, turn: &Turn<'_>) -> Vec<DeviceFailure> {
        let mut failures = Vec::new();
        let is_power = |device: &AgentConfig| !device.agent().unfencing.is_wanted();
        for (device, share) in turn.shares().filter(|(device, _)| is_power(device)) {
            if let Err(reason) = self.on(device, share()).await {
                failures.push(turn.failure(device, reason));
            }
        }
        failures
    }

    async fn status_level(&self, turn: &Turn<'_>) -> Result<PowerState, DeviceFailure> {
        let mut states = Vec::new();
        for (device, share) in turn.shares() {
            let state = self.status(device, share()).await;
            states.push(state.map_err(|reason| turn.failure(device, reason))?);
        }
        Ok(if states.contains(&PowerState::On) {
            PowerState::On
        } else if states.contains(&PowerState::Unknown) {
            PowerState::Unknown
        } else {
            PowerState::Off
        })
    }
}

/// How long a device that was seen off may take to say so once more.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A level whose turn it is.
struct Turn<'a> {
    number: usize,
    level: &'a Level,
    deadline: Instant,
}

impl Topology {
    /// The levels, each with a deadline that leaves those behind it their share when its turn has come.
    fn turns(&self, end: Instant) -> impl Iterator<Item = Turn<'_>> {
        let count = self.levels.len();
        self.levels.iter().enumerate().map(move |(index, level)| {
            let now = Instant::now();
            let left = u32::try_from(count - index).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(now) / left;
            Turn { number: index + 1, level, deadline: now + share }
        })
    }
}

impl<'a> Turn<'a> {
    /// The devices, each with the time that leaves those behind it their share, counted when its turn has come.
    fn shares(&self) -> impl Iterator<Item = (&'a AgentConfig, impl Fn() -> Duration)> {
        let (devices, deadline) = (&self.level.devices, self.deadline);
        devices.iter().enumerate().map(move |(index, device)| {
            let left = u32::try_from(devices.len() - index).unwrap_or(u32::MAX);
            (device, move || deadline.saturating_duration_since(Instant::now()) / left)
        })
    }

    fn failure(&self, device: &AgentConfig, reason: Error) -> DeviceFailure {
        let agent = device.agent().name.to_string();
        DeviceFailure { level: self.number, agent, reason, switched_before: Vec::new() }
    }

    fn switched(&self, successes: Vec<Success>) -> Vec<SwitchedDevice> {
        let switched = |(device, success): (&AgentConfig, _)| SwitchedDevice {
            agent: device.agent().name.to_string(),
            place: place(device),
            success,
        };
        self.level.devices.iter().zip(successes).map(switched).collect()
    }
}

fn place(device: &AgentConfig) -> String {
    let plug = device.text("plug").or_else(|| device.text("port"));
    let address = device.text("ip").map(|ip| ip.escape_debug().to_string());
    let plug = plug.map(|plug| format!("plug {}", plug.escape_debug()));
    address.into_iter().chain(plug).collect::<Vec<_>>().join(", ")
}

impl DeviceFailure {
    /// The reason, and what was switched all the same.
    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        for (index, device) in self.switched_before.iter().enumerate() {
            let separator = if index == 0 { "; switched before: " } else { ", " };
            write!(f, "{separator}{device}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DeviceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.agent)?;
        self.write_reason(f)
    }
}

impl error::Error for DeviceFailure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.reason)
    }
}

impl fmt::Display for SwitchedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.place.is_empty() { "" } else { " at " };
        write!(f, "{}{at}{} ({})", self.agent, self.place, self.success)
    }
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.failures[..] {
            return only.write_reason(f);
        }
        for (index, failure) in self.failures.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}level {}, {failure}", failure.level)?;
        }
        Ok(())
    }
}

impl error::Error for TopologyError {}
