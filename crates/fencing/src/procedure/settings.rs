use std::time::Duration;

use tokio::time::Instant;

use crate::{AgentConfig, ConfigError};

/// How an action is carried out, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How to reboot.
    pub method: Method,
    /// How long to wait between a power command and the first reading. `None`: no wait, and off counts after two
    /// readings in a row.
    pub power_wait: Option<Duration>,
    /// How long to wait, after a command, for the state to be seen. `None`: as long as the caller lets us.
    pub power_timeout: Option<Duration>,
    /// Time between two readings of off and on. `None`: short at first, then longer. A cycle is watched more closely.
    pub poll_interval: Option<Duration>,
    /// How many times power on is attempted in a reboot, each for the whole power time-out. The action on makes one
    /// attempt more, as the Python agents do.
    pub on_attempts: u32,
    /// When everything has to be over, whatever the times above say. `None`: the caller sees to that.
    pub until: Option<Instant>,
    /// Whether an earlier command may still be under way. A machine that is off may be about to go on then, so that it
    /// does not count as off already: it is switched off in any case.
    pub is_unsettled: bool,
}

/// How to reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Off, seen off, on.
    OnOff,
    /// One power cycle.
    Cycle {
        /// Take the device's acknowledgement for success when nothing proves that power was off.
        accept_unverified: bool,
    },
}

impl Settings {
    /// The settings that a configuration asks for.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn from_config(config: &AgentConfig) -> Result<Self, ConfigError> {
        // As in the Python agents, a power time-out of 0 is none.
        let power_timeout = config.seconds("power_timeout").filter(|time| !time.is_zero());
        Ok(Self {
            method: method(config),
            power_wait: config.given_seconds("power_wait"),
            power_timeout: power_timeout.filter(|_| !config.is_set("disable_timeout")),
            poll_interval: config.given_seconds("stonith_status_sleep"),
            on_attempts: on_attempts(config)?,
            until: None,
            is_unsettled: false,
        })
    }

    /// By when a state must be seen whose command is sent now.
    pub(super) fn power_deadline(&self) -> Instant {
        let wait = self.power_wait.unwrap_or_default();
        self.in_time(wait + self.power_timeout.unwrap_or(Self::WITHOUT_TIMEOUT))
    }

    /// The same, bounded even where the power time-out is not: for what a caller should hear of before it loses
    /// patience, such as that the machine is fenced, but does not come on again.
    pub(super) fn bounded_deadline(&self) -> Instant {
        let wait = self.power_wait.unwrap_or_default();
        self.in_time(wait + self.power_timeout.unwrap_or(Self::POWER_TIMEOUT))
    }

    /// By when a question must be answered that is asked now.
    pub(super) fn answer_deadline(&self) -> Instant {
        self.in_time(self.power_timeout.unwrap_or(Self::POWER_TIMEOUT))
    }

    /// Whether there is no time left.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn in_time(&self, time: Duration) -> Instant {
        let end = Instant::now() + time;
        self.until.map_or(end, |until| end.min(until))
    }

    /// What "no time-out" comes to: no caller of a fence agent waits longer.
    pub const WITHOUT_TIMEOUT: Duration = Duration::from_secs(3600);
    /// The default of the parameter.
    pub(super) const POWER_TIMEOUT: Duration = Duration::from_secs(20);
}

fn method(config: &AgentConfig) -> Method {
    match config.text("method").as_deref() {
        Some("cycle") => Method::Cycle { accept_unverified: config.is_set("unverified_cycle") },
        _ => Method::OnOff,
    }
}

fn on_attempts(config: &AgentConfig) -> Result<u32, ConfigError> {
    let attempts = config.integer("retry_on").unwrap_or(1);
    u32::try_from(attempts).map_err(|_| ConfigError::Unusable {
        parameter: "retry_on".into(),
        reason: format!("{attempts} is not a number of attempts"),
    })
}
