use std::fmt;
use std::time::Instant;

use ipmi_lan::command::PowerControl;
use ipmi_lan::{CipherSuite, CompletionCode, Privilege, RmcpPlusStatus, Username};

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
    /// A login succeeded: RAKP 4 was sent.
    SessionOpened {
        /// Who logged in.
        user: Username,
        /// With which cipher suite.
        suite: CipherSuite,
        /// The highest privilege level that the session may reach.
        privilege: Privilege,
    },
    /// A login was refused by the BMC.
    SessionRefused {
        /// Who it was, as far as it was known by then.
        user: Option<Username>,
        /// Why.
        status: RmcpPlusStatus,
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

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionOpened { user, suite, privilege } => {
                write!(f, "session opened: user {user:?}, cipher suite {suite}, up to {privilege}")
            }
            Self::SessionRefused { user: Some(user), status } => {
                write!(f, "session refused: user {user:?}, {status}")
            }
            Self::SessionRefused { user: None, status } => write!(f, "session refused: {status}"),
            Self::LoginAbandoned { user, status } => {
                write!(f, "login given up by the console: user {user:?}, {status}")
            }
            Self::SessionClosed { user } => write!(f, "session closed: user {user:?}"),
            Self::SessionExpired => f.write_str("session expired"),
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
