use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::ProcessGroup;

/// More than any agent has to say: the largest metadata of Debian's fence-agents is 11 KiB, and a list of ten thousand
/// virtual machines with their aliases fits.
pub(crate) const LONGEST_STDOUT: usize = 1 << 20;

/// Enough for the last words of a program.
const LONGEST_STDERR: usize = 4096;

/// How long it may take to read what lies in the pipes when the program and its group have ended. A process that has
/// left the group can hold them open for ever.
const LEFT_IN_PIPES: Duration = Duration::from_millis(100);

/// What a program reads and prints. All of it is always read, so that no program is kept waiting; only some of it
/// is kept.
#[derive(Debug)]
pub(super) struct Streams {
    stdin: Option<ChildStdin>,
    input: Zeroizing<Vec<u8>>,
    stdout: Reader<ChildStdout>,
    stderr: Reader<ChildStderr>,
}

/// What a program has printed.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    /// Standard output; the beginning of it, if that was too long.
    pub(crate) stdout: Vec<u8>,
    /// Whether standard output was too long.
    pub(crate) is_cut: bool,
    /// The last of standard error.
    pub(crate) stderr: Vec<u8>,
}

impl Streams {
    pub(super) fn of(group: &mut ProcessGroup, input: Zeroizing<Vec<u8>>) -> Self {
        let (stdin, stdout, stderr) = group.pipes();
        Self {
            stdin,
            input,
            stdout: Reader::new(stdout, Keep::First(LONGEST_STDOUT)),
            stderr: Reader::new(stderr, Keep::Last(LONGEST_STDERR)),
        }
    }

    /// Writes and reads while the other future is at work.
    pub(super) async fn pump_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.pump() => match never {},
        }
    }

    async fn pump(&mut self) -> Infallible {
        tokio::join!(
            write(&mut self.stdin, &self.input),
            self.stdout.read_to_end(),
            self.stderr.read_to_end()
        );
        pending().await
    }

    /// Reads what is left when the program has ended.
    pub(super) async fn finish(mut self) -> Printed {
        let rest = async { tokio::join!(self.stdout.read_to_end(), self.stderr.read_to_end()) };
        let _ = timeout(LEFT_IN_PIPES, rest).await;
        Printed {
            is_cut: self.stdout.is_cut,
            stdout: self.stdout.kept.into(),
            stderr: self.stderr.kept.into(),
        }
    }
}

/// A program that reads no input, or not all of it, closes the pipe. That is its right.
async fn write(stdin: &mut Option<ChildStdin>, input: &[u8]) {
    if let Some(mut pipe) = stdin.take() {
        let _ = pipe.write_all(input).await;
    }
}

#[derive(Clone, Copy, Debug)]
enum Keep {
    First(usize),
    Last(usize),
}

#[derive(Debug)]
struct Reader<R> {
    pipe: Option<R>,
    keep: Keep,
    kept: VecDeque<u8>,
    is_cut: bool,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    fn new(pipe: Option<R>, keep: Keep) -> Self {
        Self { pipe, keep, kept: VecDeque::new(), is_cut: false }
    }

    async fn read_to_end(&mut self) {
        let mut chunk = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            let length = pipe.read(&mut chunk).await.unwrap_or(0);
            if length == 0 {
                self.pipe = None;
            }
            self.keep(chunk.get(..length).unwrap_or_default());
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        match self.keep {
            Keep::First(limit) => {
                self.is_cut |= self.kept.len() > limit;
                self.kept.truncate(limit);
            }
            Keep::Last(limit) => {
                let excess = self.kept.len().saturating_sub(limit);
                self.kept.drain(..excess);
            }
        }
    }
}
