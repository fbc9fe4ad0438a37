//! A Redfish client for power: from an address and credentials to the state and reset of a ComputerSystem.

mod tls;

pub use tls::{
    CertificateFault, Fingerprint, FingerprintError, TlsFailure, TlsSetupError, Verification,
};
