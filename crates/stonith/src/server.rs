//! The controller's socket.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::RecvFlags;
use serde::Serialize;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::controller::Controller;
use crate::keeper::Carried;
use crate::lines::{Lines, ReadError};
use crate::protocol::{
    self, LONGEST_LINE, LONGEST_TIME, MOST_CONNECTIONS, MOST_NODES, NodeReply, Outcome,
    REQUESTS_A_SECOND, Reading, Reply, Request,
};

/// How long somebody may be connected and say nothing.
const SILENCE: Duration = Duration::from_secs(120);
/// How long somebody may take to read a line.
const READING: Duration = Duration::from_secs(10);
/// How long a refusal may take to be read.
const REFUSING: Duration = Duration::from_millis(200);
/// How long the last answers may take at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Serves everybody who connects, until somebody asks for the end, or `stop` is cancelled; then waits until the last
/// answers are out. Whoever calls sees to it that these come.
pub(crate) async fn serve(
    listener: UnixListener,
    controller: Arc<Controller>,
    stop: CancellationToken,
) -> Answering {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Of file descriptors there are none, most likely; they come back.
                log::error!("the socket gives no connection: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            refuse(stream, "more than enough connections");
            continue;
        };
        let connection = Connection::new(stream, Arc::clone(&controller), stop.clone());
        connections.spawn(async move {
            connection.serve().await;
            drop(place);
        });
    }
    connections.close();
    Answering(connections)
}

/// Connections whose last answers are not out yet.
pub(crate) struct Answering(TaskTracker);

impl Answering {
    /// Waits until they are, but not for long.
    pub(crate) async fn finish(self) {
        let _ = timeout(LAST_ANSWERS, self.0.wait()).await;
    }
}

fn refuse(stream: UnixStream, reason: &str) {
    let line = protocol::write(Reply::Refused { reason: reason.to_owned() });
    tokio::spawn(async move {
        let (_, mut answers) = stream.into_split();
        let _ = timeout(REFUSING, answers.write_all(&line)).await;
    });
}

struct Connection {
    lines: Lines<BufReader<OwnedReadHalf>>,
    answers: Answers,
    controller: Arc<Controller>,
    stop: CancellationToken,
    rate: Rate,
}

/// The other side does not listen any more.
struct NotListening;

impl Connection {
    fn new(stream: UnixStream, controller: Arc<Controller>, stop: CancellationToken) -> Self {
        let is_trusted = stream
            .peer_cred()
            .is_ok_and(|peer| [0, rustix::process::geteuid().as_raw()].contains(&peer.uid()));
        let (requests, answers) = stream.into_split();
        Self {
            lines: Lines::of(BufReader::new(requests), LONGEST_LINE),
            answers: Answers { stream: answers, is_trusted },
            controller,
            stop,
            rate: Rate::new(Instant::now()),
        }
    }

    async fn serve(mut self) {
        if !self.answers.is_trusted {
            // The permissions of the socket keep others out already.
            let _ = self.answers.refuse("you are not the owner of this controller").await;
            return;
        }
        while let Some(request) = self.next().await {
            self.rate.wait().await;
            if self.answer(request).await.is_err() {
                return;
            }
        }
    }

    async fn next(&mut self) -> Option<Request> {
        let next = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            next = timeout(SILENCE, self.lines.next::<Request>()) => next,
        };
        match next {
            Ok(Ok(request)) => request,
            Ok(Err(ReadError::Io(_))) | Err(_) => None,
            Ok(Err(error)) => {
                let _ = self.answers.refuse(&error.to_string()).await;
                None
            }
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), NotListening> {
        let controller = Arc::clone(&self.controller);
        let reply = match request {
            Request::Status { probe, watch, within_ms } => {
                let status = controller.status(probe, watch, deadline(within_ms));
                Reply::Status(self.unless_gone(status).await?)
            }
            Request::AwaitDevice { within_ms } => {
                let status = controller.await_device(deadline(within_ms));
                Reply::Status(self.unless_gone(status).await?)
            }
            Request::Targets { states, within_ms } => {
                let targets = controller.targets(states, deadline(within_ms));
                Reply::Targets(self.unless_gone(targets).await?)
            }
            Request::Power { node, within_ms } => {
                let power = controller.power(&node, deadline(within_ms));
                let outcome = match self.unless_gone(power).await? {
                    Ok(state) => Outcome::Success(Reading { state: state.into() }),
                    Err(reason) => Outcome::Failed { reason },
                };
                Reply::Power { node, outcome }
            }
            Request::Reload { within_ms } => {
                let deadline = deadline(within_ms);
                let _ = self.unless_gone(timeout_at(deadline, controller.reload())).await?;
                Reply::Targets(self.unless_gone(controller.targets(false, deadline)).await?)
            }
            Request::Fence { nodes, .. } if nodes.is_empty() || nodes.len() > MOST_NODES => {
                let reason = format!("{} nodes: 1 to {MOST_NODES} can be asked for", nodes.len());
                Reply::Refused { reason }
            }
            Request::Fence { configuration: Some(mark), .. } if controller.is_not(&mark) => {
                let reason = "it runs with other parameters: restart the resource".to_owned();
                Reply::Refused { reason }
            }
            Request::Fence { nodes, command, within_ms, .. } => {
                let nodes = nodes.into_iter().collect();
                return self.fence(nodes, command, deadline(within_ms)).await;
            }
            Request::Stop => {
                self.answers.say(Reply::Stopping).await?;
                log::info!("asked to stop");
                self.stop.cancel();
                return Err(NotListening);
            }
        };
        self.answers.say(reply).await
    }

    /// What comes of it, as long as somebody waits for that.
    async fn unless_gone<T>(&mut self, work: impl Future<Output = T>) -> Result<T, NotListening> {
        tokio::select! {
            biased;
            result = work => Ok(result),
            () = self.lines.end() => Err(NotListening),
        }
    }

    /// Tells of each machine as soon as it is known. Where whoever asked goes away, what was begun comes to its end,
    /// and what was not is not begun.
    async fn fence(
        &mut self,
        nodes: BTreeSet<String>,
        command: protocol::Command,
        deadline: Instant,
    ) -> Result<(), NotListening> {
        if self.answers.nobody_waits() {
            return Err(NotListening);
        }
        let (told, mut tells) = mpsc::channel(MOST_NODES);
        let mut fencing = pin!(self.controller.fence(nodes, command.into(), deadline, told));
        let mut reached = None;
        loop {
            tokio::select! {
                biased;
                tell = tells.recv() => match (tell, reached) {
                    (Some((node, result)), _) => {
                        self.answers.say(Reply::Node(node_reply(node, result))).await?;
                    }
                    (None, Some(reached)) => return self.answers.say(Reply::End { reached }).await,
                    (None, None) => return Err(NotListening),
                },
                is_reached = fencing.as_mut(), if reached.is_none() => reached = Some(is_reached),
                () = self.lines.end() => return Err(NotListening),
            }
        }
    }
}

fn node_reply(node: String, result: Result<Carried, String>) -> NodeReply {
    let outcome = match result {
        Ok(carried) => Outcome::Success(carried.into()),
        Err(reason) => Outcome::Failed { reason },
    };
    NodeReply { node, outcome }
}

fn deadline(within: Duration) -> Instant {
    Instant::now() + within.min(LONGEST_TIME)
}

struct Answers {
    stream: OwnedWriteHalf,
    is_trusted: bool,
}

impl Answers {
    /// Whether whoever asked has hung up by now: while this process was held up, his time may have gone by. The kernel
    /// knows; tokio finds out only when it waits for something the next time.
    fn nobody_waits(&self) -> bool {
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(rustix::net::recv(self.stream.as_ref(), &mut [0], peek), Ok((_, 0)))
    }

    async fn say(&mut self, reply: impl Serialize) -> Result<(), NotListening> {
        let line = protocol::write(reply);
        match timeout(READING, self.stream.write_all(&line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotListening),
        }
    }

    async fn refuse(&mut self, reason: &str) -> Result<(), NotListening> {
        self.say(Reply::Refused { reason: reason.to_owned() }).await
    }
}

/// How fast requests are served.
struct Rate {
    /// When the next one would be due if they came evenly.
    due: Instant,
}

impl Rate {
    const INTERVAL: Duration = Duration::from_millis(1000_u64.div_ceil(REQUESTS_A_SECOND as u64));

    fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// Waits where more than a second's requests have come at once.
    async fn wait(&mut self) {
        let now = Instant::now();
        self.due = self.due.max(now) + Self::INTERVAL;
        let ahead = self.due.saturating_duration_since(now);
        let pause = ahead.saturating_sub(Self::INTERVAL * REQUESTS_A_SECOND);
        // The timer would take a millisecond to find out that there is nothing to be waited for.
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_served_at_once_and_a_flood_is_slowed_down() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        for _ in 0..REQUESTS_A_SECOND {
            rate.wait().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        for _ in 0..10 * REQUESTS_A_SECOND {
            rate.wait().await;
        }
        let seconds = begin.elapsed().as_secs();
        assert!((9..=11).contains(&seconds), "{seconds}");
    }
}
