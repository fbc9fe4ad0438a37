//! Signals that ask the program to end.

use std::future::pending;
use std::time::Duration;
use std::{fs, io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// How long the program may take to end after the first signal. It takes less, unless it is kept by who does not read
/// what it prints.
const LONGEST_END: Duration = Duration::from_secs(10);

/// From its making on, these signals no longer end the process at once.
pub(crate) struct Signals {
    hangup: Option<Signal>,
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        let mut last = Self::wanted()?;
        tokio::spawn(async move {
            last.next().await;
            let _ = timeout(LONGEST_END, async {
                last.next().await;
                last.next().await;
            })
            .await;
            process::exit(1);
        });
        Self::wanted()
    }

    /// Those that the caller has not chosen to be ignored, as `nohup` does.
    fn wanted() -> io::Result<Self> {
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let wanted = |kind: SignalKind| match is_in(ignored, kind) {
            true => Ok(None),
            false => signal(kind).map(Some),
        };
        Ok(Self {
            hangup: wanted(SignalKind::hangup())?,
            interrupt: wanted(SignalKind::interrupt())?,
            terminate: wanted(SignalKind::terminate())?,
        })
    }

    /// Comes back with the next of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            () = received(&mut self.hangup) => {}
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}

/// The set of ignored signals in the words of the kernel; proc(5).
fn ignored(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default()
}

fn is_in(set: u64, kind: SignalKind) -> bool {
    let bit = u32::try_from(kind.as_raw_value() - 1).ok();
    bit.and_then(|bit| set.checked_shr(bit)).is_some_and(|rest| rest & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_known() {
        let status = "Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        let set = ignored(status);
        assert!(is_in(set, SignalKind::hangup()));
        assert!(is_in(set, SignalKind::pipe()));
        assert!(!is_in(set, SignalKind::interrupt()));
        assert_eq!(ignored(""), 0);
    }
}
