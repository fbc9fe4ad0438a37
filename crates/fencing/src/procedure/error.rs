use std::fmt;
use std::time::Duration;

use crate::{DeviceError, Power, PowerState};

/// Why an action failed. Each message is one line: the step, what the device answered, what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FenceError {
    /// The power state could not be read before anything was done.
    #[error("unable to read the power state: {0}")]
    Status(#[source] DeviceError),
    /// The machines of the device could not be listed.
    #[error("unable to list the machines of the device: {0}")]
    List(#[source] DeviceError),
    /// The device refused a power command.
    #[error("the {command} command failed: {source}")]
    Command {
        /// Which.
        command: &'static str,
        /// Why.
        source: DeviceError,
    },
    /// A power command was sent, and the device then refused to say what it did.
    #[error("the power state is not known after the {command} command: {source}")]
    StateUnknown {
        /// Which command.
        command: &'static str,
        /// Why the state cannot be read.
        source: DeviceError,
    },
    /// The state was not seen in time.
    #[error(
        "timed out waiting to power {target}: {last} {} s after the command{}",
        .waited.as_secs(),
        .refusal.as_ref().map(|error| format!(", which failed: {error}")).unwrap_or_default()
    )]
    TimedOut {
        /// The state that was wanted.
        target: Power,
        /// What was known last.
        last: LastKnown,
        /// How the last command failed, if it did.
        refusal: Option<DeviceError>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A cycle was sent, and nothing proves that power was off.
    #[error(
        "power cycle not verified: {}, but power was not seen off within {} s and the device has no other proof that \
         the machine restarted; use method=onoff",
        if *.acknowledged { "the device acknowledged the command" } else { "the command was not acknowledged" },
        .waited.as_secs()
    )]
    CycleUnproven {
        /// Whether the device acknowledged the command.
        acknowledged: bool,
        /// How long proof was waited for.
        waited: Duration,
    },
    /// The on part of a reboot was not wanted: no attempts.
    #[error("power on was not attempted, because retry_on is 0")]
    OnNotAttempted,
}

/// What was known last of a power state that did not come.
#[derive(Debug)]
pub enum LastKnown {
    /// This was read.
    State(PowerState),
    /// The state that was wanted was read once, and has to be read twice.
    Once(PowerState),
    /// It could not be read.
    Error(DeviceError),
    /// Nothing at all.
    Nothing,
}

impl fmt::Display for LastKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "power was still {state}"),
            Self::Once(state) => write!(f, "power was seen {state} once only,"),
            Self::Error(error) => write!(f, "the last attempt failed ({error})"),
            Self::Nothing => f.write_str("nothing was answered"),
        }
    }
}
