use std::time::Duration;

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
    /// Time between two readings. `None`: short at first, then longer.
    pub poll_interval: Option<Duration>,
    /// How many times a power on is attempted, each for the whole power time-out.
    pub on_attempts: u32,
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
    /// The settings that a configuration asks for. `disable_timeout` is what the caller made of the parameter of
    /// that name and of its environment.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn from_config(config: &AgentConfig, disable_timeout: bool) -> Result<Self, ConfigError> {
        let _ = (config, disable_timeout);
        todo!()
    }
}
