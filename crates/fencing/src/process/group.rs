use std::io;
use std::process::ExitStatus;

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::{JoinHandle, spawn_blocking};

/// A program and what it starts, in a process group of their own. What is left of it is killed when this is dropped.
///
/// The group has the id of the program, which is nobody else's until the program is reaped. So everything that is left
/// of the group is killed before that, and no signal is sent afterwards: it might hit a stranger's group.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    program: Child,
    exit: Option<JoinHandle<()>>,
}

impl ProcessGroup {
    /// Starts the program.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        Ok(Self { program: command.process_group(0).spawn()?, exit: None })
    }

    /// Its standard input, standard output and standard error, as far as they are pipes; once.
    pub(crate) fn pipes(
        &mut self,
    ) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (self.program.stdin.take(), self.program.stdout.take(), self.program.stderr.take())
    }

    /// Comes back when the program has exited; it is not reaped, and what it has started may go on.
    pub(crate) async fn exited(&mut self) {
        if let Some(id) = self.id() {
            // In a thread, because tokio can wait for a program only by reaping it.
            let exit = self.exit.get_or_insert_with(|| spawn_blocking(move || wait_for_exit(id)));
            if !exit.is_finished() {
                let _ = exit.await;
            }
        }
    }

    /// Sends the signal to everything in the group.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(id) = self.id() {
            let _ = kill_process_group(id, signal);
        }
    }

    /// Kills what is left of the group, and tells how the program has ended.
    pub(crate) async fn end(mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.program.wait().await
    }

    /// None when the program was reaped.
    pub(super) fn id(&self) -> Option<Pid> {
        Pid::from_raw(self.program.id()?.try_into().ok()?)
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Comes back also when somebody else has reaped the program: whoever asks for its status then is told.
fn wait_for_exit(id: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let _ = retry_on_intr(|| waitid(WaitId::Pid(id), options));
}
