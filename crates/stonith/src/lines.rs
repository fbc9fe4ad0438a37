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
            if let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let rest = self.begun.split_off(end + 1);
                let line = std::mem::replace(&mut self.begun, rest);
                return Ok(Some(protocol::read(&line)?));
            }
            if self.begun.len() >= self.longest {
                return Err(ReadError::TooLong(self.longest));
            }
            if !self.read_on().await? {
                return Ok(None);
            }
        }
    }

    /// Comes back at the end of the stream. What is said before it is kept; of who says too much no end is seen.
    pub(crate) async fn end(&mut self) {
        while self.begun.len() < self.longest {
            if !matches!(self.read_on().await, Ok(true)) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Takes what has come; false at the end.
    async fn read_on(&mut self) -> io::Result<bool> {
        let read = self.stream.fill_buf().await?;
        let taken = read.len();
        self.begun.extend_from_slice(read);
        self.stream.consume(taken);
        Ok(taken > 0)
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
    async fn the_end_is_seen_behind_what_is_said_before_it_and_that_is_kept() {
        let line = b"{\"version\":1,\"request\":\"stop\"}\n";
        let mut lines = Lines::of(BufReader::with_capacity(7, &line[..]), 100);
        lines.end().await;
        assert!(matches!(lines.next().await, Ok(Some(Request::Stop))));
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
