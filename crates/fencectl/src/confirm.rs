//! A last question before more than one machine loses its power.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use fencing::Action;
use rustix::termios::{QueueSelector, tcflush};

use crate::failure::Failure;
use crate::show::printable;

/// How many machines the question names.
const NAMED: usize = 5;

/// Asks, where the action takes power from more than one machine, unless the user has said yes already.
pub(crate) fn confirm(what: Act, hosts: &[&str], yes: bool) -> Result<(), Failure> {
    if yes || hosts.len() < 2 {
        return Ok(());
    }
    let Some(verb) = what.verb() else { return Ok(()) };
    if !io::stdin().is_terminal() {
        return Err(Failure::NobodyToAsk { what: verb.doing, count: hosts.len() });
    }
    // What was typed before the question is no answer to it.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let _ = write!(io::stderr(), "{}", question(verb.does, hosts));
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::Refused) }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) action: Action,
    /// A reboot by one power cycle.
    pub(crate) is_cycle: bool,
}

struct Verb {
    does: &'static str,
    doing: &'static str,
}

impl Act {
    /// The words for what does harm.
    fn verb(self) -> Option<Verb> {
        let (does, doing) = match self.action {
            Action::Off => ("powers off", "powering off"),
            Action::Reboot if self.is_cycle => ("power cycles", "power cycling"),
            Action::Reboot => ("reboots", "rebooting"),
            Action::Diag => ("interrupts", "interrupting"),
            Action::On | Action::Status | Action::Monitor | Action::List | Action::ListStatus => {
                return None;
            }
        };
        Some(Verb { does, doing })
    }
}

fn question(does: &str, hosts: &[&str]) -> String {
    let named: Vec<_> = hosts.iter().take(NAMED).map(|host| printable(host)).collect();
    let more = match hosts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (count, named) = (hosts.len(), named.join(", "));
    format!("This {does} {count} machines: {named}{more}.\nType yes to go on: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF: Act = Act { action: Action::Off, is_cycle: false };

    #[test]
    fn the_question_says_how_many_and_which() {
        let hosts: Vec<String> = (1..=200).map(|number| format!("bmc{number}")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        assert_eq!(
            question("powers off", &hosts),
            "This powers off 200 machines: bmc1, bmc2, bmc3, bmc4, bmc5 and 195 more.\nType yes to go on: "
        );
        assert!(
            question("reboots", &["a", "b\x1b"])
                .starts_with("This reboots 2 machines: a, b\\u{1b}.\n")
        );
    }

    #[test]
    fn one_machine_and_what_does_no_harm_need_no_question() {
        assert!(confirm(OFF, &["a"], false).is_ok());
        assert!(confirm(OFF, &["a", "b"], true).is_ok());
        for action in [Action::On, Action::Status, Action::Monitor, Action::List] {
            assert!(confirm(Act { action, is_cycle: false }, &["a", "b"], false).is_ok());
        }
        for action in [Action::Off, Action::Reboot, Action::Diag] {
            assert!(Act { action, is_cycle: false }.verb().is_some());
        }
    }
}
