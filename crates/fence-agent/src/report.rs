//! What an outcome is to the caller: a line on standard output, remarks in the logs, and an exit code.

use std::io::{self, Write};

use fencing::procedure::{Done, Remark};
use fencing::{Action, Outcome, PowerCommand, PowerState, Success};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::plugs;

/// Tells the caller what an action came to; `place` is the device or the machine, for messages.
pub(crate) fn report(
    outcome: &Outcome,
    action: Action,
    place: &str,
    stdout: &mut dyn Write,
) -> Exit {
    match outcome {
        Outcome::Done(success) => {
            say(success_line(success), stdout);
            log_remark(success, place);
            Exit::Success
        }
        Outcome::Status(state) => {
            say(status_line(*state), stdout);
            (*state).into()
        }
        Outcome::Monitored => Exit::Success,
        Outcome::Ports(ports) => {
            let is_with_states = action == Action::ListStatus;
            let text =
                if is_with_states { plugs::lines_with_states(ports) } else { plugs::lines(ports) };
            // A list that nobody can read is no answer.
            match print(stdout, &text) {
                Ok(()) => Exit::Success,
                Err(error) => Failure::Output(error).report(),
            }
        }
    }
}

/// An outcome stands even if nobody reads its line: the exit code tells of it too, and a caller who is told of a
/// failure instead would fence again.
fn say(line: &str, stdout: &mut dyn Write) {
    if let Err(error) = print(stdout, &format!("{line}\n")) {
        log::warn!("cannot write '{line}' to standard output: {error}");
    }
}

/// Writes all of it, now.
pub(crate) fn print(stdout: &mut dyn Write, text: &str) -> io::Result<()> {
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

// These lines are the interface; nothing in them may change.

fn success_line(success: &Success) -> &'static str {
    match success {
        Success::Observed(Done::AlreadyOn(_)) => "Success: Already ON",
        Success::Observed(Done::AlreadyOff(_)) => "Success: Already OFF",
        Success::Observed(Done::PoweredOn(_)) | Success::Reported(PowerCommand::On) => {
            "Success: Powered ON"
        }
        Success::Observed(Done::PoweredOff(_)) | Success::Reported(PowerCommand::Off) => {
            "Success: Powered OFF"
        }
        Success::Observed(Done::Rebooted { .. } | Done::DiagAcknowledged)
        | Success::Reported(PowerCommand::Reboot | PowerCommand::Diag) => "Success: Rebooted",
    }
}

fn status_line(state: PowerState) -> &'static str {
    match state {
        PowerState::Off => "Status: OFF",
        PowerState::On | PowerState::Unknown => "Status: ON",
    }
}

fn log_remark(success: &Success, place: &str) {
    let Success::Observed(done) = success else { return };
    match done.remark() {
        Some(remark @ Remark::NotOnAgain(_)) => log::error!("{place}: {remark}"),
        Some(remark @ Remark::Unverified) => log::warn!("{place}: {remark}"),
        Some(remark @ Remark::Restarted(_)) => log::info!("{place}: {remark}"),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Behaviour, Run, run_plugs_with_input, run_with_input, set_machine, the_machine,
    };

    fn run(power: PowerState, behaviour: Behaviour, action: &str) -> Run {
        set_machine(power, behaviour);
        run_with_input(&format!("ip=h\npower_wait=0\n{action}"))
    }

    #[test]
    fn each_outcome_has_its_line_and_exit_code() {
        use PowerState::{Off, On};
        for (power, action, line, exit) in [
            (On, "status", "Status: ON\n", Exit::Success),
            (Off, "status", "Status: OFF\n", Exit::Off),
            (On, "monitor", "", Exit::Success),
            (Off, "monitor", "", Exit::Success),
            (On, "on", "Success: Already ON\n", Exit::Success),
            (Off, "on", "Success: Powered ON\n", Exit::Success),
            (On, "off", "Success: Powered OFF\n", Exit::Success),
            (Off, "off", "Success: Already OFF\n", Exit::Success),
            (On, "reboot", "Success: Rebooted\n", Exit::Success),
            (Off, "reboot", "Success: Rebooted\n", Exit::Success),
            (On, "diag", "Success: Rebooted\n", Exit::Success),
            (On, "list", "", Exit::Success),
            (On, "list-status", "", Exit::Success),
        ] {
            let run = run(power, Behaviour::Obeys, &format!("action={action}"));
            assert_eq!(run.stdout, line, "{action} of a machine that is {power}");
            assert_eq!(run.exit, exit, "{action} of a machine that is {power}");
            assert_eq!(run.stderr(), [""; 0], "success is silent");
        }
    }

    #[test]
    fn a_failure_is_one_line_on_standard_error_and_nothing_on_standard_output() {
        for action in ["status", "monitor", "on", "off", "reboot", "diag"] {
            let run = run(PowerState::On, Behaviour::Refuses, &format!("action={action}"));
            assert_eq!((run.exit, run.stdout.as_str()), (Exit::Failure, ""), "{action}");
            let [line] = run.stderr()[..] else { panic!("{action}: {:?}", run.logs) };
            assert!(line.starts_with("ERROR: Failed: "), "{line}");
            assert!(line.ends_with("wrong\\npassword"), "{line}");
        }
    }

    #[test]
    fn a_machine_that_stays_off_after_a_reboot_was_fenced() {
        let run = run(PowerState::On, Behaviour::StaysOff, "action=reboot");
        assert_eq!((run.exit, run.stdout.as_str()), (Exit::Success, "Success: Rebooted\n"));
        let [line] = run.stderr()[..] else { panic!("{:?}", run.logs) };
        assert!(line.starts_with("ERROR: test: the machine was fenced, but "), "{line}");
        assert!(line.contains("no power supply"), "{line}");
    }

    #[test]
    fn an_unverified_cycle_is_warned_about() {
        let cycle = "action=reboot\nmethod=cycle\npower_timeout=1\nunverified_cycle=1";
        let run = run(PowerState::On, Behaviour::Obeys, cycle);
        assert_eq!((run.exit, run.stdout.as_str()), (Exit::Success, "Success: Rebooted\n"));
        let [line] = run.stderr()[..] else { panic!("{:?}", run.logs) };
        assert!(line.starts_with("WARNING: test: nothing proves that power was off"), "{line}");
    }

    fn run_plug(power: PowerState, behaviour: Behaviour, request: &str) -> Run {
        set_machine(power, behaviour);
        run_plugs_with_input(request)
    }

    #[test]
    fn what_a_provider_reports_has_the_same_lines_and_exit_codes() {
        use PowerState::{Off, On, Unknown};
        for (power, action, line, exit) in [
            (On, "on", "Success: Powered ON\n", Exit::Success),
            (On, "off", "Success: Powered OFF\n", Exit::Success),
            (Off, "off", "Success: Powered OFF\n", Exit::Success),
            (On, "reboot", "Success: Rebooted\n", Exit::Success),
            (On, "diag", "Success: Rebooted\n", Exit::Success),
            (On, "status", "Status: ON\n", Exit::Success),
            (Unknown, "status", "Status: ON\n", Exit::Success),
            (Off, "status", "Status: OFF\n", Exit::Off),
            (On, "monitor", "", Exit::Success),
        ] {
            let request = format!("nodename=node1\nport=node1\naction={action}");
            let run = run_plug(power, Behaviour::Obeys, &request);
            assert_eq!((run.exit, &*run.stdout), (exit, line), "{action} where power is {power}");
            assert_eq!(run.stderr(), [""; 0], "success is silent");
            assert_eq!(
                the_machine().commands,
                [format!("{action} node1").as_str(), "over", "finish"]
            );
        }
    }

    #[test]
    fn what_a_provider_has_observed_is_told_as_the_procedure_does() {
        use PowerState::{Off, On};
        for (power, action, line) in [
            (On, "on", "Success: Already ON\n"),
            (Off, "on", "Success: Powered ON\n"),
            (On, "off", "Success: Powered OFF\n"),
            (Off, "off", "Success: Already OFF\n"),
            (Off, "reboot", "Success: Rebooted\n"),
        ] {
            let request = format!("plug=observed\naction={action}");
            let run = run_plug(power, Behaviour::Obeys, &request);
            assert_eq!((run.exit, &*run.stdout), (Exit::Success, line), "{action} where {power}");
        }
        let run = run_plug(On, Behaviour::StaysOff, "plug=observed\naction=reboot");
        assert_eq!((run.exit, run.stdout.as_str()), (Exit::Success, "Success: Rebooted\n"));
        let [line] = run.stderr()[..] else { panic!("{:?}", run.logs) };
        assert!(line.starts_with("ERROR: observed: the machine was fenced, but "), "{line}");
    }

    #[test]
    fn plugs_are_listed_one_a_line_whatever_their_names() {
        use PowerState::{Off, On, Unknown};
        let run = run_plug(On, Behaviour::Obeys, "action=list");
        let evil = r#""node2\u{a}node3\u{2c}x""#;
        assert_eq!(run.stdout, format!("node1,one\n{evil},\n"));
        assert_eq!(the_machine().commands, ["list", "over", "finish"]);
        for (power, word) in [(On, "ON"), (Off, "OFF"), (Unknown, "UNKNOWN")] {
            let run = run_plug(power, Behaviour::Obeys, "action=list-status");
            assert_eq!(run.stdout, format!("node1,one,{word}\n{evil},,UNKNOWN\n"));
            assert_eq!((run.exit, run.stderr()), (Exit::Success, vec![]));
        }
    }

    #[test]
    fn the_failure_of_a_provider_is_one_line_on_standard_error() {
        for action in
            ["status", "monitor", "list", "list-status", "on", "off", "reboot", "diag", "fly"]
        {
            let request = format!("plug=node1\naction={action}");
            let run = run_plug(PowerState::Off, Behaviour::Refuses, &request);
            assert_eq!((run.exit, run.stdout.as_str()), (Exit::Failure, ""), "{action}");
            let [line] = run.stderr()[..] else { panic!("{action}: {:?}", run.logs) };
            let words =
                if action == "fly" { "Unrecognised action 'fly'" } else { "wrong\\npassword" };
            assert_eq!(line, format!("ERROR: Failed: {words}"));
        }
    }
}
