use super::{Reader, WireError};
use crate::{Privilege, RmcpPlusStatus, Username};

/// The role byte of RAKP 1, which also goes into every RAKP authentication code (IPMI 2.0 §13.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The privilege level wanted.
    pub privilege: Privilege,
    /// Look the user up by name alone, not by name and privilege.
    pub name_only: bool,
}

impl Role {
    const NAME_ONLY: u8 = 0x10;

    /// The byte on the wire.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.privilege.bits() | if self.name_only { Self::NAME_ONLY } else { 0 }
    }

    fn from_bits(bits: u8) -> Option<Self> {
        Some(Self {
            privilege: Privilege::from_bits(bits & 0x0f)?,
            name_only: bits & Self::NAME_ONLY != 0,
        })
    }
}

/// RAKP message 1, console to BMC (IPMI 2.0 §13.20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp1 {
    /// Comes back in RAKP 2.
    pub tag: u8,
    /// The BMC's session id.
    pub bmc_session_id: u32,
    /// The console's random number, Rm.
    pub console_random: [u8; 16],
    /// What is asked for.
    pub role: Role,
    /// Who asks.
    pub username: Username,
}

/// RAKP message 2, BMC to console (IPMI 2.0 §13.21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rakp2 {
    /// The BMC knows the user.
    Accepted {
        /// The tag of RAKP 1.
        tag: u8,
        /// The console's session id.
        console_session_id: u32,
        /// The BMC's random number, Rc.
        bmc_random: [u8; 16],
        /// The BMC's GUID.
        bmc_guid: [u8; 16],
        /// Proves that the BMC knows the user's password.
        code: Vec<u8>,
    },
    /// It refuses.
    Refused {
        /// The tag of RAKP 1.
        tag: u8,
        /// Why.
        status: RmcpPlusStatus,
        /// The console's session id; some BMCs leave it out or zero.
        console_session_id: Option<u32>,
    },
}

/// RAKP message 3, console to BMC (IPMI 2.0 §13.22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rakp3 {
    /// Comes back in RAKP 4.
    pub tag: u8,
    /// "No errors", or why the console gives up.
    pub status: RmcpPlusStatus,
    /// The BMC's session id.
    pub bmc_session_id: u32,
    /// Proves that the console knows the password; empty when `status` is an error.
    pub code: Vec<u8>,
}

/// RAKP message 4, BMC to console (IPMI 2.0 §13.23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rakp4 {
    /// The session is active.
    Accepted {
        /// The tag of RAKP 3.
        tag: u8,
        /// The console's session id.
        console_session_id: u32,
        /// Integrity check value: proves that the BMC derived the same session key.
        code: Vec<u8>,
    },
    /// The BMC refuses.
    Refused {
        /// The tag of RAKP 3.
        tag: u8,
        /// Why.
        status: RmcpPlusStatus,
        /// The console's session id; some BMCs leave it out or zero.
        console_session_id: Option<u32>,
    },
}

impl Rakp1 {
    /// The length of the payload with a user name of sixteen bytes.
    pub(crate) const LONGEST: usize = 28 + Username::MAX;

    /// Parses the payload.
    ///
    /// # Errors
    /// When it is cut short, or a field is not of the specification.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RAKP 1", bytes);
        let tag = reader.u8()?;
        reader.skip(3)?; // reserved
        let bmc_session_id = reader.u32()?;
        let console_random = reader.array()?;
        let role = reader.u8()?;
        let role = Role::from_bits(role).ok_or(reader.field("role", role))?;
        reader.skip(2)?; // reserved
        let length = reader.u8()?;
        let username = reader.bytes(usize::from(length))?;
        let username =
            Username::new(username).map_err(|_| reader.field("user name length", length))?;
        Ok(Self { tag, bmc_session_id, console_random, role, username })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.tag, 0, 0, 0];
        bytes.extend_from_slice(&self.bmc_session_id.to_le_bytes());
        bytes.extend_from_slice(&self.console_random);
        bytes.extend_from_slice(&[self.role.bits(), 0, 0, self.username.length()]);
        bytes.extend_from_slice(self.username.as_bytes());
        bytes
    }
}

impl Rakp2 {
    /// Parses the payload.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RAKP 2", bytes);
        let (tag, status) = tag_and_status(&mut reader)?;
        if status != RmcpPlusStatus::NO_ERRORS {
            return Ok(Self::Refused { tag, status, console_session_id: reader.u32().ok() });
        }
        Ok(Self::Accepted {
            tag,
            console_session_id: reader.u32()?,
            bmc_random: reader.array()?,
            bmc_guid: reader.array()?,
            code: reader.rest().to_vec(),
        })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Accepted { tag, console_session_id, bmc_random, bmc_guid, code } => {
                let mut bytes = start(*tag, RmcpPlusStatus::NO_ERRORS, Some(*console_session_id));
                bytes.extend_from_slice(bmc_random);
                bytes.extend_from_slice(bmc_guid);
                bytes.extend_from_slice(code);
                bytes
            }
            Self::Refused { tag, status, console_session_id } => {
                start(*tag, *status, *console_session_id)
            }
        }
    }
}

impl Rakp3 {
    /// Parses the payload.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RAKP 3", bytes);
        let (tag, status) = tag_and_status(&mut reader)?;
        let bmc_session_id = reader.u32()?;
        Ok(Self { tag, status, bmc_session_id, code: reader.rest().to_vec() })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = start(self.tag, self.status, Some(self.bmc_session_id));
        bytes.extend_from_slice(&self.code);
        bytes
    }
}

impl Rakp4 {
    /// Parses the payload.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("RAKP 4", bytes);
        let (tag, status) = tag_and_status(&mut reader)?;
        if status != RmcpPlusStatus::NO_ERRORS {
            return Ok(Self::Refused { tag, status, console_session_id: reader.u32().ok() });
        }
        let console_session_id = reader.u32()?;
        Ok(Self::Accepted { tag, console_session_id, code: reader.rest().to_vec() })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Accepted { tag, console_session_id, code } => {
                let mut bytes = start(*tag, RmcpPlusStatus::NO_ERRORS, Some(*console_session_id));
                bytes.extend_from_slice(code);
                bytes
            }
            Self::Refused { tag, status, console_session_id } => {
                start(*tag, *status, *console_session_id)
            }
        }
    }
}

fn tag_and_status(reader: &mut Reader) -> Result<(u8, RmcpPlusStatus), WireError> {
    let tag = reader.u8()?;
    let status = RmcpPlusStatus(reader.u8()?);
    reader.skip(2)?; // reserved
    Ok((tag, status))
}

fn start(tag: u8, status: RmcpPlusStatus, session_id: Option<u32>) -> Vec<u8> {
    let mut bytes = vec![tag, status.0, 0, 0];
    bytes.extend(session_id.iter().flat_map(|id| id.to_le_bytes()));
    bytes
}
