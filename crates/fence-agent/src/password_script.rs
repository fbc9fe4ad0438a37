//! The password from a command of the user's.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use fencing::AgentConfig;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Enough to ask a vault over the network; little enough to leave time for fencing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than any password. Fixed, so that the buffer never grows and leaves copies.
const LONGEST: usize = 4096;

/// Why there is no password. An empty one is never tried in its place: it might lock the account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptError {
    #[error("cannot run the password script: {0}")]
    Run(#[from] io::Error),
    #[error("the password script timed out after {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the password script failed: {0}")]
    Failed(ExitStatus),
    #[error("the password script printed nothing")]
    Silent,
    #[error("the password script printed more than {LONGEST} bytes")]
    TooLong,
    #[error("the password script printed what is not UTF-8")]
    NotUtf8,
}

/// Sets the password that the script prints, if there is a script. It counts more than a password given.
pub(crate) async fn ask(config: &mut AgentConfig) -> Result<(), Failure> {
    if let Some(script) = config.text("password_script") {
        let output = output(&script, PATIENCE).await?;
        config.set("password", password(&output)?)?;
    }
    Ok(())
}

async fn output(script: &str, patience: Duration) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
    let mut group = ProcessGroup::start(script)?;
    timeout(patience, group.output()).await.map_err(|_| ScriptError::TimedOut(patience))?
}

fn password(output: &[u8]) -> Result<&str, ScriptError> {
    let text = str::from_utf8(output).map_err(|_| ScriptError::NotUtf8)?.trim_end();
    if text.is_empty() { Err(ScriptError::Silent) } else { Ok(text) }
}

/// A script and what it started, killed if dropped before the script has ended.
struct ProcessGroup {
    script: Child,
    stdout: Option<ChildStdout>,
}

impl ProcessGroup {
    fn start(script: &str) -> io::Result<Self> {
        let mut script = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Callers log what comes from standard error, and a shell's complaints quote the script.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { stdout: script.stdout.take(), script })
    }

    /// All that is printed, when all who may print have ended.
    async fn output(&mut self) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
        // Room for a byte too many, and for the one more that a read is tried with at the end.
        let mut output = Zeroizing::new(Vec::with_capacity(LONGEST + 64));
        if let Some(stdout) = self.stdout.take() {
            stdout.take(LONGEST as u64 + 1).read_to_end(&mut output).await?;
        }
        if output.len() > LONGEST {
            return Err(ScriptError::TooLong);
        }
        let status = self.script.wait().await?;
        if status.success() { Ok(output) } else { Err(ScriptError::Failed(status)) }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // The id is gone once the script was waited for, so no stranger's group can be hit.
        let id = self.script.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;
    use crate::testing::{self, TempDir};

    async fn ask(script: &str) -> Result<String, String> {
        let output = output(script, PATIENCE).await.map_err(|error| error.to_string())?;
        password(&output).map(str::to_owned).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_the_script_prints_is_the_password() {
        for (script, expected) in [
            ("echo hunter2", "hunter2"),
            ("printf ' two words \\n\\n'", " two words"),
            ("printf %s \"$(echo '$a')\"", "$a"),
            ("cat; echo no input", "no input"),
            ("(sleep 0.05; echo late) & exit 0", "late"),
        ] {
            assert_eq!(ask(script).await.as_deref(), Ok(expected), "{script}");
        }
    }

    #[tokio::test]
    async fn a_script_that_fails_gives_no_password() {
        for (script, expected) in [
            ("echo hunter2; exit 3", "the password script failed: exit status: 3"),
            ("exit 0", "the password script printed nothing"),
            ("echo", "the password script printed nothing"),
            ("printf '\\377'", "the password script printed what is not UTF-8"),
            ("head -c 4097 /dev/zero", "the password script printed more than 4096 bytes"),
            ("yes", "the password script printed more than 4096 bytes"),
        ] {
            assert_eq!(ask(script).await.unwrap_err(), expected, "{script}");
        }
        let error = ask("kill -9 $$").await.unwrap_err();
        assert!(error.contains("signal: 9"), "{error}");
        let error = ask("/no/such/script 2>/dev/null").await.unwrap_err();
        assert_eq!(error, "the password script failed: exit status: 127");
    }

    #[tokio::test]
    async fn a_script_that_hangs_is_killed_with_what_it_started() {
        let directory = TempDir::new();
        let path = directory.path().join("id");
        let script = format!("sleep 100 & echo $! > {}; wait", path.display());
        let begin = Instant::now();
        let error = output(&script, Duration::from_millis(300)).await.unwrap_err();
        assert!(matches!(error, ScriptError::TimedOut(_)), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        let id = fs::read_to_string(path).unwrap();
        wait_until_dead(id.trim()).await;
    }

    async fn wait_until_dead(id: &str) {
        for _ in 0..500 {
            let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("process {id} lives on");
    }

    #[tokio::test]
    async fn the_script_counts_more_than_a_password_given() {
        let mut config = testing::config(&[("password", "given")]);
        super::ask(&mut config).await.unwrap();
        assert_eq!(config.secret("password").unwrap().expose(), "given");
        config.set("password_script", "echo scripted").unwrap();
        super::ask(&mut config).await.unwrap();
        assert_eq!(config.secret("password").unwrap().expose(), "scripted");
    }
}
