use std::ffi::OsString;
use std::io::{Read, Write};
use std::sync::Arc;

use fencing::Agent;
use fencing::agents::{Definition, OpenDevice};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::fence::{self, Order};
use crate::input::Input;
use crate::logging::{self, DebugFileError};
use crate::report::print;
use crate::request::{Request, Task};
use crate::{help, metadata};

/// Who calls, and how.
pub(crate) struct Caller<'a> {
    /// Without the name of the program.
    pub(crate) arguments: Vec<OsString>,
    pub(crate) stdin: &'a mut dyn Read,
    pub(crate) stdout: &'a mut dyn Write,
    /// Whether the caller is pacemaker-fenced, which has time-outs of its own.
    pub(crate) called_by_fenced: bool,
    pub(crate) configure_logs: fn(&logging::Settings) -> Result<(), DebugFileError>,
}

/// Does what the caller wants, and tells how the program ends.
pub(crate) fn run(definition: Definition, caller: &mut Caller<'_>) -> Exit {
    try_run(definition, caller).unwrap_or_else(|failure| failure.report())
}

fn try_run(definition: Definition, caller: &mut Caller<'_>) -> Result<Exit, Failure> {
    let agent = Arc::new(definition.agent);
    let arguments = std::mem::take(&mut caller.arguments);
    let input = Input::read(&agent, arguments, caller.stdin)?;
    let request = Request::new(Arc::clone(&agent), &input);
    if let Some(text) = document(&agent, &request.task) {
        print(caller.stdout, &text).map_err(Failure::Output)?;
        return Ok(Exit::Success);
    }
    (caller.configure_logs)(&request.log_settings())?;
    for warning in &request.warnings {
        log::warn!("{warning}");
    }
    serve(request, definition.open, caller)
}

/// What is printed for a task that takes nothing else. Pacemaker asks for metadata as a user who may do nothing, so
/// nothing is opened for it.
fn document(agent: &Agent, task: &Task) -> Option<String> {
    match task {
        Task::Help => Some(help::help(agent)),
        Task::Version => Some(format!("{}\n", env!("CARGO_PKG_VERSION"))),
        Task::Metadata => Some(metadata::metadata(agent)),
        Task::ValidateAll | Task::Act(_) | Task::Unknown(_) => None,
    }
}

fn serve(mut request: Request, open: OpenDevice, caller: &mut Caller<'_>) -> Result<Exit, Failure> {
    if let Task::Unknown(word) = request.task {
        return Err(Failure::UnrecognisedAction(word));
    }
    request.check()?;
    let settings = request.settings(caller.called_by_fenced)?;
    let Request { config, task, .. } = request;
    match task {
        Task::Act(action) => {
            let order = Order { action, settings, config, open };
            fence::carry_out(order, caller.stdout)
        }
        _ => {
            // To open a device checks the values that only the device understands, and connects nothing.
            open(&config)?;
            Ok(Exit::Success)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use fencing::PowerState;

    use super::*;
    use crate::testing::{
        self, Behaviour, PASSWORD, run_with_arguments, run_with_input, set_machine, the_machine,
    };

    #[test]
    fn documents_are_printed_whatever_else_is_wrong() {
        for stdin in ["action=metadata", "action=metadata\nipport=x\nunknown=1\ndebug_file=/"] {
            let run = run_with_input(stdin);
            assert_eq!((run.exit, run.stderr()), (Exit::Success, vec![]));
            assert!(run.stdout.ends_with("</resource-agent>\n"), "{}", run.stdout);
        }
        let help = run_with_arguments(&["-h"]);
        assert!(help.stdout.starts_with("fence_ipmilan: "), "{}", help.stdout);
        assert_eq!(run_with_input("version=1").stdout, concat!(env!("CARGO_PKG_VERSION"), "\n"));
    }

    #[test]
    fn help_0_is_no_help() {
        let run = run_with_input("ip=h\naction=off\nhelp=0\nversion=0");
        assert_eq!(run.stdout, "Success: Powered OFF\n");
        assert_eq!(the_machine().power, PowerState::Off);
    }

    #[test]
    fn what_pacemaker_sends_is_done_in_silence() {
        let run = run_with_input(
            "nodename=node2\nip=10.78.0.12\npassword=pa$s'w0rd\naction=reboot\nusername=admin\n\
             lanplus=1\nport=node2\ncipher=3\n",
        );
        assert_eq!((run.exit, run.stderr()), (Exit::Success, vec![]));
        assert_eq!(run.stdout, "Success: Rebooted\n");
        let machine = the_machine();
        assert_eq!(machine.commands, ["off", "on", "close"]);
        assert_eq!(machine.config.unwrap().secret("password").unwrap().expose(), "pa$s'w0rd");
    }

    #[test]
    fn what_other_callers_send_is_understood() {
        let medik8s = "--action status --ip h --username u --password p --lanplus";
        for arguments in [medik8s, "--action=status --ip=h", "-a h -l u -p p -P -o status"] {
            let arguments: Vec<_> = arguments.split(' ').collect();
            assert_eq!(run_with_arguments(&arguments).stdout, "Status: ON\n");
        }
        let fenced =
            "agent=fence_ipmilan\nname=bmc\nnodename=n\noption=off\nipaddr=h\nlogin=u\npasswd=p\n";
        let run = run_with_input(fenced);
        assert_eq!((run.stdout.as_str(), run.stderr()), ("Success: Powered OFF\n", vec![]));
    }

    #[test]
    fn nothing_is_done_with_input_that_is_wrong() {
        for (stdin, message) in [
            ("ip=h\naction=fly", "Unrecognised action 'fly'"),
            ("ip=h\naction=a\tb", "Unrecognised action 'a\\tb'"),
            ("ip=h\naction=fly\nipport=x", "Unrecognised action 'fly'"),
            (
                "ip=h\nacton=status",
                "'acton' is no parameter but looks like 'action', and without an action one would be chosen for you",
            ),
            ("action=off", "you have to enter the fence address (ip=…)"),
            ("ip=h\nipport=x", "the value you have entered for --ipport is not a valid integer"),
            ("ip=h\nretry_on=-1", "retry_on: -1 is not a number of attempts"),
            ("ip=h\ncipher=99", "cipher: no such cipher suite"),
            ("ip=h\npassword_script=exit 1", "the password script failed: exit status: 1"),
        ] {
            set_machine(PowerState::On, Behaviour::Obeys);
            let run = run_with_input(stdin);
            assert_eq!((run.exit, run.stdout.as_str()), (Exit::Failure, ""), "{stdin:?}");
            assert_eq!(run.stderr(), [format!("ERROR: Failed: {message}")], "{stdin:?}");
            assert_eq!(the_machine().commands, [""; 0], "{stdin:?}");
        }
        let run = run_with_arguments(&["-a", "h", "--bogus"]);
        assert_eq!((run.exit, run.stdout.as_str()), (Exit::Failure, ""));
    }

    #[test]
    fn validation_touches_nothing() {
        for (stdin, exit) in [
            ("ip=h", Exit::Success),
            ("ip=h\npassword_script=exit 1", Exit::Success),
            ("username=u", Exit::Failure),
            ("ip=h\ncipher=99", Exit::Failure),
            ("ip=h\npower_wait=x", Exit::Failure),
        ] {
            set_machine(PowerState::On, Behaviour::Panics);
            let run = run_with_input(&format!("action=validate-all\n{stdin}"));
            assert_eq!((run.exit, run.stdout.as_str()), (exit, ""), "{stdin:?}");
            assert_eq!(the_machine().commands, [""; 0]);
        }
    }

    #[test]
    fn the_password_script_counts_more_than_the_password() {
        run_with_input("ip=h\naction=status\npassword=x\npassword_script=echo scripted");
        let config = the_machine().config.unwrap();
        assert_eq!(config.secret("password").unwrap().expose(), "scripted");
    }

    /// Whatever is done, and whatever goes wrong.
    #[test]
    fn secrets_are_never_printed_or_logged() {
        let misplaced = [
            format!("passwrod={PASSWORD}"),
            PASSWORD.to_owned(),
            format!("my {PASSWORD}=x"),
            format!("ipport={PASSWORD}"),
            format!("privlvl={PASSWORD}"),
            format!("lanplus={PASSWORD}"),
            format!("verbose_level={PASSWORD}"),
            format!("acton={PASSWORD}"),
            format!("password_script=echo {PASSWORD}"),
            format!("password_script=echo {PASSWORD}; exit 1"),
        ];
        for misplaced in misplaced {
            for behaviour in [Behaviour::Obeys, Behaviour::Refuses] {
                set_machine(PowerState::On, behaviour);
                let stdin = format!("ip=h\npassword={PASSWORD}\nverbose_level=9\n{misplaced}\n");
                let run = run_with_input(&stdin);
                let said = format!("{}{}", run.stdout, run.logs);
                assert!(!said.contains(PASSWORD), "{misplaced}: {said}");
            }
        }
        for arguments in [
            &["-a", "h", "-p", PASSWORD, "-vvv", PASSWORD][..],
            &["-a", "h", "--passwrd", PASSWORD],
            &["-a", "h", &format!("--passwrd={PASSWORD}")],
            &["-a", "h", &format!("-X{PASSWORD}")],
            &["-a", "h", &format!("--lanplus={PASSWORD}")],
            &["-a", "h", &format!("--passwor={PASSWORD}")],
            &["-a", "h", "--ipport", PASSWORD],
        ] {
            let run = run_with_arguments(arguments);
            assert!(!format!("{}{}", run.stdout, run.logs).contains(PASSWORD), "{arguments:?}");
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn exit_with_full_stdout(mut stdin: &[u8]) -> (Exit, String) {
        testing::keep_logs();
        let mut caller = Caller {
            arguments: Vec::new(),
            stdin: &mut stdin,
            stdout: &mut Full,
            called_by_fenced: false,
            configure_logs: |_| Ok(()),
        };
        (run(testing::definition(), &mut caller), testing::take_logs())
    }

    #[test]
    fn an_outcome_stands_even_if_it_cannot_be_printed() {
        for (action, exit) in [("on", Exit::Success), ("off", Exit::Success), ("status", Exit::Off)]
        {
            let (found, logs) = exit_with_full_stdout(format!("ip=h\naction={action}").as_bytes());
            assert_eq!(found, exit, "{action}");
            assert!(logs.contains("WARNING: cannot write '"), "{logs}");
        }
    }

    #[test]
    fn a_document_that_cannot_be_printed_is_a_failure() {
        let (exit, logs) = exit_with_full_stdout(b"action=metadata");
        assert_eq!(exit, Exit::Failure);
        assert!(logs.contains("ERROR: Failed: cannot write to standard output: "), "{logs}");
    }
}
