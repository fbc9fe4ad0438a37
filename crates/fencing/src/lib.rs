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

pub use action::{Action, Power, PowerState};
pub use agent::{Agent, AgentAction, OpenDevice, Plug};
pub use config::{AgentConfig, ConfigError};
pub use device::{Device, DeviceError, ErrorKind, RestartMark};
pub use parameter::{Argument, Getopt, InvalidValue, Kind, Parameter, Value};
pub use secret::Secret;
