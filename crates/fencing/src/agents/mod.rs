//! The agents of this project, each defined once.

#[cfg(any(feature = "ipmilan", feature = "redfish"))]
mod bmc;
#[cfg(feature = "ipmilan")]
pub mod ipmilan;
#[cfg(feature = "redfish")]
pub mod redfish;
pub mod standard;

use crate::{Agent, AgentConfig, ConfigError, Device};

/// The name that the provider of these agents is usually registered by.
pub const NATIVE: &str = "native";

/// An agent of this project, and how it reaches its device: what the programs, the provider
/// [`Native`](crate::providers::Native) and the manual pages are made of.
#[derive(Clone, Debug)]
pub struct Definition {
    /// What it is.
    pub agent: Agent,
    /// Makes the device that a configuration describes. Nothing is connected by it.
    pub open: OpenDevice,
}

/// Makes a device of a configuration, or says what is wrong with it.
pub type OpenDevice = fn(&AgentConfig) -> Result<Box<dyn Device>, ConfigError>;

/// All of them, each under each of its names.
#[must_use]
pub fn all() -> Vec<Definition> {
    #[cfg(feature = "ipmilan")]
    let ipmilan = ipmilan::names().map(ipmilan::definition);
    #[cfg(not(feature = "ipmilan"))]
    let ipmilan = std::iter::empty();
    #[cfg(feature = "redfish")]
    let redfish = std::iter::once(redfish::definition(redfish::NAME));
    #[cfg(not(feature = "redfish"))]
    let redfish = std::iter::empty();
    ipmilan.chain(redfish).collect()
}
