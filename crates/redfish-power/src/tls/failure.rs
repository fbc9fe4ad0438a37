//! What went wrong in a TLS handshake, in words.

use std::error::Error;
use std::io;

/// What went wrong in a TLS handshake: one clause, to be put behind the BMC's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The BMC closed the connection in the handshake.
    #[error("the BMC closed the connection in the TLS handshake")]
    Closed,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl TlsFailure {
    /// Whether trying again is of no use.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Closed)
    }
}

/// What went wrong in the TLS handshake, if that is why a request failed.
pub(crate) fn failure(error: &reqwest::Error) -> Option<TlsFailure> {
    let closed = || error.is_connect() && causes(error).any(is_closed);
    causes(error)
        .find_map(|cause| cause.downcast_ref::<rustls::Error>())
        .map(|error| TlsFailure::Other(error.to_string()))
        .or_else(|| closed().then_some(TlsFailure::Closed))
}

/// Whether the connection ended in the body of an answer without the announcement of TLS (`close_notify`).
pub(crate) fn is_truncation(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| {
        error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("close_notify")
    })
}

fn is_closed(cause: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

/// The error, what caused it, and so on.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |error| cause(*error))
}

/// An `io::Error` names as its source what caused the error in it, not that error itself.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
