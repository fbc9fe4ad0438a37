//! The password from a command of the user's.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::process::ProcessGroup;
use crate::{AgentConfig, ConfigError};

/// Enough to ask a vault over the network; little enough to leave time for fencing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than any password. Fixed, so that the buffer never grows and leaves copies.
const LONGEST: usize = 4096;

/// Why there is no password. An empty one is never tried in its place: it might lock the account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The system does not let it be run.
    #[error("cannot run the password script: {0}")]
    Run(#[from] io::Error),
    /// It did not end in this time.
    #[error("the password script timed out after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It ended with another exit code than 0, or by a signal.
    #[error("the password script failed: {0}")]
    Failed(ExitStatus),
    /// It printed nothing but white space.
    #[error("the password script printed nothing")]
    Silent,
    /// It printed more than a password.
    #[error("the password script printed more than {LONGEST} bytes")]
    TooLong,
    /// It printed something that is no text.
    #[error("the password script printed what is not UTF-8")]
    NotUtf8,
    /// The agent takes no password.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Sets the parameter `password` to what the command in the parameter `password_script` prints, without white space at
/// its end, if there is such a command. It counts more than a password given.
///
/// The command is given to `/bin/sh`, and has ten seconds. When this future is dropped, the command and what it has
/// started are killed.
///
/// # Errors
/// When no password comes of it.
pub async fn ask(config: &mut AgentConfig) -> Result<(), ScriptError> {
    if let Some(script) = config.text("password_script") {
        let output = output(&script, PATIENCE).await?;
        config.set("password", password(&output)?)?;
    }
    Ok(())
}

async fn output(script: &str, patience: Duration) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
    let mut group = ProcessGroup::start(command(script))?;
    let output = timeout(patience, read(&mut group)).await;
    let status = group.end().await?;
    let output = output.map_err(|_| ScriptError::TimedOut(patience))??;
    if status.success() { Ok(output) } else { Err(ScriptError::Failed(status)) }
}

fn command(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Callers log what comes from standard error, and a shell's complaints quote the script.
        .stderr(Stdio::null());
    command
}

/// All that is printed, when the script and all who may print for it have ended.
async fn read(group: &mut ProcessGroup) -> Result<Zeroizing<Vec<u8>>, ScriptError> {
    // Room for a byte too many, and for the one more that a read is tried with at the end.
    let mut output = Zeroizing::new(Vec::with_capacity(LONGEST + 64));
    if let (_, Some(stdout), _) = group.pipes() {
        stdout.take(LONGEST as u64 + 1).read_to_end(&mut output).await?;
    }
    if output.len() > LONGEST {
        return Err(ScriptError::TooLong);
    }
    group.exited().await;
    Ok(output)
}

fn password(output: &[u8]) -> Result<&str, ScriptError> {
    let text = str::from_utf8(output).map_err(|_| ScriptError::NotUtf8)?.trim_end();
    if text.is_empty() { Err(ScriptError::Silent) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;
    use crate::process::tests::wait_until_group_is_gone;

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
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("id");
        let script = format!("sleep 100 & echo $$ > {}; wait", path.display());
        let begin = Instant::now();
        let error = output(&script, Duration::from_millis(300)).await.unwrap_err();
        assert!(matches!(error, ScriptError::TimedOut(_)), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        let id = fs::read_to_string(path).unwrap();
        wait_until_group_is_gone(id.trim().parse().unwrap()).await;
    }

    #[cfg(feature = "ipmilan")]
    #[tokio::test]
    async fn the_script_counts_more_than_a_password_given() {
        let agent = crate::agents::ipmilan::definition("fence_ipmilan").agent;
        let mut config = AgentConfig::new(agent.into());
        config.set("password", "given").unwrap();
        super::ask(&mut config).await.unwrap();
        assert_eq!(config.secret("password").unwrap().expose(), "given");
        config.set("password_script", "echo scripted").unwrap();
        super::ask(&mut config).await.unwrap();
        assert_eq!(config.secret("password").unwrap().expose(), "scripted");
    }
}
