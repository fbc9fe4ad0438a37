//! The STONITH controller.

mod config;
mod instance;
mod lock;
pub mod protocol;

pub use config::{Config, ConfigFileError, MapFile, Parameters};
pub use instance::{InstanceName, InvalidName, RUN_DIRECTORY, RunDirectory};
