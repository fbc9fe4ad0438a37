use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until, timeout_at};
use zeroize::Zeroizing;

use super::group::ProcessGroup;
use super::output::{Printed, Streams};

/// How long a program that is asked to terminate may clean up before it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// How a program has ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Its exit code or signal. `None` when it was made to end, whatever it said to that.
    pub(crate) status: Option<ExitStatus>,
    /// What it has printed.
    pub(crate) printed: Printed,
}

/// Runs a program with this on its standard input, until it exits. At the deadline it has been made to end, as it is
/// when nobody waits for it any more. Nothing of its group is left afterwards.
///
/// # Errors
/// When it cannot be started, or its end cannot be told.
pub(crate) async fn run(
    mut command: Command,
    input: Zeroizing<Vec<u8>>,
    deadline: Instant,
    gone: impl Future<Output = ()>,
) -> io::Result<Ended> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = ProcessGroup::start(command)?;
    let mut streams = Streams::of(&mut group, input);
    let status = streams.pump_while(end(group, deadline, gone)).await?;
    Ok(Ended { status, printed: streams.finish().await })
}

async fn end(
    mut group: ProcessGroup,
    deadline: Instant,
    gone: impl Future<Output = ()>,
) -> io::Result<Option<ExitStatus>> {
    // All of the grace lies before the deadline, of which it takes a quarter at most.
    let grace = GRACE.min(deadline.saturating_duration_since(Instant::now()) / 4);
    let has_exited = tokio::select! {
        biased;
        () = group.exited() => true,
        () = sleep_until(deadline - grace) => false,
        () = gone => false,
    };
    if !has_exited {
        group.signal(Signal::TERM);
        // Enough is left to kill and to reap.
        let _ = timeout_at(Instant::now() + grace / 4 * 3, group.exited()).await;
    }
    let status = group.end().await?;
    Ok(has_exited.then_some(status))
}

#[cfg(test)]
mod tests;
