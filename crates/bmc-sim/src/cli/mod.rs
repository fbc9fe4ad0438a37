mod bmc;
mod demo;
mod farm;
mod network;
mod quirks;
mod redfish;
mod serve;
mod user;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bmc_sim::redfish::RedfishStartError;
use bmc_sim::{EventsMissed, FarmError, Power, StartError};
use clap::{Parser, Subcommand};
use ipmi_lan::CredentialError;

/// A simulated BMC: IPMI 2.0 over LAN, and 1.5; Redfish.
#[derive(Parser)]
#[command(name = "bmc-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Be a BMC, and tell what happens to it, until killed.
    Serve(Box<serve::Options>),
    /// Be thousands of BMCs, each on an address of its own, and tell how many are on, until killed.
    Farm(Box<farm::Options>),
    /// Be a BMC that speaks Redfish, and tell what happens to it, until killed.
    Redfish(Box<redfish::Options>),
    /// Let a fence agent reboot a simulated machine, and tell what happens.
    Demo(demo::Options),
    /// List the quirks that `serve --quirk` and `redfish --quirk` have, with the hardware; of those of IPMI with the
    /// workarounds that clients have for them.
    Quirks,
}

/// Why the program did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the BMC did not start")]
    Start(#[from] StartError),
    #[error("the Redfish service did not start")]
    Redfish(#[from] RedfishStartError),
    #[error("cannot write the certificate to {}", path.display())]
    CertificateOut { path: PathBuf, source: io::Error },
    #[error("the farm did not start")]
    Farm(#[from] FarmError),
    #[error("no simulated user")]
    User(#[from] CredentialError),
    #[error("cannot read the password from {}", path.display())]
    PasswordFile { path: PathBuf, source: io::Error },
    #[error("cannot start {}", agent.display())]
    Agent { agent: PathBuf, source: io::Error },
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    #[error(transparent)]
    Demo(#[from] demo::Failure),
    #[error("no runtime")]
    Runtime(#[source] io::Error),
}

/// Runs the program. It exits with 0 when it did what it was asked to, with 1 otherwise.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            // A closed standard error leaves nobody to tell.
            let _ = error.print();
            return code;
        }
    };
    match execute(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bmc-sim: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        match command {
            Command::Serve(options) => serve::run(*options).await,
            Command::Farm(options) => farm::run(*options).await,
            Command::Redfish(options) => redfish::run(*options).await,
            Command::Demo(options) => demo::run(options).await,
            Command::Quirks => quirks::run(),
        }
    })
}

/// One line on standard output. A closed one is an error, not a panic.
fn print(line: impl std::fmt::Display) -> Result<(), Error> {
    writeln!(io::stdout(), "{line}").map_err(Error::Output)
}

/// Tells what happens, as it happens, for ever. `event` gives the one with an index: when it was, and its text.
async fn tell(
    start: Instant,
    event: impl AsyncFn(usize) -> Result<(Instant, String), EventsMissed>,
) -> Result<(), Error> {
    let mut index = 0;
    loop {
        match event(index).await {
            Ok((at, text)) => {
                let elapsed = at.saturating_duration_since(start);
                print(format_args!("{:10.3} s  {text}", elapsed.as_secs_f64()))?;
                index += 1;
            }
            Err(missed) => {
                print(format_args!("{:>10}    {missed}", ""))?;
                index = missed.next;
            }
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn power(text: &str) -> Result<Power, String> {
    match text {
        "on" => Ok(Power::On),
        "off" => Ok(Power::Off),
        _ => Err("neither on nor off".to_owned()),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
