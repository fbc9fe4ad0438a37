use super::Command;
use crate::wire::{NetworkFunction, Reader, WireError};
use crate::{AuthenticationTypes, Privilege};

/// "The channel that this request comes in on" (IPMI 2.0 §6.3).
const THIS_CHANNEL: u8 = 0x0e;

/// Get Channel Authentication Capabilities (IPMI 2.0 §22.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetChannelAuthenticationCapabilities {
    /// Ask for the extended data of IPMI 2.0; BMCs of IPMI 1.5 may refuse the request with it.
    pub extended: bool,
    /// The privilege level that the session will want.
    pub privilege: Privilege,
}

/// What the BMC offers before a login (IPMI 2.0 §22.13, table 22-15). Nothing vouches for it: a hint only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticationCapabilities {
    /// The channel's number.
    pub channel: u8,
    /// How sessions of IPMI 1.5 may be authenticated.
    pub authentication_types: AuthenticationTypes,
    /// The channel takes IPMI 2.0 (RMCP+) sessions.
    pub ipmi20: bool,
    /// The channel takes IPMI 1.5 sessions.
    pub ipmi15: bool,
    /// Kg is set to a non-zero value: two-key login.
    pub kg_set: bool,
    /// IPMI 1.5: packets of a session need no authentication code.
    pub per_message_authentication_disabled: bool,
    /// IPMI 1.5: commands of user level need no authentication code.
    pub user_level_authentication_disabled: bool,
    /// Users with names exist.
    pub named_users: bool,
    /// A user without name but with password exists.
    pub null_user: bool,
    /// A user without name or password exists.
    pub anonymous_user: bool,
}

impl Command for GetChannelAuthenticationCapabilities {
    const NAME: &'static str = "Get Channel Authentication Capabilities";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x38;
    type Response = AuthenticationCapabilities;

    fn to_data(&self) -> Vec<u8> {
        let extended = if self.extended { Self::EXTENDED } else { 0 };
        vec![THIS_CHANNEL | extended, self.privilege.bits()]
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Get Channel Authentication Capabilities request", data);
        let channel = reader.u8()?;
        let privilege = reader.u8()? & 0x0f;
        Ok(Self {
            extended: channel & Self::EXTENDED != 0,
            privilege: Privilege::from_bits(privilege)
                .ok_or(reader.field("privilege level", privilege))?,
        })
    }

    fn parse_response(&self, data: &[u8]) -> Result<AuthenticationCapabilities, WireError> {
        let mut reader = Reader::new("Get Channel Authentication Capabilities response", data);
        let channel = reader.u8()? & 0x0f;
        let types = reader.u8()?;
        let status = reader.u8()?;
        let extended = reader.u8()?;
        let is_extended = types & AuthenticationCapabilities::EXTENDED != 0;
        Ok(AuthenticationCapabilities {
            channel,
            authentication_types: AuthenticationTypes::from_bits(types),
            ipmi20: is_extended && extended & 0x02 != 0,
            ipmi15: !is_extended || extended & 0x01 != 0,
            kg_set: is_extended && status & AuthenticationCapabilities::KG != 0,
            per_message_authentication_disabled: status & 0x10 != 0,
            user_level_authentication_disabled: status & 0x08 != 0,
            named_users: status & 0x04 != 0,
            null_user: status & 0x02 != 0,
            anonymous_user: status & 0x01 != 0,
        })
    }
}

impl GetChannelAuthenticationCapabilities {
    const EXTENDED: u8 = 0x80;
}

impl AuthenticationCapabilities {
    const EXTENDED: u8 = 0x80;
    const KG: u8 = 0x20;

    /// The data of the response; with the extended data of IPMI 2.0, or, as BMCs of IPMI 1.5 send it, without.
    #[must_use]
    pub fn to_data(&self, extended: bool) -> Vec<u8> {
        let bit = |is_set, bit| if is_set { bit } else { 0 };
        let status = bit(self.kg_set, Self::KG)
            | bit(self.per_message_authentication_disabled, 0x10)
            | bit(self.user_level_authentication_disabled, 0x08)
            | bit(self.named_users, 0x04)
            | bit(self.null_user, 0x02)
            | bit(self.anonymous_user, 0x01);
        let types = self.authentication_types.bits();
        // The last four: OEM id (3), OEM auxiliary data.
        if !extended {
            return vec![self.channel, types, status & !Self::KG, 0, 0, 0, 0, 0];
        }
        let versions = bit(self.ipmi20, 0x02) | bit(self.ipmi15, 0x01);
        vec![self.channel, Self::EXTENDED | types, status, versions, 0, 0, 0, 0]
    }
}

/// Get Channel Cipher Suites (IPMI 2.0 §22.15): one chunk of the list of cipher suite records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetChannelCipherSuites {
    /// Which chunk of 16 bytes, 0 to 63.
    pub index: u8,
}

/// One chunk of the list; a chunk shorter than [`CipherSuiteChunk::FULL`] bytes is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CipherSuiteChunk {
    /// The channel's number.
    pub channel: u8,
    /// A piece of the records.
    pub records: Vec<u8>,
}

impl Command for GetChannelCipherSuites {
    const NAME: &'static str = "Get Channel Cipher Suites";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x54;
    type Response = CipherSuiteChunk;

    fn to_data(&self) -> Vec<u8> {
        // payload type IPMI; bit 7: list by cipher suite, not by algorithm
        vec![THIS_CHANNEL, 0x00, 0x80 | (self.index & 0x3f)]
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Get Channel Cipher Suites request", data);
        reader.skip(2)?; // channel, payload type
        Ok(Self { index: reader.u8()? & 0x3f })
    }

    fn parse_response(&self, data: &[u8]) -> Result<CipherSuiteChunk, WireError> {
        let mut reader = Reader::new("Get Channel Cipher Suites response", data);
        let channel = reader.u8()? & 0x0f;
        let records = reader.rest();
        let records = records.get(..CipherSuiteChunk::FULL).unwrap_or(records).to_vec();
        Ok(CipherSuiteChunk { channel, records })
    }
}

impl CipherSuiteChunk {
    /// How many bytes of records a chunk holds that is not the last.
    pub const FULL: usize = 16;
    /// The index has six bits (IPMI 2.0 §22.15), so there are no more chunks than this.
    pub const MOST: u8 = 64;

    const STANDARD_SUITE: u8 = 0xc0;
    const OEM_SUITE: u8 = 0xc1;

    /// The data of the response.
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        let mut data = vec![self.channel];
        data.extend_from_slice(&self.records);
        data
    }

    /// The record of a standard suite (IPMI 2.0 §22.15.1, table 22-18).
    #[must_use]
    pub fn record(suite: crate::CipherSuite) -> [u8; 5] {
        let algorithms = suite.algorithms();
        [
            Self::STANDARD_SUITE,
            suite.id(),
            algorithms.authentication,
            0x40 | algorithms.integrity,
            0x80 | algorithms.confidentiality,
        ]
    }

    /// The ids of the standard suites in all records together. OEM suites are passed over, and so is what is no
    /// record at all: some BMCs send wrong tag bits.
    #[must_use]
    pub fn suite_ids(records: &[u8]) -> Vec<u8> {
        let mut ids = Vec::new();
        let mut rest = records;
        while let [start, tail @ ..] = rest {
            rest = match (*start, tail) {
                (Self::STANDARD_SUITE, [id, tail @ ..]) => {
                    ids.push(*id);
                    tail
                }
                (Self::OEM_SUITE, [_id, _iana1, _iana2, _iana3, tail @ ..]) => tail,
                _ => tail,
            };
        }
        ids
    }
}

/// Set Session Privilege Level (IPMI 2.0 §22.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetSessionPrivilegeLevel(pub Privilege);

impl Command for SetSessionPrivilegeLevel {
    const NAME: &'static str = "Set Session Privilege Level";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x3b;
    /// The level that the session has now.
    type Response = Privilege;

    fn to_data(&self) -> Vec<u8> {
        vec![self.0.bits()]
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Set Session Privilege Level request", data);
        privilege(&mut reader).map(Self)
    }

    fn parse_response(&self, data: &[u8]) -> Result<Privilege, WireError> {
        let mut reader = Reader::new("Set Session Privilege Level response", data);
        privilege(&mut reader)
    }
}

/// Close Session (IPMI 2.0 §22.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseSession {
    /// The BMC's id of the session.
    pub session_id: u32,
}

impl Command for CloseSession {
    const NAME: &'static str = "Close Session";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x3c;
    type Response = ();

    fn to_data(&self) -> Vec<u8> {
        self.session_id.to_le_bytes().to_vec()
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Close Session request", data);
        Ok(Self { session_id: reader.u32()? })
    }

    fn parse_response(&self, _: &[u8]) -> Result<(), WireError> {
        Ok(())
    }
}

fn privilege(reader: &mut Reader) -> Result<Privilege, WireError> {
    let bits = reader.u8()? & 0x0f;
    Privilege::from_bits(bits).ok_or(reader.field("privilege level", bits))
}
