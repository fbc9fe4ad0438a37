use std::io;

use fencing::password_script::ScriptError;
use fencing::procedure::FenceError;
use fencing::{ConfigError, Error};

use crate::exit::Exit;
use crate::input::InputError;
use crate::logging::DebugFileError;
use crate::signals::Signal;

/// Why the program fails. The text of each is one line, which says all there is to say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Input(#[from] InputError),
    // Pacemaker looks for these words to tell that asking again is of no use.
    #[error("Unrecognised action '{0}'")]
    UnrecognisedAction(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    DebugFile(#[from] DebugFileError),
    #[error(transparent)]
    PasswordScript(#[from] ScriptError),
    #[error(transparent)]
    Fence(#[from] FenceError),
    #[error(transparent)]
    Provider(#[from] Error),
    #[error("interrupted by {0}, the power state is not known")]
    Interrupted(Signal),
    #[error("the system does not let the agent wait for events: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    #[error("{address}: {failure}")]
    At { address: String, failure: Box<Failure> },
}

impl Failure {
    /// The same, of the device at this address.
    pub(crate) fn at(self, address: String) -> Self {
        Self::At { address, failure: Box::new(self) }
    }

    /// Says so, and tells how the program ends.
    pub(crate) fn report(&self) -> Exit {
        log::error!("Failed: {self}");
        Exit::Failure
    }
}
