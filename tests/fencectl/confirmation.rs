//! The question before more than one machine is switched off.

use super::{expect_refusal, logged_in};
use crate::support::farm::Bmcs;
use crate::support::terminal::Terminal;

fn terminal(arguments: &[&str]) -> Terminal {
    Terminal::start(logged_in(arguments).environment("TERM", "xterm").command())
}

#[test]
fn where_nobody_can_be_asked_yes_is_needed() {
    let bmcs = Bmcs::start(2);
    for word in ["off", "reboot", "cycle", "diag"] {
        let run = logged_in(&["power", word, &bmcs.hosts("1-2")]).lines(["yes"]).run();
        expect_refusal(&run, "2 machines needs --yes where nobody can be asked");
        let run = logged_in(&["run", "fence_ipmilan", "off", &bmcs.hosts("1-2")]).run();
        expect_refusal(&run, "powering off 2 machines needs --yes");
    }
    assert_eq!(bmcs.on(), [true, true]);
    assert_eq!((bmcs.sessions(1), bmcs.sessions(2)), ((0, 0), (0, 0)));
    let run = logged_in(&["power", "off", &bmcs.host(1)]).run();
    assert_eq!((run.code, bmcs.on()), (Some(0), vec![false, true]), "one needs no question");
}

#[test]
fn anything_but_yes_switches_nothing() {
    let bmcs = Bmcs::start(7);
    for answer in ["no", "", "y", "YES!", "yes please"] {
        let mut terminal = terminal(&["power", "off", &bmcs.hosts("1-7")]);
        terminal.wait_for("This powers off 7 machines: ");
        terminal.wait_for(&format!("{} and 2 more.", bmcs.host(5))).wait_for("Type yes to go on: ");
        terminal.type_line(answer);
        let (code, screen) = terminal.end();
        assert_eq!(code, 1, "{screen:?}");
        assert!(screen.contains("fencectl: nothing was done"), "{screen:?}");
    }
    assert_eq!(bmcs.on(), [true; 7]);
    assert_eq!(bmcs.sessions(1), (0, 0));
}

#[test]
fn what_is_typed_before_the_question_is_no_answer() {
    let bmcs = Bmcs::start(2);
    let command = logged_in(&["power", "off", &bmcs.hosts("1-2")]).command();
    let mut terminal = Terminal::start_after(b"yes\n", command);
    terminal.wait_for("go on: ").type_line("no");
    let (code, screen) = terminal.end();
    assert_eq!((code, bmcs.on()), (1, vec![true, true]), "{screen:?}");
}

#[test]
fn yes_switches_them_all() {
    let bmcs = Bmcs::start(3);
    let mut terminal = terminal(&["power", "off", &bmcs.hosts("1-3")]);
    terminal.wait_for("Type yes to go on: ").type_line("yes");
    let (code, screen) = terminal.end();
    assert_eq!((code, bmcs.on()), (0, vec![false; 3]), "{screen:?}");
}

#[test]
fn an_interrupted_question_switches_nothing() {
    let bmcs = Bmcs::start(2);
    let mut terminal = terminal(&["power", "reboot", &bmcs.hosts("1-2")]);
    terminal.wait_for("This reboots 2 machines").wait_for("go on: ").interrupt();
    terminal.end_by_signal();
    assert_eq!((bmcs.sessions(1), bmcs.sessions(2)), ((0, 0), (0, 0)));
}
