use std::fmt;

use crate::wire::ProposedAlgorithms;

/// How a login is authenticated (IPMI 2.0 §13.28, table 13-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationAlgorithm {
    /// RAKP-HMAC-SHA1.
    RakpHmacSha1,
    /// RAKP-HMAC-SHA256.
    RakpHmacSha256,
}

/// How packets of a session are authenticated (IPMI 2.0 §13.28, table 13-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityAlgorithm {
    /// HMAC-SHA1-96.
    HmacSha1_96,
    /// HMAC-SHA256-128.
    HmacSha256_128,
}

/// How payloads of a session are encrypted (IPMI 2.0 §13.28, table 13-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfidentialityAlgorithm {
    /// AES-CBC-128.
    AesCbc128,
}

/// A cipher suite that this crate speaks (IPMI 2.0 §22.15.2, table 22-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSuite {
    id: u8,
    pub(crate) authentication: AuthenticationAlgorithm,
    pub(crate) integrity: IntegrityAlgorithm,
    pub(crate) confidentiality: ConfidentialityAlgorithm,
}

impl CipherSuite {
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128: mandatory for every BMC.
    pub const SUITE_3: Self = Self {
        id: 3,
        authentication: AuthenticationAlgorithm::RakpHmacSha1,
        integrity: IntegrityAlgorithm::HmacSha1_96,
        confidentiality: ConfidentialityAlgorithm::AesCbc128,
    };

    /// RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    pub const SUITE_17: Self = Self {
        id: 17,
        authentication: AuthenticationAlgorithm::RakpHmacSha256,
        integrity: IntegrityAlgorithm::HmacSha256_128,
        confidentiality: ConfidentialityAlgorithm::AesCbc128,
    };

    /// The best first.
    pub const ALL: [Self; 2] = [Self::SUITE_17, Self::SUITE_3];

    /// The suite with this id. `None` when this crate does not speak it.
    #[must_use]
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id == id)
    }

    /// The suite of these algorithms. `None` when this crate does not speak it.
    #[must_use]
    pub fn from_algorithms(algorithms: ProposedAlgorithms) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.algorithms() == algorithms)
    }

    /// Its id.
    #[must_use]
    pub fn id(self) -> u8 {
        self.id
    }

    /// Its algorithms, as numbers on the wire.
    #[must_use]
    pub fn algorithms(self) -> ProposedAlgorithms {
        ProposedAlgorithms {
            authentication: match self.authentication {
                AuthenticationAlgorithm::RakpHmacSha1 => 1,
                AuthenticationAlgorithm::RakpHmacSha256 => 3,
            },
            integrity: match self.integrity {
                IntegrityAlgorithm::HmacSha1_96 => 1,
                IntegrityAlgorithm::HmacSha256_128 => 4,
            },
            confidentiality: match self.confidentiality {
                ConfidentialityAlgorithm::AesCbc128 => 1,
            },
        }
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}
