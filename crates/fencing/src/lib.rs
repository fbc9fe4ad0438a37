//! What fencing is, whoever asks for it and whatever carries it out.

mod action;
mod agent;
pub mod agents;
mod config;
mod device;
mod error;
mod fence;
mod parameter;
pub mod procedure;
mod provider;
pub mod providers;
mod secret;
mod topology;
mod work;

pub use action::{Action, Power, PowerCommand, PowerState};
pub use agent::{Agent, AgentAction, Plug, Unfencing};
pub use config::{AgentConfig, ConfigError};
pub use device::{Device, DeviceError, ErrorKind, RestartMark};
pub use error::Error;
pub use fence::Fence;
pub use parameter::{Argument, Getopt, InvalidValue, Kind, Parameter, Value};
pub use provider::{LoadFailure, Loaded, Outcome, Port, Provider, Success};
pub use secret::Secret;
pub use topology::{
    DeviceFailure, Level, Topology, TopologyError, TopologyStatus, TopologySuccess,
};

use std::borrow::Cow;

/// A text that is either part of the program, as those of its own agents are, or was read.
pub type Text = Cow<'static, str>;
