//! What an outcome is to the caller: a line on standard output, remarks in the logs, and an exit code.

use std::io::{self, Write};

use fencing::PowerState;
use fencing::procedure::{Done, Outcome, Remark};

use crate::exit::Exit;

/// Tells the caller of an outcome.
///
/// The outcome stands even if nobody reads the line: the exit code tells of it too, and a caller who is told of a
/// failure instead would fence again.
pub(crate) fn report(outcome: &Outcome, address: &str, stdout: &mut dyn Write) -> Exit {
    if let Some(line) = line(outcome)
        && let Err(error) = print(stdout, &format!("{line}\n"))
    {
        log::warn!("cannot write '{line}' to standard output: {error}");
    }
    log_remark(outcome, address);
    exit(outcome)
}

/// Writes all of it, now.
pub(crate) fn print(stdout: &mut dyn Write, text: &str) -> io::Result<()> {
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// These lines are the interface; nothing in them may change.
fn line(outcome: &Outcome) -> Option<&'static str> {
    let done = match outcome {
        Outcome::Status(reading) => {
            return Some(match reading.state() {
                PowerState::Off => "Status: OFF",
                PowerState::On | PowerState::Unknown => "Status: ON",
            });
        }
        Outcome::Monitored(_) | Outcome::NoPlugs => return None,
        Outcome::Done(done) => done,
    };
    Some(match done {
        Done::AlreadyOn(_) => "Success: Already ON",
        Done::PoweredOn(_) => "Success: Powered ON",
        Done::AlreadyOff(_) => "Success: Already OFF",
        Done::PoweredOff(_) => "Success: Powered OFF",
        Done::Rebooted { .. } | Done::DiagAcknowledged => "Success: Rebooted",
    })
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Status(reading) => reading.state().into(),
        Outcome::Done(_) | Outcome::Monitored(_) | Outcome::NoPlugs => Exit::Success,
    }
}

fn log_remark(outcome: &Outcome, address: &str) {
    let Outcome::Done(done) = outcome else { return };
    match done.remark() {
        Some(remark @ Remark::NotOnAgain(_)) => log::error!("{address}: {remark}"),
        Some(remark @ Remark::Unverified) => log::warn!("{address}: {remark}"),
        Some(remark @ Remark::Restarted(_)) => log::info!("{address}: {remark}"),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Behaviour, Run, run_with_input, set_machine};

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
}
