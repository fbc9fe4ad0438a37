//! Starts the daemon.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::answer::{Code, Failure};
use crate::PROGRAM;
use crate::config::Config;
use crate::daemon::Begun;

/// What the daemon may see of the environment: parameters, among which secrets may be, and whatever else the cluster
/// has there, are none of its business. The certificates are those that the Redfish client takes by default.
const ENVIRONMENT: &[&str] =
    &["PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Nobody says more.
const LONGEST_WORD: u64 = 256 * 1024;
/// How long a daemon that has said no may take to end.
const ENDING: Duration = Duration::from_secs(1);

/// Starts the daemon, and hears whether it begins. One that does not say is ended.
pub(super) async fn launch(config: &Config, end: Instant) -> Result<Begun, Failure> {
    let failed = |error| Failure::new(Code::Generic, format!("cannot start {PROGRAM}: {error}"));
    let mut child = command().spawn().map_err(failed)?;
    let begun = match timeout_at(end, talk(&mut child, config)).await {
        Ok(begun) => begun,
        Err(_) => Err("it did not say in time whether it begins".to_owned()),
    };
    match begun {
        Ok(Begun::Yes) => Ok(Begun::Yes),
        Ok(no) => {
            let _ = timeout(ENDING, child.wait()).await;
            Ok(no)
        }
        Err(reason) => {
            let _ = child.start_kill();
            let ended = timeout(ENDING, child.wait()).await;
            let how = ended.ok().and_then(Result::ok).map(|status| format!(" ({status})"));
            let reason = format!("{PROGRAM} did not begin: {reason}{}", how.unwrap_or_default());
            Err(Failure::new(Code::Generic, reason))
        }
    }
}

fn command() -> Command {
    let mut command = Command::new(program());
    let kept = ENVIRONMENT.iter().filter_map(|name| Some((name, env::var_os(name)?)));
    command
        .arg0(PROGRAM)
        .args(["run", "--config", "-"])
        .env_clear()
        .envs(kept)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Who has called the agent waits until nobody holds its standard error any more.
        .stderr(Stdio::null());
    command
}

/// This program. Where it has been replaced by a newer one meanwhile, the link still leads to it.
fn program() -> PathBuf {
    const LINK: &str = "/proc/self/exe";
    env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| Path::new(LINK).into())
}

async fn talk(child: &mut Child, config: &Config) -> Result<Begun, String> {
    let text = serde_json::to_vec(config).map(Zeroizing::new).map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it says why, or ends.
        let _ = stdin.write_all(&text).await;
    }
    let mut word = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = stdout.take(LONGEST_WORD);
        while !word.contains(&b'\n') {
            match stdout.read_buf(&mut word).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    if word.is_empty() {
        return Err("it ended without a word".to_owned());
    }
    serde_json::from_slice(&word).map_err(|error| format!("what it said makes no sense: {error}"))
}
