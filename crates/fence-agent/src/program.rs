use std::ffi::OsString;
use std::io::{Read, Write};
use std::sync::Arc;

use fencing::Agent;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::fence::{self, Backend, Order};
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
pub(crate) fn run(agent: Arc<Agent>, backend: Backend, caller: &mut Caller<'_>) -> Exit {
    try_run(agent, backend, caller).unwrap_or_else(|failure| failure.report())
}

fn try_run(agent: Arc<Agent>, backend: Backend, caller: &mut Caller<'_>) -> Result<Exit, Failure> {
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
    serve(request, backend, caller)
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

fn serve(mut request: Request, backend: Backend, caller: &mut Caller<'_>) -> Result<Exit, Failure> {
    if let Task::Unknown(word) = request.task {
        return Err(Failure::UnrecognisedAction(word));
    }
    request.check()?;
    request.complete(caller.called_by_fenced)?;
    let Request { config, task, .. } = request;
    match task {
        Task::Act(action) => fence::carry_out(Order { action, config, backend }, caller.stdout),
        _ => backend.verify(&config).map(|()| Exit::Success),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use fencing::PowerState;

    use super::*;
    use crate::testing::{
        self, Behaviour, PASSWORD, run_plugs_with_arguments, run_plugs_with_input,
        run_with_arguments, run_with_input, set_machine, the_machine,
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
        for behaviour in [Behaviour::Obeys, Behaviour::Refuses] {
            set_machine(PowerState::On, behaviour);
            let run =
                run_plugs_with_input(&format!("plug=p\npassword={PASSWORD}\nverbose_level=9"));
            let said = format!("{}{}", run.stdout, run.logs);
            assert!(!said.contains(PASSWORD), "{said}");
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

    fn exit_with_full_stdout(
        (agent, backend): (Arc<Agent>, Backend),
        mut stdin: &[u8],
    ) -> (Exit, String) {
        testing::keep_logs();
        let mut caller = Caller {
            arguments: Vec::new(),
            stdin: &mut stdin,
            stdout: &mut Full,
            called_by_fenced: false,
            configure_logs: |_| Ok(()),
        };
        (run(agent, backend, &mut caller), testing::take_logs())
    }

    #[test]
    fn an_outcome_stands_even_if_it_cannot_be_printed() {
        for (action, exit) in [("on", Exit::Success), ("off", Exit::Success), ("status", Exit::Off)]
        {
            let stdin = format!("ip=h\naction={action}");
            let (found, logs) = exit_with_full_stdout(testing::by_device(), stdin.as_bytes());
            assert_eq!(found, exit, "{action}");
            assert!(logs.contains("WARNING: cannot write '"), "{logs}");
        }
    }

    #[test]
    fn what_is_nothing_unless_it_is_printed_is_a_failure() {
        for (served, stdin) in [
            (testing::by_device(), "action=metadata"),
            (testing::by_provider(), "action=list"),
            (testing::by_provider(), "action=list-status"),
        ] {
            let (exit, logs) = exit_with_full_stdout(served, stdin.as_bytes());
            assert_eq!(exit, Exit::Failure, "{stdin}");
            assert!(logs.contains("ERROR: Failed: cannot write to standard output: "), "{logs}");
        }
    }

    #[test]
    fn a_provider_is_not_asked_for_documents() {
        set_machine(PowerState::On, Behaviour::Panics);
        let run = run_plugs_with_input("action=metadata");
        assert_eq!((run.exit, run.stderr()), (Exit::Success, vec![]));
        for expected in [
            "<resource-agent name=\"fence_plugs\" ",
            "\t<parameter name=\"plug\" unique=\"0\" required=\"1\" obsoletes=\"port\">\n\
             \t\t<getopt mixed=\"-n, --plug=[id]\" />\n",
            "\t<action name=\"list\" />\n\t<action name=\"list-status\" />\n",
        ] {
            assert!(run.stdout.contains(expected), "{expected:?} is not in {}", run.stdout);
        }
        let help = run_plugs_with_arguments(&["--help"]);
        assert!(
            help.stdout.starts_with("fence_plugs: Fence agent of the test\n"),
            "{}",
            help.stdout
        );
        assert_eq!(the_machine().commands, [""; 0]);
    }

    #[test]
    fn without_a_plug_only_the_provider_itself_can_be_asked() {
        let missing =
            "you have to enter plug=…, the machine that is meant: fence_plugs controls several";
        for action in ["on", "off", "reboot", "status", "diag"] {
            for stdin in [format!("action={action}"), format!("nodename=n\nplug=\naction={action}")]
            {
                set_machine(PowerState::On, Behaviour::Obeys);
                let run = run_plugs_with_input(&stdin);
                assert_eq!((run.exit, run.stdout.as_str()), (Exit::Failure, ""), "{stdin}");
                assert_eq!(run.stderr(), [format!("ERROR: Failed: {missing}")]);
                assert_eq!(the_machine().commands, [""; 0]);
            }
        }
        for action in ["monitor", "list", "list-status", "validate-all"] {
            let run = run_plugs_with_input(&format!("action={action}"));
            assert_eq!((run.exit, run.stderr()), (Exit::Success, vec![]), "{action}");
        }
    }

    #[test]
    fn the_plug_has_every_spelling_that_callers_have_for_it() {
        for stdin in ["plug=node1", "port=node1", "nodename=node2\nport=node1"] {
            set_machine(PowerState::On, Behaviour::Obeys);
            let run = run_plugs_with_input(&format!("{stdin}\naction=off"));
            assert_eq!((run.stdout.as_str(), run.stderr()), ("Success: Powered OFF\n", vec![]));
            assert_eq!(the_machine().commands, ["off node1", "over", "finish"]);
        }
        for arguments in [&["-n", "node1", "-o", "off"][..], &["--plug=node1", "--action", "OFF"]] {
            set_machine(PowerState::On, Behaviour::Obeys);
            let run = run_plugs_with_arguments(arguments);
            assert_eq!((run.stdout.as_str(), run.stderr()), ("Success: Powered OFF\n", vec![]));
            assert_eq!(the_machine().commands, ["off node1", "over", "finish"]);
        }
    }

    #[test]
    fn validation_asks_a_provider_for_its_opinion_and_for_nothing_else() {
        for (stdin, exit, message) in [
            ("plug=node1", Exit::Success, &[][..]),
            ("plug=nobody", Exit::Failure, &["ERROR: Failed: nobody has this name"]),
            (
                "power_timeout=x",
                Exit::Failure,
                &[
                    "ERROR: Failed: the value you have entered for --power-timeout is not a valid time in seconds",
                ],
            ),
        ] {
            set_machine(PowerState::On, Behaviour::Panics);
            let run = run_plugs_with_input(&format!("action=validate-all\n{stdin}"));
            assert_eq!((run.exit, run.stdout.as_str(), &run.stderr()[..]), (exit, "", message));
            assert_eq!(the_machine().commands, [""; 0]);
        }
    }
}
