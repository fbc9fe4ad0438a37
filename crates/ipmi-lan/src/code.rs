use std::fmt;

/// The completion code of an IPMI response (IPMI 2.0 §5.2, table 5-2).
///
/// Codes 80h to BEh mean something else for each command; [`CompletionCode::meaning_for`] knows those of the
/// commands that this crate sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CompletionCode(pub u8);

impl CompletionCode {
    /// Command completed normally.
    pub const OK: Self = Self(0x00);
    /// The BMC is busy; ask again.
    pub const NODE_BUSY: Self = Self(0xc0);
    /// The BMC does not know the command.
    pub const INVALID_COMMAND: Self = Self(0xc1);
    /// A field of the request holds what the BMC does not take.
    pub const INVALID_DATA_FIELD: Self = Self(0xcc);
    /// The session's privilege level is too low for the command.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(0xd4);
    /// The command, or a part of it, is switched off.
    pub const SUBFUNCTION_DISABLED: Self = Self(0xd6);
    /// The command cannot be carried out in the present state.
    pub const NOT_SUPPORTED_IN_PRESENT_STATE: Self = Self(0xd5);

    /// Whether the same request may well succeed a moment later.
    #[must_use]
    pub fn is_transient(self) -> bool {
        // busy, time-out, response could not be provided, duplicate in progress, firmware update, initialising,
        // destination unavailable, unspecified
        matches!(self.0, 0xc0 | 0xc3 | 0xce | 0xcf | 0xd1 | 0xd2 | 0xd3 | 0xff)
    }

    /// What the code means, in words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self.0 {
            0x00 => "command completed normally",
            0xc0 => "node busy",
            0xc1 => "invalid command",
            0xc2 => "command invalid for given LUN",
            0xc3 => "timeout while processing command",
            0xc4 => "out of space",
            0xc5 => "reservation canceled or invalid reservation id",
            0xc6 => "request data truncated",
            0xc7 => "request data length invalid",
            0xc8 => "request data field length limit exceeded",
            0xc9 => "parameter out of range",
            0xca => "cannot return number of requested data bytes",
            0xcb => "requested sensor, data, or record not present",
            0xcc => "invalid data field in request",
            0xcd => "command illegal for specified sensor or record type",
            0xce => "command response could not be provided",
            0xcf => "cannot execute duplicated request",
            0xd0 => "SDR repository in update mode",
            0xd1 => "device in firmware update mode",
            0xd2 => "BMC initialization in progress",
            0xd3 => "destination unavailable",
            0xd4 => "insufficient privilege level",
            0xd5 => "command not supported in present state",
            0xd6 => "command sub-function disabled or unavailable",
            0xff => "unspecified error",
            0x01..=0x7e => "OEM-specific code",
            0x80..=0xbe => "command-specific code",
            _ => "reserved code",
        }
    }

    /// What the code means as an answer to one command: network function and command number of the request.
    #[must_use]
    pub fn meaning_for(self, network_function: u8, command: u8) -> &'static str {
        match (network_function, command, self.0) {
            (0x06, 0x34, 0x80) => "invalid session handle",
            (0x06, 0x34, 0x81) => "lost arbitration on the bus",
            (0x06, 0x34, 0x82) => "bus error",
            (0x06, 0x34, 0x83) => "no answer from that address on the bus",
            (0x06, 0x39, 0x81) => "no such user",
            (0x06, 0x39, 0x82) => "the user without name is disabled",
            (0x06, 0x3a, 0x81) => "no session slot available",
            (0x06, 0x3a, 0x82) => "no session slot available for this user",
            (0x06, 0x3a, 0x83) => "no session slot available at this privilege level",
            (0x06, 0x3a, 0x84) => "session sequence number out of range",
            (0x06, 0x3a, 0x85) => "invalid session id",
            (0x06, 0x3a, 0x86) => "requested privilege level exceeds the user or channel limit",
            (0x06, 0x3b, 0x80) => "requested privilege level is not available to this user",
            (0x06, 0x3b, 0x81) => "requested privilege level exceeds the channel or user limit",
            (0x06, 0x3b, 0x82) => "user level authentication cannot be disabled",
            (0x06, 0x3c, 0x87) => "invalid session id",
            (0x06, 0x3c, 0x88) => "invalid session handle",
            _ => self.meaning(),
        }
    }
}

impl fmt::Display for CompletionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.meaning(), self.0)
    }
}

/// The status code of RMCP+ Open Session and RAKP messages (IPMI 2.0 §13.24, table 13-15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RmcpPlusStatus(pub u8);

impl RmcpPlusStatus {
    /// No errors.
    pub const NO_ERRORS: Self = Self(0x00);
    /// No session left.
    pub const INSUFFICIENT_RESOURCES: Self = Self(0x01);
    /// The session id is not one of an opened session.
    pub const INVALID_SESSION_ID: Self = Self(0x02);
    /// The BMC does not speak the authentication algorithm.
    pub const INVALID_AUTHENTICATION_ALGORITHM: Self = Self(0x04);
    /// The BMC does not speak the integrity algorithm.
    pub const INVALID_INTEGRITY_ALGORITHM: Self = Self(0x05);
    /// The session is not active.
    pub const INACTIVE_SESSION_ID: Self = Self(0x08);
    /// The role byte is not valid.
    pub const INVALID_ROLE: Self = Self(0x09);
    /// The user may not have the privilege level asked for.
    pub const UNAUTHORIZED_ROLE: Self = Self(0x0a);
    /// No session left at that privilege level.
    pub const INSUFFICIENT_RESOURCES_FOR_ROLE: Self = Self(0x0b);
    /// The user name has a length that the BMC does not take.
    pub const INVALID_NAME_LENGTH: Self = Self(0x0c);
    /// No such user.
    pub const UNAUTHORIZED_NAME: Self = Self(0x0d);
    /// An integrity check value is wrong.
    pub const INVALID_INTEGRITY_CHECK: Self = Self(0x0f);
    /// The BMC does not speak the confidentiality algorithm.
    pub const INVALID_CONFIDENTIALITY_ALGORITHM: Self = Self(0x10);
    /// The BMC has no such cipher suite.
    pub const NO_CIPHER_SUITE_MATCH: Self = Self(0x11);
    /// A parameter is not one the BMC takes.
    pub const ILLEGAL_PARAMETER: Self = Self(0x12);

    /// Whether the same message may well be taken a moment later: the BMC has no session left.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::INSUFFICIENT_RESOURCES | Self::INSUFFICIENT_RESOURCES_FOR_ROLE)
    }

    /// What the status means, in words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self.0 {
            0x00 => "no errors",
            0x01 => "insufficient resources to create a session",
            0x02 => "invalid session id",
            0x03 => "invalid payload type",
            0x04 => "invalid authentication algorithm",
            0x05 => "invalid integrity algorithm",
            0x06 => "no matching authentication payload",
            0x07 => "no matching integrity payload",
            0x08 => "inactive session id",
            0x09 => "invalid role",
            0x0a => "unauthorized role or privilege level requested",
            0x0b => "insufficient resources to create a session at the requested role",
            0x0c => "invalid name length",
            0x0d => "unauthorized name",
            0x0e => "unauthorized GUID",
            0x0f => "invalid integrity check value",
            0x10 => "invalid confidentiality algorithm",
            0x11 => "no cipher suite match with proposed security algorithms",
            0x12 => "illegal or unrecognized parameter",
            _ => "reserved status code",
        }
    }
}

impl fmt::Display for RmcpPlusStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.meaning(), self.0)
    }
}
