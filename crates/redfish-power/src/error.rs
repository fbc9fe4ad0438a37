use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use crate::message::shown;
use crate::tls::{TlsFailure, TlsSetupError};
use crate::{ComputerSystem, Message, OriginError, PowerState};

/// How many systems an error lists.
const MOST_SHOWN: usize = 16;

/// Why something was not done. Each message is one line; what the service said is escaped in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be used.
    #[error("{0}")]
    Origin(#[from] OriginError),
    /// The certificates to check the service's with are not there.
    #[error(transparent)]
    TlsSetup(#[from] TlsSetupError),
    /// The HTTP client could not be made.
    #[error("no HTTP client: {0}")]
    Http(String),
    /// There was no answer.
    #[error("{step}: {failure}")]
    NoAnswer {
        /// What was asked for.
        step: Step,
        /// What happened instead.
        failure: ExchangeFailure,
    },
    /// The service answered with an error.
    #[error("{step}: {refusal}")]
    Refused {
        /// What was asked for.
        step: Step,
        /// What it answered.
        refusal: Box<Refusal>,
    },
    /// The credentials were not accepted, in any of the ways that the service has.
    #[error("{step}: user and password were refused: {refusal}")]
    Unauthorized {
        /// What was asked for.
        step: Step,
        /// What the service answered last.
        refusal: Box<Refusal>,
    },
    /// The service has asked for patience, for longer than there is time.
    #[error("{step}: not asked, as the service wants to be left alone for {} s more: {refusal}", .wait.as_secs().max(1))]
    ToldToWait {
        /// What was to be asked for.
        step: Step,
        /// How much longer.
        wait: Duration,
        /// What it answered when it said so.
        refusal: Box<Refusal>,
    },
    /// A redirection or a link leads away, where credentials are not sent.
    #[error("{step}: {} leads to another place, '{}', where credentials are not sent", shown(.from), shown(.to))]
    Elsewhere {
        /// What was asked for.
        step: Step,
        /// The path asked for, or the document.
        from: String,
        /// Where it leads.
        to: String,
    },
    /// Redirections go on and on.
    #[error("{step}: {} is redirected again and again", shown(.path))]
    Redirects {
        /// What was asked for.
        step: Step,
        /// The path asked for first.
        path: String,
    },
    /// The answer is no JSON document.
    #[error("{step}: the answer of {} is no JSON document", shown(.path))]
    NotJson {
        /// What was asked for.
        step: Step,
        /// The path.
        path: String,
    },
    /// The answer is older than the question: it comes from a cache.
    #[error("{step}: the answer of {} comes from a cache", shown(.path))]
    Stale {
        /// What was asked for.
        step: Step,
        /// The path.
        path: String,
    },
    /// The document lacks something.
    #[error("{step}: {} has no {what}", shown(.path))]
    Missing {
        /// What was asked for.
        step: Step,
        /// The document.
        path: String,
        /// What it lacks.
        what: &'static str,
    },
    /// What was read cannot be reset: it is no system, or one that belongs to another.
    #[error("{} cannot be reset: it has no action #ComputerSystem.Reset", shown(.path))]
    NoReset {
        /// The document.
        path: String,
    },
    /// The service has no system that can be reset.
    #[error("the service has no system that can be reset{}", listed(.systems))]
    NoSystem {
        /// Those that it has.
        systems: Vec<String>,
    },
    /// The service has several systems, and none, or more than one, was chosen.
    #[error("the service has several systems, and {}: {}", chosen_by(.choice.as_deref()), first_of(.systems))]
    SeveralSystems {
        /// The name that was to choose one.
        choice: Option<String>,
        /// Those that can be reset.
        systems: Vec<String>,
    },
    /// The configuration has the path of another system than the one that was chosen.
    #[error("'{}' is not the name of the system whose path is configured, which is {system}", shown(.choice))]
    NotThisSystem {
        /// The name that was to choose one.
        choice: String,
        /// The one whose path is configured.
        system: String,
    },
    /// Two names, by which two systems were to be chosen, are those of one.
    #[error("'{}' and '{}' are names of the same system, which is {system}", shown(.one), shown(.other))]
    SameSystem {
        /// The name that was to choose one now.
        one: String,
        /// The name by which it was chosen before.
        other: String,
        /// The system.
        system: String,
    },
    /// The service lists more systems than any machine has.
    #[error("the service lists more than {most} systems")]
    TooManySystems {
        /// How many are read.
        most: usize,
    },
    /// Another system answers than before.
    #[error("another system answers there now: {now}, it was {before}")]
    AnotherSystem {
        /// Which it was.
        before: String,
        /// Which it is.
        now: String,
    },
    /// The system has no reset for this purpose.
    #[error("the system offers no reset of type {}, only {}", .wanted.join(" or "), shown(&.offered.join(", ")))]
    ResetNotOffered {
        /// The types that would do.
        wanted: Vec<&'static str>,
        /// Those that it offers.
        offered: Vec<String>,
    },
    /// The power button undoes what is under way, so it is pressed once at most, and only in the other state.
    #[error(
        "the power button is not pressed: power is {state}{}",
        if *.was_pressed { ", and it was pressed before" } else { "" }
    )]
    NotPressed {
        /// The power state.
        state: PowerState,
        /// Whether it was pressed before for the same purpose.
        was_pressed: bool,
    },
    /// The service took the reset, and failed to carry it out.
    #[error("{}: the service's task ended as {}{}", Step::Task, shown(.state), told(.messages))]
    TaskFailed {
        /// The state of the task.
        state: String,
        /// What it says of it.
        messages: Vec<Message>,
    },
}

/// What was under way when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the service root.
    ServiceRoot,
    /// Opening a session.
    Login,
    /// Deleting a session.
    Logout,
    /// Reading the collection of systems.
    Systems,
    /// Reading a system.
    System,
    /// Reading which types of reset there are.
    ActionInfo,
    /// Asking for a reset.
    Reset,
    /// Following the task that carries out a reset.
    Task,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeFailure {
    /// No connection came about: nobody was asked anything.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// No connection came about in time.
    #[error("timed out after {} s without a connection", seconds(*.0))]
    ConnectTimedOut(Duration),
    /// There is no TLS with what is there.
    #[error("{0}")]
    Tls(#[from] TlsFailure),
    /// The connection stood, and no whole answer came in time.
    #[error("timed out after {} s without a whole answer", seconds(*.0))]
    TimedOut(Duration),
    /// The connection broke before there was a whole answer.
    #[error("the connection was closed before there was a whole answer ({0})")]
    Closed(String),
    /// What came is no answer.
    #[error("what came is no HTTP answer ({0})")]
    NotHttp(String),
    /// It goes on and on.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `GET` or `POST`.
    pub method: String,
    /// Of what.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// What the service says of it.
    pub messages: Vec<Message>,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn no_reset(system: &ComputerSystem) -> Self {
        Self::NoReset { path: system.path.clone() }
    }

    pub(crate) fn no_id(system: &ComputerSystem) -> Self {
        Self::Missing { step: Step::System, path: system.path.clone(), what: "Id" }
    }
}

impl Refusal {
    /// Whether one of its messages has this name.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        self.messages.iter().any(|message| message.is(name))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|s| s.canonical_reason());
        write!(f, "{} {} was answered {}", self.method, shown(&self.path), self.status)?;
        if let Some(reason) = reason {
            write!(f, " {reason}")?;
        }
        f.write_str(&told(&self.messages))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceRoot => "reading the service root",
            Self::Login => "opening a session",
            Self::Logout => "deleting a session",
            Self::Systems => "listing the systems",
            Self::System => "reading the system",
            Self::ActionInfo => "reading the types of reset",
            Self::Reset => "asking for the reset",
            Self::Task => "following the reset's task",
        })
    }
}

impl ExchangeFailure {
    /// Whether the service cannot have seen the request.
    #[must_use]
    pub fn is_before_request(&self) -> bool {
        matches!(self, Self::NotConnected(_) | Self::ConnectTimedOut(_) | Self::Tls(_))
    }
}

/// To the nearest one.
fn seconds(time: Duration) -> u64 {
    time.saturating_add(Duration::from_millis(500)).as_secs()
}

/// Of a list, no more than a person reads.
fn first_of(systems: &[String]) -> String {
    let shown: Vec<_> = systems.iter().take(MOST_SHOWN).map(String::as_str).collect();
    let more = systems.len().saturating_sub(MOST_SHOWN);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    shown.join("; ") + &rest
}

fn told(messages: &[Message]) -> String {
    if messages.is_empty() {
        return String::new();
    }
    let all: Vec<_> = messages.iter().map(ToString::to_string).collect();
    format!(": {}", all.join("; "))
}

fn listed(systems: &[String]) -> String {
    if systems.is_empty() { String::new() } else { format!(": {}", first_of(systems)) }
}

fn chosen_by(choice: Option<&str>) -> String {
    match choice {
        Some(choice) => format!("'{}' is not the name of exactly one", shown(choice)),
        None => "none was chosen".to_owned(),
    }
}
