//! The commands, each with both of its directions: a client writes requests and parses responses, a BMC the other
//! way round.

mod chassis;
mod device;
mod session;

pub use chassis::{
    ChassisControl, ChassisStatus, GetChassisStatus, GetSystemRestartCause, PowerControl,
    RestartCause,
};
pub use device::{DeviceId, GetDeviceId};
pub use session::{
    AuthenticationCapabilities, CipherSuiteChunk, CloseSession,
    GetChannelAuthenticationCapabilities, GetChannelCipherSuites, SetSessionPrivilegeLevel,
};

use crate::wire::{NetworkFunction, WireError};

/// A command and the answer that belongs to it.
pub trait Command: Sized {
    /// Its name in the specification.
    const NAME: &'static str;
    /// Its network function.
    const NETWORK_FUNCTION: NetworkFunction;
    /// Its number.
    const NUMBER: u8;
    /// What it answers when it succeeds.
    type Response;

    /// The data of the request.
    fn to_data(&self) -> Vec<u8>;

    /// The request that this data is.
    ///
    /// # Errors
    /// When the data is cut short, or a field is not of the specification.
    fn from_data(data: &[u8]) -> Result<Self, WireError>;

    /// The response that this data, behind completion code 00h, is.
    ///
    /// # Errors
    /// When the data is cut short, or a field is not of the specification.
    fn parse_response(&self, data: &[u8]) -> Result<Self::Response, WireError>;
}
