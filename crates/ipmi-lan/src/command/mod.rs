//! The commands, each with both of its directions: a client writes requests and parses responses, a BMC the other
//! way round.

mod bridge;
mod chassis;
mod device;
mod session;
mod session15;

pub use bridge::SendMessage;
pub use chassis::{
    ChassisControl, ChassisStatus, GetChassisStatus, GetSystemRestartCause, PowerControl,
    RestartCause,
};
pub use device::{DeviceId, GetDeviceId, GetSystemGuid};
pub use session::{
    AuthenticationCapabilities, CipherSuiteChunk, CloseSession,
    GetChannelAuthenticationCapabilities, GetChannelCipherSuites, SetSessionPrivilegeLevel,
};
pub use session15::{ActivateSession, ActivatedSession, Challenge, GetSessionChallenge};

use crate::wire::{Address, NetworkFunction, RequestMessage, WireError};

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

    /// The request as a message from a remote console to the BMC itself.
    fn to_message(&self, sequence: u8) -> RequestMessage {
        RequestMessage {
            to: Address::BMC,
            from: Address::REMOTE_CONSOLE,
            network_function: Self::NETWORK_FUNCTION,
            command: Self::NUMBER,
            sequence,
            data: self.to_data(),
        }
    }

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
