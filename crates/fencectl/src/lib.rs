//! `fencectl`, the command line for people: what fence agents there are, and the power of one or of many machines.
//!
//! Every word on the screen about power is what the crate [`fencing`] has seen; nothing here decides what a success is.
//! Exit code 0 means that all was done that was asked for, 1 anything else: wrong usage, one host of many that failed,
//! an interruption, a bug.

mod agents;
mod cli;
mod confirm;
mod credentials;
mod demo;
mod devices;
mod diagnose;
mod failure;
pub mod hosts;
mod inventory;
pub mod manual;
mod power;
mod show;
mod signals;
mod target;
mod work;

use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, io};

use clap::{CommandFactory as _, Parser as _};
use tokio::runtime::Runtime;

use crate::cli::{Arguments, Command, Screen};
use crate::failure::Failure;

/// How long what is under way still may take to be broken off in the end.
const ENDING: Duration = Duration::from_secs(1);

/// Runs the program: the whole `main` of it.
#[must_use]
pub fn main() -> ExitCode {
    fence_agent::forbid_core_dumps();
    panic::set_hook(Box::new(report_panic));
    // A bug ends with the exit code of a failure, and with no other.
    panic::catch_unwind(AssertUnwindSafe(|| run(env::args_os()))).unwrap_or(ExitCode::FAILURE)
}

/// The definition of the command line, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    show::choose_colors(arguments.screen.color);
    show::log::start(arguments.screen.verbose);
    execute(arguments).unwrap_or_else(|failure| {
        // Whoever has stopped reading, as `head` does, wants no complaint either.
        if !failure.is_broken_pipe() {
            show::complain(&show::printable(&failure.to_string()));
        }
        ExitCode::FAILURE
    })
}

/// Help is what was asked for; wrong usage is a failure, and 2, clap's own exit code for it, means OFF to whoever calls
/// fence agents.
fn explain(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    let _ = error.print();
    code
}

fn execute(Arguments { command, screen }: Arguments) -> Result<ExitCode, Failure> {
    let runtime = Runtime::new().map_err(Failure::Runtime)?;
    let result = execute_on(&runtime, command, screen);
    // The look-up of a name cannot be broken off, and may take a minute that nobody waits for any more.
    runtime.shutdown_timeout(ENDING);
    result
}

fn execute_on(runtime: &Runtime, command: Command, screen: Screen) -> Result<ExitCode, Failure> {
    match command {
        Command::Agents(options) => runtime.block_on(agents::run(options, screen.verbose)),
        Command::Status(options) => runtime.block_on(power::status(options)),
        Command::Power(options) => runtime.block_on(power::power(options)),
        Command::Run(options) => runtime.block_on(power::run(options)),
        Command::Diagnose(options) => runtime.block_on(diagnose::run(options)),
        Command::Demo => demo::run(),
        Command::Man(options) => manual::write(&options.folder),
        Command::Completions(options) => manual::print_completions(options.shell),
    }
}

/// Tells of a bug by its place alone: the message of a panic may hold a secret.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(", at {place}")).unwrap_or_default();
    let _ = writeln!(io::stderr(), "fencectl: a bug in the program{place}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        command().debug_assert();
    }
}
