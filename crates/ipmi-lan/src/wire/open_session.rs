use super::{Reader, WireError};
use crate::{Privilege, RmcpPlusStatus};

/// RMCP+ Open Session Request (IPMI 2.0 §13.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSessionRequest {
    /// Comes back in the response.
    pub tag: u8,
    /// The privilege level wanted; 0 in the message, "the highest that fits", is `None`.
    pub privilege: Option<Privilege>,
    /// The session id by which the console will know this session.
    pub console_session_id: u32,
    /// One algorithm of each kind.
    pub algorithms: ProposedAlgorithms,
}

/// RMCP+ Open Session Response (IPMI 2.0 §13.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenSessionResponse {
    /// The BMC opened a session, not authenticated yet.
    Accepted {
        /// The tag of the request.
        tag: u8,
        /// The highest privilege level that the BMC will give.
        privilege: Option<Privilege>,
        /// The session id of the request.
        console_session_id: u32,
        /// The session id by which the BMC knows this session.
        bmc_session_id: u32,
        /// The algorithms that the BMC agreed to.
        algorithms: ProposedAlgorithms,
    },
    /// It did not.
    Refused {
        /// The tag of the request.
        tag: u8,
        /// Why.
        status: RmcpPlusStatus,
        /// The session id of the request; some BMCs leave it out or zero.
        console_session_id: Option<u32>,
    },
}

/// The numbers of an authentication, an integrity and a confidentiality algorithm, as they are on the wire
/// (IPMI 2.0 §13.28, tables 13-17 to 13-19): a peer may propose what this crate does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposedAlgorithms {
    /// Table 13-17.
    pub authentication: u8,
    /// Table 13-18.
    pub integrity: u8,
    /// Table 13-19.
    pub confidentiality: u8,
}

impl OpenSessionRequest {
    /// Parses the payload.
    ///
    /// # Errors
    /// When it is cut short, or a field is not of the specification.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Open Session Request", bytes);
        let tag = reader.u8()?;
        let privilege = privilege(&mut reader)?;
        reader.skip(2)?; // reserved
        let console_session_id = reader.u32()?;
        let algorithms = ProposedAlgorithms::parse(&mut reader)?;
        Ok(Self { tag, privilege, console_session_id, algorithms })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag, Privilege::bits_or_highest(self.privilege), 0, 0];
        bytes.extend_from_slice(&self.console_session_id.to_le_bytes());
        bytes.extend_from_slice(&self.algorithms.to_bytes());
        bytes
    }
}

impl OpenSessionResponse {
    /// Parses the payload.
    ///
    /// # Errors
    /// When it is cut short, or a field is not of the specification.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Open Session Response", bytes);
        let tag = reader.u8()?;
        let status = RmcpPlusStatus(reader.u8()?);
        if status != RmcpPlusStatus::NO_ERRORS {
            // Only the first two bytes are certain in a refusal (§13.18 allows to end behind the session id).
            let console_session_id = reader.skip(2).and_then(|()| reader.u32()).ok();
            return Ok(Self::Refused { tag, status, console_session_id });
        }
        let privilege = privilege(&mut reader)?;
        reader.skip(1)?; // reserved
        Ok(Self::Accepted {
            tag,
            privilege,
            console_session_id: reader.u32()?,
            bmc_session_id: reader.u32()?,
            algorithms: ProposedAlgorithms::parse(&mut reader)?,
        })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Accepted { tag, privilege, console_session_id, bmc_session_id, algorithms } => {
                let mut bytes = vec![
                    *tag,
                    RmcpPlusStatus::NO_ERRORS.0,
                    Privilege::bits_or_highest(*privilege),
                    0,
                ];
                bytes.extend_from_slice(&console_session_id.to_le_bytes());
                bytes.extend_from_slice(&bmc_session_id.to_le_bytes());
                bytes.extend_from_slice(&algorithms.to_bytes());
                bytes
            }
            Self::Refused { tag, status, console_session_id } => {
                let mut bytes = vec![*tag, status.0];
                if let Some(id) = console_session_id {
                    bytes.extend_from_slice(&[0, 0]);
                    bytes.extend_from_slice(&id.to_le_bytes());
                }
                bytes
            }
        }
    }
}

impl ProposedAlgorithms {
    const AUTHENTICATION: u8 = 0;
    const INTEGRITY: u8 = 1;
    const CONFIDENTIALITY: u8 = 2;
    const LENGTH: u8 = 8;

    fn parse(reader: &mut Reader) -> Result<Self, WireError> {
        Ok(Self {
            authentication: Self::parse_one(reader, Self::AUTHENTICATION)?,
            integrity: Self::parse_one(reader, Self::INTEGRITY)?,
            confidentiality: Self::parse_one(reader, Self::CONFIDENTIALITY)?,
        })
    }

    fn parse_one(reader: &mut Reader, kind: u8) -> Result<u8, WireError> {
        reader.expect("algorithm payload type", kind)?;
        reader.skip(2)?; // reserved
        // A length of 0 is a wildcard in requests (§13.17); nobody sends it, and it names no algorithm.
        reader.expect("algorithm payload length", Self::LENGTH)?;
        let algorithm = reader.u8()? & 0x3f;
        reader.skip(3)?; // reserved
        Ok(algorithm)
    }

    fn to_bytes(self) -> Vec<u8> {
        [
            (Self::AUTHENTICATION, self.authentication),
            (Self::INTEGRITY, self.integrity),
            (Self::CONFIDENTIALITY, self.confidentiality),
        ]
        .into_iter()
        .flat_map(|(kind, algorithm)| [kind, 0, 0, Self::LENGTH, algorithm, 0, 0, 0])
        .collect()
    }
}

fn privilege(reader: &mut Reader) -> Result<Option<Privilege>, WireError> {
    let bits = reader.u8()? & 0x0f;
    match bits {
        0 => Ok(None),
        bits => Privilege::from_bits(bits).map(Some).ok_or(reader.field("privilege level", bits)),
    }
}
