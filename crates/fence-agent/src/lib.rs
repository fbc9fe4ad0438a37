//! The FenceAgentAPI as text, for any agent that is defined as a [`fencing::Agent`]: command line, standard input,
//! metadata, help, logs and exit codes. Its actions are carried out by the fencing procedure over a device of its own
//! ([`main`]), or by a provider ([`main_by_provider`]).
//!
//! The one rule: a success is printed only for a [`Success`](fencing::Success), which holds what the procedure has
//! seen, or is the word of the program's own provider. Everything else that can happen (wrong usage, signals, bugs)
//! ends with exit code 1, which costs the caller another try. Exit code 2 means `Status: OFF`, and nothing else.

mod exit;
mod failure;
mod fence;
mod hardening;
mod help;
mod input;
pub mod logging;
pub mod manual;
mod metadata;
mod plugs;
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
use std::sync::Arc;

use fencing::agents::Definition;
use fencing::{Agent, Fence, Provider};

pub use crate::hardening::forbid_core_dumps;

use crate::exit::Exit;
use crate::fence::Backend;
use crate::input::UnbufferedStdin;
use crate::program::Caller;

/// Runs a fence agent as a program: the whole `main` of it.
///
/// `agent_called` gives the agent for the name that the program is called by, which is one of the agent's names, or
/// anything else.
#[must_use]
pub fn main(agent_called: fn(&str) -> Definition) -> ExitCode {
    run(|name| {
        let Definition { agent, open } = agent_called(name);
        (Arc::new(agent), Backend::Device(open))
    })
}

/// Runs a fence agent whose actions a provider carries out: the whole `main` of it. Nothing is asked of the provider
/// for metadata and help, and its agents are not loaded: it has this one.
///
/// - Each action has the time that the parameter `power_timeout` says. Where there is none, with a value of 0, and with
///   `disable_timeout` (the default under pacemaker-fenced, if the agent has that parameter) it is
///   [an hour](fencing::procedure::Settings::WITHOUT_TIMEOUT).
/// - The parameter `delay` is waited for here, before that time begins; to the provider it is 0.
/// - When a signal comes, the provider's future is dropped. In any case [`Provider::finish`] has five seconds.
/// - The runtime is one of tokio's that has a single thread, time and I/O. Nothing of the provider's may need it before
///   it is called.
#[must_use]
pub fn main_by_provider(agent: Agent, provider: impl Provider + 'static) -> ExitCode {
    run(|_| {
        let agent = Arc::new(agent);
        let fence = Fence::of(&agent, provider);
        (agent, Backend::Provider(fence))
    })
}

fn run(served: impl FnOnce(&str) -> (Arc<Agent>, Backend)) -> ExitCode {
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
        let (agent, backend) = served(&name);
        program::run(agent, backend, &mut caller)
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
