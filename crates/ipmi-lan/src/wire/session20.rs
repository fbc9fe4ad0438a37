use super::{Reader, WireError};

const FORMAT_RMCP_PLUS: u8 = 0x06;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
const TYPE_MASK: u8 = 0x3f;
const OEM_EXPLICIT: u8 = 0x02;
/// In the trailer; the only value defined (IPMI 2.0 §13.6, table 13-8).
const NEXT_HEADER: u8 = 0x07;
const PAD: u8 = 0xff;

/// A packet in the format of IPMI 2.0, RMCP+ (IPMI 2.0 §13.6, table 13-8).
///
/// Parsing it proves nothing but its form: an authenticated packet counts only once the session has verified its
/// [`Trailer`], an encrypted payload is opened after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet20 {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// The session id of the receiver; 0 outside a session.
    pub session_id: u32,
    /// Session sequence number; 0 outside a session.
    pub sequence: u32,
    /// Whether the payload is encrypted.
    pub encrypted: bool,
    /// The payload; with confidentiality header and trailer if it is encrypted.
    pub payload: Vec<u8>,
    /// Present when the packet is authenticated.
    pub trailer: Option<Trailer>,
}

/// The session trailer of an authenticated packet (IPMI 2.0 §13.6, table 13-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Integrity pad, pad length, next header, and the authentication code, unparsed: how long the code is
    /// depends on the session's integrity algorithm.
    bytes: Vec<u8>,
}

/// How the authenticated bytes are filled up to a multiple of four (IPMI 2.0 §13.6, table 13-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// With pad length and next header counted.
    Standard,
    /// Without them, as [`Quirk::Icts`](crate::Quirk::Icts) has it.
    Icts,
}

impl Padding {
    fn length(self, length: usize) -> usize {
        let counted = match self {
            Self::Standard => length + 2,
            Self::Icts => length,
        };
        counted.next_multiple_of(4) - counted
    }
}

/// Payload types (IPMI 2.0 §13.27.3, table 13-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadType {
    /// 00h: an IPMI message.
    Ipmi,
    /// 10h.
    OpenSessionRequest,
    /// 11h.
    OpenSessionResponse,
    /// 12h.
    Rakp1,
    /// 13h.
    Rakp2,
    /// 14h.
    Rakp3,
    /// 15h.
    Rakp4,
    /// Anything else but 02h (OEM explicit), which is not accepted.
    Other(u8),
}

impl PayloadType {
    fn from_bits(bits: u8) -> Self {
        match bits {
            0x00 => Self::Ipmi,
            0x10 => Self::OpenSessionRequest,
            0x11 => Self::OpenSessionResponse,
            0x12 => Self::Rakp1,
            0x13 => Self::Rakp2,
            0x14 => Self::Rakp3,
            0x15 => Self::Rakp4,
            other => Self::Other(other),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Ipmi => 0x00,
            Self::OpenSessionRequest => 0x10,
            Self::OpenSessionResponse => 0x11,
            Self::Rakp1 => 0x12,
            Self::Rakp2 => 0x13,
            Self::Rakp3 => 0x14,
            Self::Rakp4 => 0x15,
            Self::Other(other) => other & TYPE_MASK,
        }
    }
}

impl Packet20 {
    /// A packet outside any session: Open Session and RAKP messages, and IPMI messages before a login.
    #[must_use]
    pub fn sessionless(payload_type: PayloadType, payload: Vec<u8>) -> Self {
        Self { payload_type, session_id: 0, sequence: 0, encrypted: false, payload, trailer: None }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RMCP+ session header", bytes);
        reader.expect("format", FORMAT_RMCP_PLUS)?;
        let kind = reader.u8()?;
        if kind & TYPE_MASK == OEM_EXPLICIT {
            return Err(reader.field("payload type", kind));
        }
        let session_id = reader.u32()?;
        let sequence = reader.u32()?;
        let length = reader.u16()?;
        let is_rakp2 = kind == PayloadType::Rakp2.bits() && session_id == 0;
        let length = match usize::from(length) {
            // See Quirk::Supermicro20: the code in it decides.
            length if is_rakp2 && length == reader.rest().len() + 1 => reader.rest().len(),
            length => length,
        };
        let payload = reader.bytes(length)?.to_vec();
        let trailer =
            (kind & AUTHENTICATED != 0).then(|| Trailer { bytes: reader.rest().to_vec() });
        Ok(Self {
            payload_type: PayloadType::from_bits(kind & TYPE_MASK),
            session_id,
            sequence,
            encrypted: kind & ENCRYPTED != 0,
            payload,
            trailer,
        })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header_and_payload();
        if let Some(trailer) = &self.trailer {
            bytes.extend_from_slice(&trailer.bytes);
        }
        bytes
    }

    /// Adds a trailer: pads the authenticated bytes, then appends what `code` makes of them (IPMI 2.0 §13.28.4: from
    /// the format byte up to and including the next header).
    pub(crate) fn authenticate(&mut self, padding: Padding, code: impl FnOnce(&[u8]) -> Vec<u8>) {
        self.trailer = Some(Trailer { bytes: Vec::new() });
        let mut covered = self.header_and_payload();
        let start = covered.len();
        let pad_length = padding.length(start);
        covered.extend(std::iter::repeat_n(PAD, pad_length));
        covered.push(u8::try_from(pad_length).unwrap_or(0));
        covered.push(NEXT_HEADER);
        let code = code(&covered);
        covered.extend_from_slice(&code);
        self.trailer = Some(Trailer { bytes: covered.split_off(start) });
    }

    /// The bytes that the authentication code covers, and the code itself, if it is `code_length` bytes long.
    /// `None` when there is no trailer, or one too short.
    pub(crate) fn authenticated_parts(&self, code_length: usize) -> Option<(Vec<u8>, &[u8])> {
        let trailer = &self.trailer.as_ref()?.bytes;
        let (padding, code) = trailer.split_at_checked(trailer.len().checked_sub(code_length)?)?;
        let [.., pad_length, NEXT_HEADER] = padding else { return None };
        if usize::from(*pad_length) + 2 != padding.len() {
            return None;
        }
        let mut covered = self.header_and_payload();
        covered.extend_from_slice(padding);
        Some((covered, code))
    }

    /// Whether its authenticated bytes are filled up as [`Quirk::Icts`](crate::Quirk::Icts) has it.
    pub(crate) fn is_padded_as_icts(&self) -> bool {
        let pad = self
            .trailer
            .as_ref()
            .map_or(0, |trailer| trailer.bytes.iter().take_while(|byte| **byte == PAD).count());
        pad == Padding::Icts.length(self.header_and_payload().len())
    }

    fn header_and_payload(&self) -> Vec<u8> {
        // The length field has two bytes; a UDP datagram cannot hold more.
        let payload = self.payload.get(..usize::from(u16::MAX)).unwrap_or(&self.payload);
        let mut bytes = Vec::with_capacity(12 + payload.len());
        bytes.push(FORMAT_RMCP_PLUS);
        bytes.push(
            self.payload_type.bits()
                | if self.encrypted { ENCRYPTED } else { 0 }
                | if self.trailer.is_some() { AUTHENTICATED } else { 0 },
        );
        bytes.extend_from_slice(&self.session_id.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }
}
