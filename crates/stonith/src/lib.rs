//! The STONITH controller.

mod agents;
mod client;
mod config;
mod controller;
mod instance;
mod keeper;
mod lines;
mod lock;
mod plan;
mod server;
pub mod protocol;

pub use client::{Client, ClientError};
pub use config::{Config, ConfigFileError, MapFile, Parameters};
pub use instance::{InstanceName, InvalidName, RUN_DIRECTORY, RunDirectory};
