use super::{Packet15, Packet20, Reader, WireError};

/// RMCP version 1.0 (ASF 2.0 §3.2.2.2).
const RMCP_VERSION: u8 = 0x06;
/// "No RMCP acknowledgement wanted"; IPMI always sends it (IPMI 2.0 §13.1.3).
const NO_ACKNOWLEDGEMENT: u8 = 0xff;
const CLASS_ASF: u8 = 0x06;
const CLASS_IPMI: u8 = 0x07;
/// The authentication type that marks a packet of IPMI 2.0 (IPMI 2.0 §13.6).
const FORMAT_RMCP_PLUS: u8 = 0x06;

/// The IANA number of the Alerting Specifications Forum, big-endian in ASF messages (ASF 2.0 §3.2.2.3).
const ASF_IANA: [u8; 4] = [0x00, 0x00, 0x11, 0xbe];
const ASF_PRESENCE_PONG: u8 = 0x40;
const ASF_PRESENCE_PING: u8 = 0x80;

/// What one UDP datagram on port 623 holds (IPMI 2.0 §13.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// "Who is there?"
    PresencePing(PresencePing),
    /// The answer to it.
    PresencePong(PresencePong),
    /// A packet in the format of IPMI 1.5; Get Channel Authentication Capabilities travels so even before a
    /// session of IPMI 2.0.
    Ipmi15(Packet15),
    /// A packet in the format of IPMI 2.0 (RMCP+).
    Ipmi20(Packet20),
}

impl Datagram {
    /// Parses a datagram.
    ///
    /// # Errors
    /// When it is not RMCP of the classes ASF or IPMI, or shorter than it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RMCP header", bytes);
        reader.expect("version", RMCP_VERSION)?;
        reader.skip(2)?; // reserved, RMCP sequence number
        let class = reader.u8()?;
        let body = reader.rest();
        match (class, body.first()) {
            (CLASS_ASF, _) => parse_asf(body),
            (CLASS_IPMI, Some(&FORMAT_RMCP_PLUS)) => Packet20::parse(body).map(Self::Ipmi20),
            (CLASS_IPMI, _) => Packet15::parse(body).map(Self::Ipmi15),
            _ => Err(reader.field("class", class)),
        }
    }

    /// The datagram as it goes over the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::PresencePing(ping) => asf(ASF_PRESENCE_PING, ping.tag, &[]),
            Self::PresencePong(pong) => asf(ASF_PRESENCE_PONG, pong.tag, &pong.body()),
            Self::Ipmi15(packet) => ipmi(&packet.to_bytes()),
            Self::Ipmi20(packet) => ipmi(&packet.to_bytes()),
        }
    }
}

/// ASF presence ping (IPMI 2.0 §13.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresencePing {
    /// Comes back in the pong. FFh would mean that no answer is wanted.
    pub tag: u8,
}

/// ASF presence pong (IPMI 2.0 §13.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresencePong {
    /// The tag of the ping.
    pub tag: u8,
    /// Supported entities, bit 7: the BMC speaks IPMI.
    pub ipmi: bool,
}

impl PresencePong {
    const IPMI_SUPPORTED: u8 = 0x80;
    /// Supported entities, bits 3:0: ASF version 1.0.
    const ASF_1_0: u8 = 0x01;

    fn body(self) -> [u8; 16] {
        let [a, b, c, d] = ASF_IANA;
        let entities = Self::ASF_1_0 | if self.ipmi { Self::IPMI_SUPPORTED } else { 0 };
        // IANA, OEM-defined (4), supported entities, supported interactions, reserved (6)
        [a, b, c, d, 0, 0, 0, 0, entities, 0, 0, 0, 0, 0, 0, 0]
    }

    fn parse(tag: u8, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("presence pong", body);
        reader.skip(8)?; // IANA, OEM-defined
        let entities = reader.u8()?;
        Ok(Self { tag, ipmi: entities & Self::IPMI_SUPPORTED != 0 })
    }
}

fn parse_asf(bytes: &[u8]) -> Result<Datagram, WireError> {
    let mut reader = Reader::new("ASF message", bytes);
    let iana: [u8; 4] = reader.array()?;
    if iana != ASF_IANA {
        return Err(reader.field("IANA number", u32::from_be_bytes(iana)));
    }
    let kind = reader.u8()?;
    let tag = reader.u8()?;
    reader.skip(1)?; // reserved
    let length = reader.u8()?;
    let body = reader.bytes(usize::from(length))?;
    match kind {
        ASF_PRESENCE_PING => Ok(Datagram::PresencePing(PresencePing { tag })),
        ASF_PRESENCE_PONG => PresencePong::parse(tag, body).map(Datagram::PresencePong),
        _ => Err(reader.field("message type", kind)),
    }
}

fn asf(kind: u8, tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    let mut bytes = rmcp_header(CLASS_ASF);
    bytes.extend_from_slice(&ASF_IANA);
    bytes.extend_from_slice(&[kind, tag, 0, length]);
    bytes.extend_from_slice(body);
    bytes
}

fn ipmi(packet: &[u8]) -> Vec<u8> {
    let mut bytes = rmcp_header(CLASS_IPMI);
    bytes.extend_from_slice(packet);
    bytes
}

fn rmcp_header(class: u8) -> Vec<u8> {
    vec![RMCP_VERSION, 0, NO_ACKNOWLEDGEMENT, class]
}
