//! What a fence operation costs, with the programs that it is measured against beside it in the same run:
//!
//!     cargo bench --package fence-agents --bench performance
//!
//! Prints the tables of docs/performance.md. After `--`: a number of runs other than 25; `ipmi` or `redfish`, for the
//! tables of one protocol only. The peers are Debian packages; `tests/run` installs them.

mod contest;
mod ipmi;
mod redfish;

use std::env;
use std::process::ExitCode;

use contest::{MEASURE, Result, measure};

/// How often each operation is measured, unless the command line says otherwise.
const RUNS: usize = 25;

fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, command)) if first == MEASURE => measure(command),
        _ => {
            compare(&arguments)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn compare(arguments: &[String]) -> Result<()> {
    // cargo adds `--bench`.
    let runs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
    let is_wanted = |protocol| {
        let other = if protocol == "ipmi" { "redfish" } else { "ipmi" };
        !arguments.iter().any(|argument| argument == other)
    };
    if is_wanted("ipmi") {
        ipmi::compare(runs)?;
    }
    if is_wanted("redfish") {
        redfish::compare(runs)?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Status,
    Reboot,
}

impl Operation {
    /// The value of the parameter `action`.
    fn action(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Reboot => "reboot",
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
