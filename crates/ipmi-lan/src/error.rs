use std::fmt;
use std::io;
use std::time::Duration;

use crate::command::Command;
#[cfg(feature = "tokio")]
use crate::command::SendMessage;
#[cfg(feature = "tokio")]
use crate::wire::ResponseMessage;
use crate::wire::WireError;
use crate::{
    AuthenticationType, AuthenticationTypes, CompletionCode, CredentialError, Password, Privilege,
    RmcpPlusStatus,
};

/// Why a login or a command failed: which step, what the BMC answered, what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The BMC did not answer in time.
    #[error("{0}")]
    NoAnswer(NoAnswer),
    /// The BMC says that it does not speak IPMI 2.0.
    #[error("the BMC answers, but offers no IPMI 2.0 (RMCP+) on this channel")]
    NoIpmi20,
    /// The BMC says that it does not speak IPMI 1.5.
    #[error("the BMC answers, but offers no IPMI 1.5 on this channel")]
    NoIpmi15,
    /// The BMC does not offer the authentication type of IPMI 1.5 that was asked for, or none that keeps the password
    /// secret.
    #[error(
        "the BMC offers {offered} as authentication type of IPMI 1.5, not {}",
        .wanted.map_or("md5 or md2".to_owned(), |kind| kind.to_string())
    )]
    AuthenticationNotOffered {
        /// What was asked for.
        wanted: Option<AuthenticationType>,
        /// What the BMC offers.
        offered: AuthenticationTypes,
    },
    /// IPMI 1.5 cannot carry the whole password.
    #[error("the password has more than {max} bytes, which IPMI 1.5 cannot carry", max = Password::MAX_15)]
    PasswordTooLong15,
    /// The BMC's answer to Activate Session has another authentication code than the password makes.
    #[error("wrong password: the BMC's answer to Activate Session does not fit the password given")]
    WrongPassword15,
    /// IPMI 2.0 was to be spoken, and no cipher suite was given.
    #[error("no cipher suite to propose")]
    NoCipherSuite,
    /// The BMC refused every cipher suite that was proposed.
    #[error("{step} refused for cipher suite {suites}: {status}", step = Step::OpenSession)]
    SuitesRefused {
        /// The ids, in the order of the proposals.
        suites: SuiteIds,
        /// The answer to the last of them.
        status: RmcpPlusStatus,
    },
    /// The BMC answered with other algorithms than were proposed.
    #[error("{step}: the BMC chose other algorithms than were proposed", step = Step::OpenSession)]
    AlgorithmsChanged,
    /// The BMC refused a message of the login.
    #[error("{step} for privilege level {privilege} refused: {status}")]
    LoginRefused {
        /// Which message.
        step: Step,
        /// What the BMC answered.
        status: RmcpPlusStatus,
        /// The privilege level asked for.
        privilege: Privilege,
    },
    /// The BMC proved no knowledge of the password.
    #[error("wrong password: the BMC's RAKP 2 does not fit the user name and password given")]
    WrongPassword,
    /// User name and password fit, the session key does not.
    #[error(
        "wrong Kg key: user name and password fit, but the BMC's RAKP 4 does not fit the session key"
    )]
    WrongKg {
        /// Whether a Kg was given.
        kg_given: bool,
    },
    /// The session is there, but not at the privilege level asked for.
    #[error(
        "Set Session Privilege Level {privilege} refused: {meaning} ({code:#04x})",
        meaning = .code.meaning_for(0x06, 0x3b), code = .code.0
    )]
    PrivilegeRefused {
        /// The level asked for.
        privilege: Privilege,
        /// What the BMC answered.
        code: CompletionCode,
    },
    /// The BMC answered a command with an error.
    #[error(
        "{command} refused: {meaning} ({code:#04x})",
        meaning = .code.meaning_for(*.network_function, *.number), code = .code.0
    )]
    Refused {
        /// The command's name.
        command: &'static str,
        /// Its network function.
        network_function: u8,
        /// Its number.
        number: u8,
        /// What the BMC answered.
        code: CompletionCode,
    },
    /// The BMC's answer is genuine, but not what the command answers.
    #[error("{command}: {reason}")]
    Malformed {
        /// The command's name.
        command: &'static str,
        /// What is wrong with the answer.
        reason: WireError,
    },
    /// A credential cannot be used with IPMI.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The host name has no address.
    #[error("the host name cannot be resolved: {0}")]
    Resolve(io::Error),
    /// The operating system refused.
    #[error("{what}: {reason}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Why it refused.
        reason: io::Error,
    },
}

impl Error {
    /// The BMC answered this command with an error, or would not pass it on.
    #[cfg(feature = "tokio")]
    pub(crate) fn of_response<C: Command>(response: &ResponseMessage) -> Self {
        if response.command == SendMessage::NUMBER && C::NUMBER != SendMessage::NUMBER {
            return Self::refused::<SendMessage>(response.completion);
        }
        Self::refused::<C>(response.completion)
    }

    /// The BMC answered this command with an error.
    pub(crate) fn refused<C: Command>(code: CompletionCode) -> Self {
        Self::Refused {
            command: C::NAME,
            network_function: C::NETWORK_FUNCTION.number(),
            number: C::NUMBER,
            code,
        }
    }
}

/// How long, and for what, an answer was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    /// What was not answered.
    pub step: Step,
    /// How many times it was sent.
    pub transmissions: u32,
    /// How long the whole login, or the one command, had been waited for.
    pub waited: Duration,
    /// Whether the BMC had answered anything before.
    pub heard_before: bool,
    /// Whether something came from that port that no BMC sends, though the BMC was never heard.
    pub foreign: bool,
    /// What the host reported of datagrams that did not arrive, if nothing was ever heard.
    pub unreachable: Option<io::ErrorKind>,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, transmissions, waited, .. } = self;
        write!(f, "timed out after {:.1} s: no answer to {step} ", waited.as_secs_f32())?;
        write!(f, "(sent {transmissions} time{})", if *transmissions == 1 { "" } else { "s" })?;
        f.write_str(match self.unreachable {
            _ if self.heard_before => "; the BMC had answered before",
            _ if self.foreign => "; something answers on that port, but not as a BMC does",
            Some(io::ErrorKind::ConnectionRefused) => "; nothing listens on that port",
            Some(_) => "; there is no way to that address",
            None => "",
        })
    }
}

/// A step of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// ASF presence ping.
    PresencePing,
    /// Get Channel Authentication Capabilities, before the login.
    AuthenticationCapabilities,
    /// Get Session Challenge, of IPMI 1.5.
    SessionChallenge,
    /// Activate Session, of IPMI 1.5.
    ActivateSession,
    /// Open Session.
    OpenSession,
    /// RAKP 1, answered by RAKP 2.
    Rakp1,
    /// RAKP 3, answered by RAKP 4.
    Rakp3,
    /// A command inside the session.
    Command(&'static str),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PresencePing => "presence ping",
            Self::AuthenticationCapabilities => "Get Channel Authentication Capabilities",
            Self::SessionChallenge => "Get Session Challenge",
            Self::ActivateSession => "Activate Session",
            Self::OpenSession => "Open Session",
            Self::Rakp1 => "RAKP 1",
            Self::Rakp3 => "RAKP 3",
            Self::Command(name) => name,
        })
    }
}

/// Ids of cipher suites, printed with "and".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteIds(pub Vec<u8>);

impl fmt::Display for SuiteIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.0.iter().map(u8::to_string).collect();
        f.write_str(&ids.join(" and "))
    }
}
