//! `fencectl diagnose HOST`: what a BMC speaks, what will go wrong and why, and the lines that configure it.

use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;

/// Finds out what a BMC speaks, what will go wrong, and how a cluster is configured for it.
#[derive(Args)]
pub(crate) struct Options {
    /// Address or name of the BMC.
    host: String,
}

/// Looks at the BMC, and prints the report. Its exit code tells whether the BMC can be used for fencing.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let Options { host: _ } = options;
    Err(Failure::NotYet("diagnose"))
}
