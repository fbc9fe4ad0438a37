//! What fencing is, whoever asks for it and whatever carries it out.

mod action;
mod agent;
pub mod agents;
mod config;
mod device;
mod parameter;
pub mod procedure;
mod secret;
#[allow(dead_code, reason = "for the providers, which come next")]
mod work;

pub use action::{Action, Power, PowerCommand, PowerState};
pub use agent::{Agent, AgentAction, Plug, Unfencing};
pub use config::{AgentConfig, ConfigError};
pub use device::{Device, DeviceError, ErrorKind, RestartMark};
pub use parameter::{Argument, Getopt, InvalidValue, Kind, Parameter, Value};
pub use secret::Secret;

use std::borrow::Cow;

/// A text that is either part of the program, as those of its own agents are, or was read.
pub type Text = Cow<'static, str>;
