use super::{Reader, WireError};

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

/// Authentication type and code of an IPMI 1.5 packet (IPMI 2.0 §13.6, §22.17.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication15 {
    /// Type 0: no code. The only one outside a session.
    None,
    /// Any other type, with its code.
    Code {
        /// 1 MD2, 2 MD5, 4 straight password, 5 OEM.
        kind: u8,
        /// Sixteen bytes, whatever the type.
        code: [u8; 16],
    },
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
        let authentication = match kind {
            0 => Authentication15::None,
            kind => Authentication15::Code { kind, code: reader.array()? },
        };
        let length = reader.u8()?;
        // What follows the payload is a pad byte of old network chips (§13.6); it means nothing.
        let payload = reader.bytes(usize::from(length))?.to_vec();
        Ok(Self { authentication, sequence, session_id, payload })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(26 + self.payload.len());
        bytes.push(match self.authentication {
            Authentication15::None => 0,
            Authentication15::Code { kind, .. } => kind,
        });
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.session_id.to_le_bytes());
        if let Authentication15::Code { code, .. } = self.authentication {
            bytes.extend_from_slice(&code);
        }
        // The length field has one byte; no IPMI message over LAN comes near it.
        let payload = self.payload.get(..usize::from(u8::MAX)).unwrap_or(&self.payload);
        bytes.push(u8::try_from(payload.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(payload);
        bytes
    }
}
