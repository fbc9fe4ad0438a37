//! The command line of the controller.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use log::LevelFilter;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::client::{Client, ClientError};
use crate::config::{Config, without_value};
use crate::daemon::{self, Begun, Cause, Source};
use crate::instance::{InstanceName, RUN_DIRECTORY, RunDirectory};
use crate::plan::Plan;
use crate::protocol::{ReachStatus, Reply, Request, Status};
use crate::text::escaped;

/// Nobody hands over a longer configuration.
const LONGEST_CONFIGURATION: u64 = 16 * 1024 * 1024;
/// How long a controller may take to say how it is.
const STATUS_TIME: Duration = Duration::from_secs(10);

/// Holds fence devices ready, and fences through them.
#[derive(Debug, Parser)]
#[command(name = "stonith-controller", version, about, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a controller in the foreground, until SIGTERM. SIGHUP makes it read its targets anew. The FILE '-' is JSON
    /// on standard input, as the OCF agent hands it over.
    Run(Told),
    /// Checks a configuration: prints each node with its device and plug, or what is wrong. Asks no device; a
    /// controller may run or not.
    Check(Told),
    /// Tells how a controller is, and each of its devices. The exit code is 1 if one of them cannot be used, or the
    /// targets cannot be read.
    Status {
        /// The controller's name.
        instance: InstanceName,
        /// Asks the devices now, instead of telling what is known of them.
        #[arg(long)]
        probe: bool,
        /// Prints the answer as the controller gave it, in JSON.
        #[arg(long)]
        json: bool,
        /// Where its socket is.
        #[arg(long, value_name = "DIRECTORY", default_value = RUN_DIRECTORY)]
        run_directory: PathBuf,
    },
}

/// What a controller is told.
#[derive(Debug, Args)]
struct Told {
    /// Its configuration, in TOML.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The controller's name; by default that of the file, without its extension.
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceName>,
}

/// Does what the command line says.
pub(crate) fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            // Never clap's own 2.
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let result = match arguments.command {
        Command::Run(told) if told.config.as_os_str() == "-" => return run_handed_over(),
        Command::Run(told) => run_from_file(told),
        Command::Check(told) => check(&told),
        Command::Status { instance, probe, json, run_directory } => {
            status(&RunDirectory::new(run_directory), &instance, probe, json)
        }
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("stonith-controller: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run_from_file(told: Told) -> Result<ExitCode, String> {
    let config = told.read()?;
    start_logs(&config, true);
    let instance = config.instance.clone();
    let source = Source::new(told.config, &config);
    match daemon::run(config, Some(source), || {}) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            log::error!("controller {instance}: {error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

impl Told {
    fn read(&self) -> Result<Config, String> {
        let path = &self.config;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let instance = self.instance.clone().map_or_else(|| stem.parse(), Ok);
        let instance =
            instance.map_err(|error| format!("{}: {error}; give --instance", path.display()))?;
        Config::read(path, &instance).map_err(|error| error.to_string())
    }
}

/// All that a controller would refuse to begin with, but for what depends on other processes.
fn check(told: &Told) -> Result<ExitCode, String> {
    let config = told.read()?;
    let read = runtime()?.block_on(Plan::read(&config));
    let (plan, _) = read.map_err(|error| escaped(&error.to_string()))?;
    print(&plan.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// As a child of the OCF agent, which wants to hear whether it begins, and then goes away.
fn run_handed_over() -> ExitCode {
    close_inherited();
    let config = match handed_over() {
        Ok(config) => config,
        Err(reason) => return tell(&Begun::No { cause: Cause::Configuration, reason }),
    };
    // Whoever started the agent may kill its process group.
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    start_logs(&config, false);
    match daemon::run(config, None, || _ = tell(&Begun::Yes)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            tell(&Begun::No { cause: error.cause(), reason: error.to_string() })
        }
    }
}

/// What the agent's caller has open is not for a daemon: locks of scripts would be held by it for ever, and whoever
/// waits for the end of a pipe would wait for the end of the daemon.
fn close_inherited() {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // All of them before the first is closed: one is that of the folder, which is closed behind it.
    let inherited: Vec<RawFd> = numbers.filter(|number| *number > 2).collect();
    // Nothing in this process is open yet but what it was born with.
    inherited.into_iter().for_each(|number| _ = nix::unistd::close(number));
}

fn handed_over() -> Result<Config, String> {
    // With room for all from the beginning, it does not grow and leave copies.
    let mut text = Zeroizing::new(Vec::with_capacity(1024 * 1024));
    let read = io::stdin().lock().take(LONGEST_CONFIGURATION).read_to_end(&mut text);
    read.map_err(|error| format!("cannot read the configuration: {error}"))?;
    serde_json::from_slice(&text)
        .map_err(|error| format!("the configuration: {}", without_value(&error.to_string())))
}

fn tell(begun: &Begun) -> ExitCode {
    let mut line = serde_json::to_vec(begun).unwrap_or_default();
    line.push(b'\n');
    // Who does not listen any more has given up, and will ask the socket.
    let _ = io::stdout().write_all(&line).and_then(|()| io::stdout().flush());
    ExitCode::FAILURE
}

fn start_logs(config: &Config, is_on_stderr: bool) {
    let level = match config.verbose_level {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let name = format!("stonith-controller({})", config.instance);
    fence_agent::logging::start_service(&name, "stonith", level, is_on_stderr);
}

fn status(
    run_directory: &RunDirectory,
    instance: &InstanceName,
    probe: bool,
    json: bool,
) -> Result<ExitCode, String> {
    let status = runtime()?.block_on(ask(run_directory, instance, probe));
    let status = status.map_err(|error| error.to_string())?;
    let text = if json { json_of(&status) } else { shown(&status) };
    print(&text)?;
    let is_reachable = |reach: &ReachStatus| matches!(reach, ReachStatus::Reachable { .. });
    let all = status.devices.iter().all(|device| is_reachable(&device.reach));
    Ok(if all && status.trouble.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

fn print(text: &str) -> Result<(), String> {
    let printed = io::stdout().write_all(text.as_bytes());
    printed.map_err(|error| format!("cannot write to standard output: {error}"))
}

async fn ask(
    run_directory: &RunDirectory,
    instance: &InstanceName,
    probe: bool,
) -> Result<Status, ClientError> {
    let deadline = Instant::now() + STATUS_TIME;
    let mut client = Client::connect(run_directory, instance).await?;
    let request = Request::Status { probe, watch: false, within_ms: STATUS_TIME };
    match client.ask(&request, deadline).await? {
        Reply::Status(status) => Ok(status),
        _ => Err(client.misplaced()),
    }
}

/// What the daemon said, but for the mark of its configuration: what is printed is kept and passed on, and with the mark
/// the password could be guessed at.
fn json_of(status: &Status) -> String {
    let mut json = serde_json::to_value(status).unwrap_or_default();
    if let Some(status) = json.as_object_mut() {
        status.remove("configuration");
    }
    format!("{json}\n")
}

/// A line for the controller, and one for each device.
fn shown(status: &Status) -> String {
    let mut text = format!("process {}, targets of generation {}\n", status.pid, status.generation);
    if let Some(trouble) = &status.trouble {
        text += &format!("targets not read: {}\n", escaped(trouble));
    }
    for device in &status.devices {
        text += &format!("{}: {}", device.device.escape_debug(), reach(&device.reach));
        if !device.targets.is_empty() {
            text += &format!(" ({})", device.targets.join(" ").escape_debug());
        }
        text.push('\n');
    }
    text
}

/// Whether a device answers, in words.
pub(crate) fn reach(reach: &ReachStatus) -> String {
    match reach {
        ReachStatus::Unknown => "not asked yet".to_owned(),
        ReachStatus::Reachable { age_ms } => format!("answered {} s ago", age_ms.as_secs()),
        ReachStatus::Unreachable { age_ms, reason } => {
            let reason = escaped(reason);
            format!("cannot be used since {} s: {reason}", age_ms.as_secs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_does_not_help_to_guess_the_password() {
        let status = Status {
            pid: 1,
            configuration: "1-0123".to_owned(),
            generation: 2,
            changed: false,
            trouble: Some("no file".to_owned()),
            devices: Vec::new(),
        };
        let printed: serde_json::Value = serde_json::from_str(&json_of(&status)).unwrap();
        let expected = serde_json::json!({
            "pid": 1, "generation": 2, "changed": false, "trouble": "no file", "devices": [],
        });
        assert_eq!(printed, expected);
        assert!(json_of(&status).ends_with('\n'));
        assert!(!shown(&status).contains(&status.configuration));
    }
}
