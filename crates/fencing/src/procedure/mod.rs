//! The fencing procedure: command, then look, and success only for what was seen.

mod outcome;
mod settings;

pub use outcome::{OffProof, Outcome, Reading, Restart, SeenOff, SeenOn, Unverified};
pub use settings::{Method, Settings};

use crate::{Action, Device, DeviceError};

/// Carries out an action, within the time that the settings allow.
///
/// # Errors
/// See [`FenceError`]; none of them says that the machine is in the state asked for.
pub async fn run(
    device: &mut dyn Device,
    action: Action,
    settings: &Settings,
) -> Result<Outcome, FenceError> {
    let _ = (device, action, settings);
    todo!()
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    #[error("{0}")]
    Todo(DeviceError),
}
