use std::fmt;

use crate::wire::ProposedAlgorithms;

/// How a login is authenticated (IPMI 2.0 §13.28, table 13-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationAlgorithm {
    /// RAKP-none: not at all.
    RakpNone,
    /// RAKP-HMAC-SHA1.
    RakpHmacSha1,
    /// RAKP-HMAC-MD5.
    RakpHmacMd5,
    /// RAKP-HMAC-SHA256.
    RakpHmacSha256,
}

/// How packets of a session are authenticated (IPMI 2.0 §13.28, table 13-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityAlgorithm {
    /// Not at all.
    None,
    /// HMAC-SHA1-96.
    HmacSha1_96,
    /// HMAC-MD5-128.
    HmacMd5_128,
    /// MD5-128: keyed with the password itself.
    Md5_128,
    /// HMAC-SHA256-128.
    HmacSha256_128,
}

/// How payloads of a session are encrypted (IPMI 2.0 §13.28, table 13-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfidentialityAlgorithm {
    /// Not at all.
    None,
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

    /// Those that authenticate and encrypt with algorithms of good standing, the best first. The others are for a user
    /// to name.
    pub const RECOMMENDED: [Self; 2] = [Self::SUITE_17, Self::SUITE_3];

    /// Every suite that this crate speaks. Those with xRC4 (4, 5, 9, 10, 13, 14, 18, 19) are not among them.
    pub const ALL: [Self; 12] = {
        use AuthenticationAlgorithm as A;
        use ConfidentialityAlgorithm as C;
        use IntegrityAlgorithm as I;
        [
            Self::SUITE_17,
            Self::SUITE_3,
            Self::new(16, A::RakpHmacSha256, I::HmacSha256_128, C::None),
            Self::new(15, A::RakpHmacSha256, I::None, C::None),
            Self::new(2, A::RakpHmacSha1, I::HmacSha1_96, C::None),
            Self::new(1, A::RakpHmacSha1, I::None, C::None),
            Self::new(8, A::RakpHmacMd5, I::HmacMd5_128, C::AesCbc128),
            Self::new(12, A::RakpHmacMd5, I::Md5_128, C::AesCbc128),
            Self::new(7, A::RakpHmacMd5, I::HmacMd5_128, C::None),
            Self::new(11, A::RakpHmacMd5, I::Md5_128, C::None),
            Self::new(6, A::RakpHmacMd5, I::None, C::None),
            Self::new(0, A::RakpNone, I::None, C::None),
        ]
    };

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

    /// Whether every packet of a session with it proves that it comes from the BMC.
    #[must_use]
    pub fn authenticates_packets(self) -> bool {
        self.integrity != IntegrityAlgorithm::None
    }

    /// Whether nobody between here and the BMC can read what is said.
    #[must_use]
    pub fn encrypts(self) -> bool {
        self.confidentiality != ConfidentialityAlgorithm::None
    }

    pub(crate) fn uses_md5(self) -> bool {
        self.authentication == AuthenticationAlgorithm::RakpHmacMd5
    }

    /// Its algorithms, as numbers on the wire.
    #[must_use]
    pub fn algorithms(self) -> ProposedAlgorithms {
        ProposedAlgorithms {
            authentication: match self.authentication {
                AuthenticationAlgorithm::RakpNone => 0,
                AuthenticationAlgorithm::RakpHmacSha1 => 1,
                AuthenticationAlgorithm::RakpHmacMd5 => 2,
                AuthenticationAlgorithm::RakpHmacSha256 => 3,
            },
            integrity: match self.integrity {
                IntegrityAlgorithm::None => 0,
                IntegrityAlgorithm::HmacSha1_96 => 1,
                IntegrityAlgorithm::HmacMd5_128 => 2,
                IntegrityAlgorithm::Md5_128 => 3,
                IntegrityAlgorithm::HmacSha256_128 => 4,
            },
            confidentiality: match self.confidentiality {
                ConfidentialityAlgorithm::None => 0,
                ConfidentialityAlgorithm::AesCbc128 => 1,
            },
        }
    }

    const fn new(
        id: u8,
        authentication: AuthenticationAlgorithm,
        integrity: IntegrityAlgorithm,
        confidentiality: ConfidentialityAlgorithm,
    ) -> Self {
        Self { id, authentication, integrity, confidentiality }
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}
