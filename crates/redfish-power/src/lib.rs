//! A Redfish client for power: from an address and credentials to the state and reset of a ComputerSystem.

mod admission;
mod client;
mod connection;
mod document;
mod error;
mod exchange;
mod login;
mod message;
mod origin;
mod patience;
mod retry;
mod system;
mod tls;
mod wire;

pub use client::{Client, Config};
pub use error::{Error, ExchangeFailure, Refusal, Step};
pub use login::Credentials;
pub use message::Message;
pub use origin::{Origin, OriginError};
pub use retry::RetryPolicy;
pub use system::{ComputerSystem, LastResetTime, PowerState, Purpose, ResetType};
pub use tls::{
    CertificateFault, Fingerprint, FingerprintError, TlsFailure, TlsSetupError, Verification,
};
