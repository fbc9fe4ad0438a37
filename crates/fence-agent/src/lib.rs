//! The FenceAgentAPI as text, for any agent that is defined as a [`fencing::Agent`]: command line, standard input,
//! metadata, help, logs and exit codes.
//!
//! The one rule: a success is printed only for an [`Outcome`](fencing::procedure::Outcome) of the fencing
//! procedure, which holds what was seen. Everything else that can happen (wrong usage, signals, bugs) ends with exit
//! code 1, which costs the caller another try. Exit code 2 means `Status: OFF`, and nothing else.

mod exit;
mod failure;
mod fence;
mod hardening;
mod help;
mod input;
pub mod logging;
pub mod manual;
mod metadata;
mod program;
mod report;
mod request;
mod signals;
#[cfg(test)]
mod testing;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;

use fencing::agents::Definition;

pub use crate::hardening::forbid_core_dumps;

use crate::exit::Exit;
use crate::input::UnbufferedStdin;
use crate::program::Caller;

/// Runs a fence agent as a program: the whole `main` of it.
///
/// `agent_called` gives the agent for the name that the program is called by, which is one of the agent's names, or
/// anything else.
#[must_use]
pub fn main(agent_called: fn(&str) -> Definition) -> ExitCode {
    let mut arguments = env::args_os();
    let name = program_name(arguments.next());
    hardening::forbid_core_dumps();
    logging::start(&name);
    panic::set_hook(Box::new(hardening::report_panic));
    let exit = guarded(|| {
        let mut caller = Caller {
            arguments: arguments.collect(),
            stdin: &mut UnbufferedStdin,
            stdout: &mut io::stdout(),
            called_by_fenced: env::var_os("PCMK_service")
                .is_some_and(|name| name == "pacemaker-fenced"),
            configure_logs: logging::configure,
        };
        program::run(agent_called(&name), &mut caller)
    });
    exit.into()
}

/// A bug ends with the exit code of a failure, and with no other.
fn guarded(run: impl FnOnce() -> Exit) -> Exit {
    panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Failure)
}

fn program_name(path: Option<OsString>) -> String {
    let path = path.unwrap_or_default();
    let name = Path::new(&path).file_name().unwrap_or(OsStr::new("fence-agent"));
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_a_failure() {
        assert_eq!(guarded(|| panic!("a bug")), Exit::Failure);
        assert_eq!(guarded(|| Exit::Off), Exit::Off);
    }

    #[test]
    fn a_program_is_called_by_the_last_part_of_its_path() {
        assert_eq!(program_name(Some("/usr/sbin/fence_ilo4".into())), "fence_ilo4");
        assert_eq!(program_name(Some("fence_imm".into())), "fence_imm");
        for none in [None, Some(OsString::new()), Some("/".into())] {
            assert_eq!(program_name(none), "fence-agent");
        }
    }
}
