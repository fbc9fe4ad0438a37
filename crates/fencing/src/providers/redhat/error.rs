use std::io;
use std::process::ExitStatus;

use crate::{Error, Text};

/// Why a fence agent of somebody else's could not be loaded, or did not do what it was asked for. It comes as
/// [`Error::Provider`]; a time-out is [`Error::TimedOut`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// There is no looking for agents here.
    #[error("the directory cannot be read: {0}")]
    Directory(#[source] io::Error),
    /// It is called like an agent, and is none.
    #[error("is no executable file")]
    NotExecutable,
    /// The system does not start it, or does not tell how it ended.
    #[error("the agent cannot be run: {0}")]
    Run(#[source] io::Error),
    /// It says that it failed, or was killed. Its last words are escaped, and without the secrets that it was given.
    #[error("the agent failed ({status}){}{last_words}", if last_words.is_empty() { "" } else { ": " })]
    Failed {
        /// Exit code or signal.
        status: ExitStatus,
        /// What it printed last.
        last_words: String,
    },
    /// It printed more than anybody would read.
    #[error("the agent printed more than {limit} bytes")]
    TooMuchOutput {
        /// How much is read.
        limit: usize,
    },
    /// It printed something that is no text.
    #[error("the agent printed what is not UTF-8")]
    NotUtf8,
    /// Its metadata do not describe an agent.
    #[error("the agent's metadata are broken: {0}")]
    Metadata(#[from] MetadataError),
    /// The value would become something else on the way.
    #[error(
        "the value of {parameter} cannot be passed to the agent: it has a line break or a NUL byte in it"
    )]
    Unpassable {
        /// The parameter.
        parameter: Text,
    },
    /// With this parameter set the agent prints something, does nothing, and calls it success.
    #[error("with {parameter} set the agent would do nothing")]
    DoesNothing {
        /// The parameter.
        parameter: Text,
    },
    /// Its exit code says this, and what it prints says that.
    #[error("the agent contradicts itself: {status}, and prints the opposite")]
    Contradiction {
        /// Exit code.
        status: ExitStatus,
    },
    /// It says that it can list, and cannot.
    #[error("the agent cannot list its plugs")]
    CannotList,
}

/// Why metadata do not describe an agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// It is no XML.
    #[error("{0}")]
    Xml(String),
    /// It is XML about something else.
    #[error("its element is '{}', not resource-agent", .0.escape_debug())]
    NoAgent(String),
}

impl From<AgentError> for Error {
    fn from(error: AgentError) -> Self {
        Self::Provider(Box::new(error))
    }
}
