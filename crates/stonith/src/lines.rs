//! Lines of bounded length, from a stream.

use std::io;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use crate::protocol::{self, LineError};

/// Why no line came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("a line of more than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Lines of the protocol. A future of [`Lines::next`] may be dropped at any time: what has come is kept.
pub(crate) struct Lines<R> {
    stream: R,
    longest: usize,
    begun: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The longest has so many bytes, with its end.
    pub(crate) fn of(stream: R, longest: usize) -> Self {
        Self { stream, longest, begun: Vec::new() }
    }

    /// What the next line says; `None` at the end. A last line without an end was cut, and says nothing.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        loop {
            let read = self.stream.fill_buf().await?;
            if read.is_empty() {
                return Ok(None);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            if self.begun.len() + taken > self.longest {
                return Err(ReadError::TooLong(self.longest));
            }
            self.begun.extend(read.iter().take(taken));
            self.stream.consume(taken);
            if end.is_some() {
                return Ok(Some(protocol::read(&std::mem::take(&mut self.begun))?));
            }
        }
    }

    /// Comes back at the end of the stream; never, where something is said before it.
    pub(crate) async fn end(&mut self) {
        match self.stream.fill_buf().await {
            Ok(read) if !read.is_empty() => std::future::pending().await,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;
    use crate::protocol::Request;

    async fn first(text: &[u8]) -> Result<Option<Request>, ReadError> {
        Lines::of(BufReader::with_capacity(7, text), 100).next().await
    }

    #[tokio::test]
    async fn a_line_that_was_cut_says_nothing() {
        let line = br#"{"version":1,"request":"stop"}"#;
        assert!(matches!(first(line).await, Ok(None)));
        assert!(matches!(first(&[line, &b"\n"[..]].concat()).await, Ok(Some(Request::Stop))));
        assert!(matches!(first(b"").await, Ok(None)));
        assert!(matches!(first(b"\n").await, Err(ReadError::Line(_))));
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_kept_for_ever() {
        assert!(matches!(first(&[b' '; 101]).await, Err(ReadError::TooLong(100))));
    }
}
