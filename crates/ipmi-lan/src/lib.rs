//! IPMI 2.0 over LAN (RMCP+) for those who switch power.

mod cipher_suite;
#[cfg(feature = "tokio")]
mod client;
mod code;
pub mod command;
mod credentials;
pub mod crypto;
mod error;
mod retry;
pub mod session;
pub mod wire;

pub use cipher_suite::{
    AuthenticationAlgorithm, CipherSuite, ConfidentialityAlgorithm, IntegrityAlgorithm,
};
#[cfg(feature = "tokio")]
pub use client::{Client, resolve};
pub use code::{CompletionCode, RmcpPlusStatus};
pub use credentials::{CredentialError, Kg, Password, Privilege, Username};
pub use error::{Error, NoAnswer, Step, SuiteIds};
pub use retry::RetryPolicy;
