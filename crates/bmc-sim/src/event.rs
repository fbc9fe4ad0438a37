use std::fmt;
use std::time::Instant;

use ipmi_lan::command::PowerControl;
use ipmi_lan::{
    AuthenticationType, CipherSuite, CompletionCode, Privilege, RmcpPlusStatus, Username,
};

use crate::{Place, Power};

/// Something that happened to a BMC, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What.
    pub kind: EventKind,
}

/// Something that happened to a BMC. Its text is one line, whatever a client has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A login succeeded: RAKP 4 was sent, or Activate Session answered.
    SessionOpened {
        /// Who logged in.
        user: Username,
        /// What protects the session.
        protection: Protection,
        /// The highest privilege level that the session may reach.
        privilege: Privilege,
    },
    /// A login was refused by the BMC.
    SessionRefused {
        /// Who it was, as far as it was known by then.
        user: Option<Username>,
        /// Why.
        reason: RefusalReason,
    },
    /// A login was given up by the console, which said so in RAKP 3.
    LoginAbandoned {
        /// Who it was.
        user: Username,
        /// Why.
        status: RmcpPlusStatus,
    },
    /// A session was closed by the console.
    SessionClosed {
        /// Whose it was.
        user: Username,
    },
    /// A session, or the beginning of one, was dropped after a time without packets.
    SessionExpired,
    /// The BMC was started anew, and has forgotten its sessions.
    Restarted,
    /// Get Chassis Status was answered.
    StatusReported(Power),
    /// Chassis Control was answered. What it does comes later, as an event of its own.
    ChassisControl {
        /// What was asked for.
        control: PowerControl,
        /// How it was answered.
        completion: CompletionCode,
    },
    /// Any other command that the BMC knows was answered, or one of the above with an error.
    Command {
        /// Its name in the specification.
        name: &'static str,
        /// How it was answered.
        completion: CompletionCode,
    },
    /// A command that the BMC does not know was answered, or data that makes no sense to it.
    UnknownCommand {
        /// Its network function.
        network_function: u8,
        /// Its number.
        command: u8,
        /// How it was answered.
        completion: CompletionCode,
    },
    /// A request came a second time; it was answered as before, and not executed again.
    RequestRepeated,
    /// The acknowledgement of a Chassis Control command was lost ([`Faults`](crate::Faults)).
    AcknowledgementLost,
    /// The machine went off.
    PowerOff,
    /// The machine went on.
    PowerOn,
    /// The machine was reset; power stayed on.
    Reset,
    /// The machine got a diagnostic interrupt.
    DiagnosticInterrupt,
    /// One of the above happened to a satellite or to its machine; to one behind it, if that is another one of these.
    AtSatellite {
        /// Which satellite.
        place: Place,
        /// What happened to it.
        event: Box<EventKind>,
    },
}

impl EventKind {
    pub(crate) fn at_satellite(self, place: Place) -> Self {
        Self::AtSatellite { place, event: Box::new(self) }
    }
}

/// What protects a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// A session of IPMI 1.5, with its login authenticated so.
    Ipmi15(AuthenticationType),
    /// A session of IPMI 2.0 with this cipher suite.
    Ipmi20(CipherSuite),
}

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// A message of IPMI 2.0 was answered so.
    Status(RmcpPlusStatus),
    /// A command of IPMI 1.5 was answered so.
    Completion {
        /// Its name in the specification.
        command: &'static str,
        /// How it was answered.
        completion: CompletionCode,
    },
    /// Activate Session of IPMI 1.5 had a wrong authentication code or challenge, and was not answered.
    WrongCode,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionOpened { user, protection, privilege } => {
                write!(f, "session opened: user {user:?}, {protection}, up to {privilege}")
            }
            Self::SessionRefused { user: Some(user), reason } => {
                write!(f, "session refused: user {user:?}, {reason}")
            }
            Self::SessionRefused { user: None, reason } => write!(f, "session refused: {reason}"),
            Self::LoginAbandoned { user, status } => {
                write!(f, "login given up by the console: user {user:?}, {status}")
            }
            Self::SessionClosed { user } => write!(f, "session closed: user {user:?}"),
            Self::SessionExpired => f.write_str("session expired"),
            Self::Restarted => f.write_str("BMC restarted: its sessions are forgotten"),
            Self::StatusReported(power) => write!(f, "status asked for: power is {power}"),
            Self::ChassisControl { control, completion: CompletionCode::OK } => {
                write!(f, "command {control}: acknowledged")
            }
            Self::ChassisControl { control, completion } => {
                write!(f, "command {control}: {completion}")
            }
            Self::Command { name, completion } => write!(f, "{name}: {completion}"),
            Self::UnknownCommand { network_function, command, completion } => {
                write!(f, "command {network_function:02x}h {command:02x}h: {completion}")
            }
            Self::RequestRepeated => f.write_str("request repeated: answered, not executed again"),
            Self::AcknowledgementLost => f.write_str("acknowledgement lost"),
            Self::PowerOff => f.write_str("power went off"),
            Self::PowerOn => f.write_str("power went on"),
            Self::Reset => f.write_str("machine was reset"),
            Self::DiagnosticInterrupt => f.write_str("machine got a diagnostic interrupt"),
            Self::AtSatellite { place, event } => write!(f, "satellite {place}: {event}"),
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipmi15(authentication) => write!(f, "IPMI 1.5 with {authentication}"),
            Self::Ipmi20(suite) => write!(f, "cipher suite {suite}"),
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Completion { command, completion } => write!(f, "{command}: {completion}"),
            Self::WrongCode => f.write_str("wrong authentication code, not answered"),
        }
    }
}
