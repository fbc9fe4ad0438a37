use std::fmt;

use super::{Reader, WireError};
use crate::AuthenticationType;

/// A packet in the format of IPMI 1.5 (IPMI 2.0 §13.6, table 13-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet15 {
    /// How the packet is authenticated.
    pub authentication: Authentication15,
    /// Session sequence number; 0 outside a session.
    pub sequence: u32,
    /// Session id; 0 outside a session.
    pub session_id: u32,
    /// The IPMI message.
    pub payload: Vec<u8>,
}

/// Authentication type of an IPMI 1.5 packet, and the code that goes with it (IPMI 2.0 §13.6, §22.17.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication15 {
    /// Type 0: no code. The only one outside a session.
    None,
    /// Type 1.
    Md2([u8; 16]),
    /// Type 2.
    Md5([u8; 16]),
    /// Type 4: the password itself, in clear.
    Password([u8; 16]),
    /// Type 5.
    Oem([u8; 16]),
}

/// Without the code, which may be the password.
impl fmt::Debug for Authentication15 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())
    }
}

impl Authentication15 {
    /// A code of this type; none for [`AuthenticationType::None`].
    #[must_use]
    pub fn new(kind: AuthenticationType, code: [u8; 16]) -> Self {
        match kind {
            AuthenticationType::None => Self::None,
            AuthenticationType::Md2 => Self::Md2(code),
            AuthenticationType::Md5 => Self::Md5(code),
            AuthenticationType::Password => Self::Password(code),
            AuthenticationType::Oem => Self::Oem(code),
        }
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> AuthenticationType {
        match self {
            Self::None => AuthenticationType::None,
            Self::Md2(_) => AuthenticationType::Md2,
            Self::Md5(_) => AuthenticationType::Md5,
            Self::Password(_) => AuthenticationType::Password,
            Self::Oem(_) => AuthenticationType::Oem,
        }
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Option<&[u8; 16]> {
        match self {
            Self::None => None,
            Self::Md2(code) | Self::Md5(code) | Self::Password(code) | Self::Oem(code) => {
                Some(code)
            }
        }
    }
}

impl Packet15 {
    /// A packet outside any session.
    #[must_use]
    pub fn sessionless(payload: Vec<u8>) -> Self {
        Self { authentication: Authentication15::None, sequence: 0, session_id: 0, payload }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("IPMI 1.5 session header", bytes);
        let kind = reader.u8()?;
        let sequence = reader.u32()?;
        let session_id = reader.u32()?;
        let kind =
            AuthenticationType::from_bits(kind).ok_or(reader.field("authentication type", kind))?;
        let authentication = match kind {
            AuthenticationType::None => Authentication15::None,
            kind => Authentication15::new(kind, reader.array()?),
        };
        let length = reader.u8()?;
        // What follows the payload is a pad byte of old network chips (§13.6); it means nothing.
        let payload = reader.bytes(usize::from(length))?.to_vec();
        Ok(Self { authentication, sequence, session_id, payload })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(26 + self.payload.len());
        bytes.push(self.authentication.kind().bits());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.session_id.to_le_bytes());
        if let Some(code) = self.authentication.code() {
            bytes.extend_from_slice(code);
        }
        // The length field has one byte; no IPMI message over LAN comes near it.
        let payload = self.payload.get(..usize::from(u8::MAX)).unwrap_or(&self.payload);
        bytes.push(u8::try_from(payload.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(payload);
        bytes
    }
}
