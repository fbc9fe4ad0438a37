//! Asks a controller.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout_at};

use crate::instance::{InstanceName, RunDirectory};
use crate::lines::{Lines, ReadError};
use crate::protocol::{self, LONGEST_ANSWER, Reply, Request};
use crate::text::escaped;

/// How much longer than a request may take its answer is waited for.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// A connection to a controller.
pub struct Client {
    instance: InstanceName,
    pid: Option<Pid>,
    lines: Lines<BufReader<OwnedReadHalf>>,
    requests: OwnedWriteHalf,
}

/// Why a controller did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// It is not there.
    #[error(
        "the controller {instance} is not running ({}: {reason}); {}",
        .socket.display(),
        next_step(.instance.as_str())
    )]
    NotRunning {
        /// Its name.
        instance: InstanceName,
        /// Where it should be.
        socket: PathBuf,
        /// Why it seems not to be.
        reason: io::Error,
    },
    /// It is there, and cannot be asked.
    #[error("cannot ask the controller {instance} ({}): {reason}", .socket.display())]
    Connect {
        /// Its name.
        instance: InstanceName,
        /// Where it is.
        socket: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// It went away before it answered.
    #[error("the controller {instance} went away before it answered{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Gone {
        /// Its name.
        instance: InstanceName,
        /// How that was noticed.
        reason: Option<io::Error>,
    },
    /// It did not answer in time.
    #[error("the controller {instance} timed out: no answer within {} s", .waited.as_secs())]
    TimedOut {
        /// Its name.
        instance: InstanceName,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It refused.
    #[error("the controller {instance} refused the request: {}", escaped(.reason))]
    Refused {
        /// Its name.
        instance: InstanceName,
        /// Why.
        reason: String,
    },
    /// Its answer makes no sense.
    #[error("the controller {instance} answered what is no answer: {reason}")]
    Nonsense {
        /// Its name.
        instance: InstanceName,
        /// Why.
        reason: String,
    },
}

/// What to do where there is no controller of this name.
pub(crate) fn next_step(instance: &str) -> String {
    format!(
        "start it (systemctl start stonith-controller@{instance}, or its resource of the cluster); why it ended: journalctl \
         -u stonith-controller@{instance}"
    )
}

impl Client {
    /// Connects to the controller of this name, now or not at all.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], [`ClientError::Connect`].
    pub async fn connect(
        run_directory: &RunDirectory,
        instance: &InstanceName,
    ) -> Result<Self, ClientError> {
        let socket = run_directory.socket(instance);
        let failed = |reason: io::Error| {
            let (instance, socket) = (instance.clone(), socket.clone());
            match reason.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    ClientError::NotRunning { instance, socket, reason }
                }
                _ => ClientError::Connect { instance, socket, reason },
            }
        };
        let stream = UnixStream::connect(&socket).await.map_err(failed)?;
        let peer = stream.peer_cred().map_err(failed)?;
        // In a directory that others may write anybody could listen, and answer anything.
        if ![0, rustix::process::geteuid().as_raw()].contains(&peer.uid()) {
            let reason = format!("user {} listens there, who is not trusted", peer.uid());
            return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, reason)));
        }
        let pid = peer.pid().and_then(Pid::from_raw);
        let (answers, requests) = stream.into_split();
        let lines = Lines::of(BufReader::new(answers), LONGEST_ANSWER);
        Ok(Self { instance: instance.clone(), pid, lines, requests })
    }

    /// The process that listens, by the kernel's word.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Sends a request; [`Client::answer`] gives its answers.
    ///
    /// # Errors
    /// When it did not go out by the deadline.
    pub async fn send(&mut self, request: &Request, deadline: Instant) -> Result<(), ClientError> {
        let line = protocol::write(request);
        let begin = Instant::now();
        match timeout_at(deadline, self.requests.write_all(&line)).await {
            Ok(Ok(())) => Ok(()),
            // It may have said why it hung up.
            Ok(Err(reason)) => match self.answer(deadline).await {
                Err(refused @ ClientError::Refused { .. }) => Err(refused),
                _ => Err(self.gone(Some(reason))),
            },
            Err(_) => Err(self.timed_out(begin)),
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// When there is none by the deadline and a little more, or it is a refusal.
    pub async fn answer(&mut self, deadline: Instant) -> Result<Reply, ClientError> {
        let begin = Instant::now();
        let instance = || self.instance.clone();
        match timeout_at(deadline + GRACE, self.lines.next()).await {
            Ok(Ok(Some(Reply::Refused { reason }))) => {
                Err(ClientError::Refused { instance: instance(), reason })
            }
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(self.gone(None)),
            Ok(Err(ReadError::Io(reason))) => Err(self.gone(Some(reason))),
            Ok(Err(error)) => {
                Err(ClientError::Nonsense { instance: instance(), reason: error.to_string() })
            }
            Err(_) => Err(self.timed_out(begin)),
        }
    }

    /// Asks for something that has one answer.
    ///
    /// # Errors
    /// See [`Client::send`] and [`Client::answer`].
    pub async fn ask(
        &mut self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, ClientError> {
        self.send(request, deadline).await?;
        self.answer(deadline).await
    }

    /// An answer that does not fit what was asked.
    #[must_use]
    pub fn misplaced(&self) -> ClientError {
        let reason = "it does not fit the question".to_owned();
        ClientError::Nonsense { instance: self.instance.clone(), reason }
    }

    fn gone(&self, reason: Option<io::Error>) -> ClientError {
        ClientError::Gone { instance: self.instance.clone(), reason }
    }

    fn timed_out(&self, begin: Instant) -> ClientError {
        ClientError::TimedOut { instance: self.instance.clone(), waited: begin.elapsed() }
    }
}
