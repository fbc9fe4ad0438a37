use super::Command;
use crate::wire::{NetworkFunction, Reader, WireError};
use crate::{AuthenticationType, Privilege, Username};

/// Get Session Challenge (IPMI 2.0 §22.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSessionChallenge {
    /// How the session will be authenticated.
    pub authentication: AuthenticationType,
    /// Who asks; the empty name is the null user.
    pub username: Username,
}

/// What Get Session Challenge answers (IPMI 2.0 §22.16, table 22-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The session id for Activate Session.
    pub temporary_session_id: u32,
    /// To be sent back, authenticated.
    pub challenge: [u8; 16],
}

impl Command for GetSessionChallenge {
    const NAME: &'static str = "Get Session Challenge";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x39;
    type Response = Challenge;

    fn to_data(&self) -> Vec<u8> {
        let mut data = vec![self.authentication.bits()];
        data.extend_from_slice(&self.username.padded());
        data
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Get Session Challenge request", data);
        let authentication = authentication_type(&mut reader)?;
        Ok(Self { authentication, username: Username::from_padded(reader.array()?) })
    }

    fn parse_response(&self, data: &[u8]) -> Result<Challenge, WireError> {
        let mut reader = Reader::new("Get Session Challenge response", data);
        Ok(Challenge { temporary_session_id: reader.u32()?, challenge: reader.array()? })
    }
}

impl Challenge {
    /// The data of the response.
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        let mut data = self.temporary_session_id.to_le_bytes().to_vec();
        data.extend_from_slice(&self.challenge);
        data
    }
}

/// Activate Session (IPMI 2.0 §22.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivateSession {
    /// How the session will be authenticated.
    pub authentication: AuthenticationType,
    /// The highest level that the session may ask for.
    pub privilege: Privilege,
    /// The BMC's challenge.
    pub challenge: [u8; 16],
    /// With which session sequence number the BMC's packets begin; not 0.
    pub first_outbound_sequence: u32,
}

/// What Activate Session answers (IPMI 2.0 §22.17, table 22-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivatedSession {
    /// How the packets of the session are authenticated: as asked for, or not at all.
    pub authentication: AuthenticationType,
    /// The id of the session.
    pub session_id: u32,
    /// With which session sequence number the console's packets begin.
    pub first_inbound_sequence: u32,
    /// The highest level that the session may ask for.
    pub privilege: Privilege,
}

impl Command for ActivateSession {
    const NAME: &'static str = "Activate Session";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x3a;
    type Response = ActivatedSession;

    fn to_data(&self) -> Vec<u8> {
        let mut data = vec![self.authentication.bits(), self.privilege.bits()];
        data.extend_from_slice(&self.challenge);
        data.extend_from_slice(&self.first_outbound_sequence.to_le_bytes());
        data
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Activate Session request", data);
        Ok(Self {
            authentication: authentication_type(&mut reader)?,
            privilege: privilege(&mut reader)?,
            challenge: reader.array()?,
            first_outbound_sequence: reader.u32()?,
        })
    }

    fn parse_response(&self, data: &[u8]) -> Result<ActivatedSession, WireError> {
        let mut reader = Reader::new("Activate Session response", data);
        Ok(ActivatedSession {
            authentication: authentication_type(&mut reader)?,
            session_id: reader.u32()?,
            first_inbound_sequence: reader.u32()?,
            privilege: privilege(&mut reader)?,
        })
    }
}

impl ActivatedSession {
    /// The data of the response.
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        let mut data = vec![self.authentication.bits()];
        data.extend_from_slice(&self.session_id.to_le_bytes());
        data.extend_from_slice(&self.first_inbound_sequence.to_le_bytes());
        data.push(self.privilege.bits());
        data
    }
}

fn authentication_type(reader: &mut Reader) -> Result<AuthenticationType, WireError> {
    let bits = reader.u8()? & 0x0f;
    AuthenticationType::from_bits(bits).ok_or(reader.field("authentication type", bits))
}

fn privilege(reader: &mut Reader) -> Result<Privilege, WireError> {
    let bits = reader.u8()? & 0x0f;
    Privilege::from_bits(bits).ok_or(reader.field("privilege level", bits))
}
