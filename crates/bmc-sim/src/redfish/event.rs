use std::fmt;
use std::time::Instant;

use super::{Quirk, ResetType};

/// Something that happened to a Redfish service or to one of its machines, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedfishEvent {
    /// When.
    pub at: Instant,
    /// What.
    pub kind: RedfishEventKind,
}

/// Something that happened to a Redfish service or to one of its machines. Its text is one line, whatever a client has
/// sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedfishEventKind {
    /// A session was opened.
    SessionOpened {
        /// Whose it is.
        user: String,
    },
    /// A session was closed by the client.
    SessionClosed {
        /// Whose it was.
        user: String,
    },
    /// A session was closed by the service, after a time without requests or by a fault.
    SessionExpired {
        /// Whose it was.
        user: String,
    },
    /// Somebody was not let in, by Basic authentication or to a session.
    LoginRefused {
        /// Who it was, as far as is known.
        user: Option<String>,
    },
    /// A system was asked for.
    StatusReported {
        /// Its id.
        system: String,
        /// The `PowerState` that was told; `None` where it was missing.
        state: Option<String>,
    },
    /// A reset was asked for, and answered. What it does comes later, as an event of its own.
    ResetAnswered {
        /// The id of the system.
        system: String,
        /// What was asked for.
        reset: ResetType,
        /// How it was answered.
        status: u16,
    },
    /// A reset was acknowledged, and came to nothing.
    ResetLost {
        /// The id of the system.
        system: String,
        /// What was asked for.
        reset: ResetType,
    },
    /// A request was answered otherwise than it should be, because of a fault.
    Misanswered {
        /// Such as `GET /redfish/v1`.
        request: String,
    },
    /// A request was refused because of a quirk.
    RefusedByQuirk {
        /// Which.
        quirk: Quirk,
    },
    /// The machine of this system went off.
    PowerOff(String),
    /// The machine of this system went on.
    PowerOn(String),
    /// The machine of this system was reset; power stayed on.
    Restarted(String),
    /// The machine of this system got a diagnostic interrupt.
    DiagnosticInterrupt(String),
}

impl fmt::Display for RedfishEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionOpened { user } => write!(f, "session opened: user {user:?}"),
            Self::SessionClosed { user } => write!(f, "session closed: user {user:?}"),
            Self::SessionExpired { user } => write!(f, "session expired: user {user:?}"),
            Self::LoginRefused { user: Some(user) } => write!(f, "login refused: user {user:?}"),
            Self::LoginRefused { user: None } => f.write_str("login refused"),
            Self::StatusReported { system, state: Some(state) } => {
                write!(f, "system {system:?} asked for: PowerState is {state}")
            }
            Self::StatusReported { system, state: None } => {
                write!(f, "system {system:?} asked for: PowerState is missing")
            }
            Self::ResetAnswered { system, reset, status } => {
                write!(f, "reset of system {system:?}, {reset}: answered {status}")
            }
            Self::ResetLost { system, reset } => {
                write!(f, "reset of system {system:?}, {reset}: lost")
            }
            Self::Misanswered { request } => write!(f, "fault: {}", request.escape_debug()),
            Self::RefusedByQuirk { quirk } => write!(f, "quirk {quirk}: request refused"),
            Self::PowerOff(system) => write!(f, "power of system {system:?} went off"),
            Self::PowerOn(system) => write!(f, "power of system {system:?} went on"),
            Self::Restarted(system) => write!(f, "machine of system {system:?} was reset"),
            Self::DiagnosticInterrupt(system) => {
                write!(f, "machine of system {system:?} got a diagnostic interrupt")
            }
        }
    }
}
