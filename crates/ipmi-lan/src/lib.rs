//! IPMI 2.0 over LAN (RMCP+) for those who switch power.

mod cipher_suite;
mod code;
pub mod command;
mod credentials;
pub mod crypto;
pub mod wire;

pub use cipher_suite::{
    AuthenticationAlgorithm, CipherSuite, ConfidentialityAlgorithm, IntegrityAlgorithm,
};
pub use code::{CompletionCode, RmcpPlusStatus};
pub use credentials::{CredentialError, Kg, Password, Privilege, Username};
