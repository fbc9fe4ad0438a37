use std::io;

/// Why the program does not do what it was asked to. The text of each is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the system does not let the program wait for events: {0}")]
    Runtime(#[source] io::Error),
    #[error("{0} is not there yet")]
    NotYet(&'static str),
}
