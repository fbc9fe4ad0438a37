//! Input as such, whoever calls: whole, unfinished, or none.

use std::fs;

use crate::support::agent::Agent;
use crate::support::sim::Sim;

#[test]
fn input_is_read_to_its_end_and_without_a_last_newline() {
    let bmc = Sim::start();
    let text = bmc.lines().join("\r\n") + "\r\n# a comment\r\n\r\n  action = off\r\n action=status";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    fs::write(&file, text).unwrap();
    let script = format!("exec \"$0\" <'{}'", file.display());
    let run = Agent::ours().through("sh", &["-c", &script]).run();
    run.expect(0, "Status: ON\n");
}

#[test]
fn without_any_input_nothing_is_fenced() {
    Agent::ours().run().expect_failure("you have to enter the fence address");
    let closed = Agent::ours().through("sh", &["-c", "exec \"$0\" <&-"]).run();
    closed.expect_failure("you have to enter the fence address");
}

#[test]
fn quiet_silences_standard_error_only() {
    let bmc = Sim::start();
    let quiet = Agent::ours().lines(bmc.lines()).lines(["quiet=1", "action=status"]);
    quiet.run().expect(0, "Status: ON\n");
    let run = quiet.lines(["password=wrong"]).run();
    run.expect(1, "");
    assert_eq!(run.stderr, "");
}

#[test]
fn without_what_redfish_needs_nothing_is_fenced() {
    let without = |stdin: &str| Agent::redfish().lines([stdin]).run();
    without("").expect_failure("you have to enter");
    without("ip=127.0.0.1").expect_failure("you have to enter the login name");
    without("ip=127.0.0.1\nusername=u").expect_failure("you have to enter password or password");
}
