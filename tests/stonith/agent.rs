//! `fence_controller`, the fence agent that asks the controller.

use std::path::Path;
use std::time::Duration;

use bmc_sim::Power;
use ipmi_lan::command::PowerControl;
use serde_json::json;

use super::{NEVER, ipmi};
use crate::metadata::assert_accepted;
use crate::support::agent::{Agent, Run, program, send_signal};
use crate::support::controller::{Controller, Site};
use crate::support::sim::Sim;

/// Two machines, and their controller.
fn two() -> ([Sim; 2], Site, Controller) {
    let bmcs = [Sim::start(), Sim::start()];
    let site = Site::new();
    let lines = |bmc: &Sim| [bmc.lines(), vec!["login_timeout=1".to_owned()]].concat();
    let machines = [("node1", lines(&bmcs[0])), ("node2", lines(&bmcs[1]))];
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&machines)));
    controller.wait_until_reachable(2);
    (bmcs, site, controller)
}

fn run(site: &Site, lines: &[&str]) -> Run {
    site.agent().lines(lines).run()
}

/// Pacemaker looks for these words in what an agent says, and takes them for something else than a failure.
#[track_caller]
fn assert_is_failure(run: &Run, words: &str) {
    run.expect_failure(words);
    for misread in ["imed out", "Unrecognised action"] {
        assert!(!run.stderr.contains(misread), "{run:?}");
    }
}

/// Whoever reads that there is no controller wants one.
#[track_caller]
fn assert_tells_next_step(run: &Run) {
    let unit = "stonith-controller@test";
    assert!(run.stderr.contains(&format!("systemctl start {unit}, or ")), "{run:?}");
    assert!(run.stderr.ends_with(&format!("journalctl -u {unit}\n")), "{run:?}");
}

#[test]
fn every_action_is_what_cluster_managers_expect() {
    let (bmcs, site, controller) = two();
    run(&site, &["action=list"]).expect(0, "node1,\nnode2,\n");
    run(&site, &["action=list-status"]).expect(0, "node1,,ON\nnode2,,ON\n");
    run(&site, &["action=monitor"]).expect(0, "");
    run(&site, &["action=status", "plug=node2"]).expect(0, "Status: ON\n");
    run(&site, &["action=off", "plug=node2"]).expect(0, "Success: Powered OFF\n");
    assert_eq!(bmcs.each_ref().map(|bmc| bmc.power()), [Power::On, Power::Off]);
    run(&site, &["action=status", "plug=node2"]).expect(2, "Status: OFF\n");
    run(&site, &["action=list-status"]).expect(0, "node1,,ON\nnode2,,OFF\n");
    run(&site, &["action=on", "plug=node2"]).expect(0, "Success: Powered ON\n");
    run(&site, &["action=reboot", "plug=node2"]).expect(0, "Success: Rebooted\n");
    run(&site, &["action=diag", "plug=node2"]).expect(0, "Success: Rebooted\n");
    run(&site, &["action=validate-all", "plug=node1"]).expect(0, "");
    // As pacemaker calls it, in the order of a hash table, and by the old names.
    let pacemaker =
        run(&site, &["nodename=node1", "action=reboot", "controller=test", "plug=node1"]);
    pacemaker.expect(0, "Success: Rebooted\n");
    assert_eq!(pacemaker.stderr, "");
    run(&site, &["nodename=node1", "option=off", "port=node1"]).expect(0, "Success: Powered OFF\n");
    // Without an action it is the one of the metadata.
    run(&site, &["plug=node1"]).expect(0, "Success: Rebooted\n");
    let sessions = bmcs.each_ref().map(|bmc| bmc.sessions());
    assert_eq!(sessions, [(1, 0); 2], "over the sessions that are there");
    controller.stop();
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let (bmcs, site, controller) = two();
    assert_is_failure(&run(&site, &["action=off", "plug=node3"]), "no target 'node3'");
    assert_is_failure(&run(&site, &["action=status", "plug=node3"]), "no target 'node3'");
    assert_is_failure(&run(&site, &["action=off"]), "plug");
    assert_is_failure(&run(&site, &["action=off", "plug="]), "plug");
    assert_is_failure(&run(&site, &["action=off", "plug=node1 node2"]), "no target 'node1 node2'");
    assert_is_failure(&run(&site, &["action=off", "plug=node1", "controller=a/b"]), "controller");
    let other = run(&site, &["action=off", "plug=node1", "controller=other"]);
    assert_is_failure(&other, "the controller other is not running");
    run(&site, &["action=fly", "plug=node1"]).expect_failure("Unrecognised action 'fly'");
    assert!(bmcs.iter().all(|bmc| bmc.commands().is_empty()));
    // A machine that does not obey, and a device that is gone.
    bmcs[0].with_faults(|faults| faults.ignore_power_off = true);
    let stuck = run(&site, &["action=off", "plug=node1", "power_timeout=4"]);
    stuck.expect_failure("node1: ");
    assert!(stuck.stderr.contains("timed out waiting to power OFF: power was still ON"));
    assert!(stuck.took < Duration::from_secs(8), "{stuck:?}");
    drop(bmcs);
    let gone = run(&site, &["action=off", "plug=node2", "power_timeout=20"]);
    gone.expect_failure("node2: ");
    controller.ask(json!({"request": "status", "probe": true, "within_ms": 12_000}));
    let monitor = run(&site, &["action=monitor"]);
    monitor.expect_failure("the controller reaches none of its devices: fence_ipmilan 127.0.0.1:");
    run(&site, &["action=list-status"]).expect(0, "node1,,UNKNOWN\nnode2,,UNKNOWN\n");
}

#[test]
fn a_controller_that_is_gone_is_told_at_once() {
    let (bmcs, site, controller) = two();
    let run = |lines: &[&str]| {
        let run = site.agent().lines(lines).run();
        assert!(run.took < Duration::from_millis(500), "{run:?}");
        run
    };
    let nowhere = Site::new();
    let none = nowhere.agent().lines(["action=off", "plug=node1"]).run();
    assert_is_failure(&none, "no controller is running");
    assert!(none.stderr.contains("systemctl start stonith-controller@NAME"), "{none:?}");
    // Killed, it leaves its socket.
    controller.kill();
    for action in ["off", "on", "reboot", "status", "monitor", "list", "list-status"] {
        let gone = run(&[&format!("action={action}"), "plug=node1"]);
        assert_is_failure(&gone, "the controller test is not running");
        assert_tells_next_step(&gone);
    }
    let directory = site.run_directory();
    let status = Agent::at(program("stonith-controller")).arguments(["status", "test"]);
    let status = status.arguments(["--run-directory", directory.to_str().expect("text")]).run();
    assert_is_failure(&status, "the controller test is not running");
    assert_tells_next_step(&status);
    // Stopped, it leaves none, and is the one that is meant still.
    site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmcs[0].lines())]))).stop();
    assert_is_failure(&run(&["action=off", "plug=node1"]), "the controller test is not running");
    let named = run(&["action=off", "plug=node1", "controller=test"]);
    assert_is_failure(&named, "the controller test is not running");
    assert!(bmcs.iter().all(|bmc| bmc.power() == Power::On));
}

#[test]
fn a_controller_that_hangs_is_not_waited_for_longer_than_the_caller_wants() {
    let (bmcs, site, controller) = two();
    controller.signal("STOP");
    for action in ["off", "list"] {
        let action = format!("action={action}");
        let run = run(&site, &[&action, "plug=node1", "power_timeout=1"]);
        run.expect_failure("timed out");
        assert!(run.took < Duration::from_secs(5), "{run:?}");
    }
    controller.signal("CONT");
    // What was asked for before nobody waits for any more.
    controller.status();
    assert_eq!(bmcs[0].power(), Power::On);
    run(&site, &["action=off", "plug=node1"]).expect(0, "Success: Powered OFF\n");
    assert_eq!(bmcs[0].commands(), [PowerControl::PowerDown]);
}

#[test]
fn a_controller_that_dies_has_told_no_success() {
    let bmc = Sim::start_with(|config| config.power_delay = Duration::from_secs(2));
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    let running = site.agent().lines(["action=off", "plug=node1"]).start();
    bmc.wait_for(super::is_command(PowerControl::PowerDown));
    send_signal(controller.id(), "KILL");
    assert_is_failure(&running.finish(), "the controller test went away before it answered");
}

#[test]
fn which_of_two_controllers_is_meant_has_to_be_said() {
    let (bmcs, site, controller) = two();
    let third = Sim::start();
    let mut other = site.start_called("other", &ipmi(&[("node3", third.lines())]));
    other.wait_until_it_listens();
    let unclear = run(&site, &["action=off", "plug=node3"]);
    assert_is_failure(&unclear, "several controllers are there");
    assert!(unclear.stderr.contains("other, test"), "{unclear:?}");
    let lines = ["action=off", "plug=node3", "controller=other"];
    run(&site, &lines).expect(0, "Success: Powered OFF\n");
    let wrong = run(&site, &["action=off", "plug=node3", "controller=test"]);
    assert_is_failure(&wrong, "no target 'node3'");
    assert_eq!(third.power(), Power::Off);
    // Of two the one that is left is not meant by that: the other one may have a machine of the same name.
    other.stop();
    let unclear = run(&site, &["action=off", "plug=node1"]);
    assert_is_failure(&unclear, "several controllers are there");
    let named = run(&site, &["action=off", "plug=node1", "controller=test"]);
    named.expect(0, "Success: Powered OFF\n");
    assert_eq!(bmcs[0].power(), Power::Off);
    controller.stop();
}

#[test]
fn its_delay_is_waited_for_once() {
    let (bmcs, site, _controller) = two();
    let off = run(&site, &["action=off", "plug=node1", "delay=2"]);
    off.expect(0, "Success: Powered OFF\n");
    assert!(off.took >= Duration::from_secs(2) && off.took < Duration::from_secs(4), "{off:?}");
    assert_eq!(bmcs[0].power(), Power::Off);
    let on = run(&site, &["action=on", "plug=node1", "delay=2"]);
    assert!(on.took < Duration::from_secs(2), "{on:?}");
}

/// As of the other agents.
#[test]
fn its_metadata_are_those_of_a_fence_agent_with_plugs() {
    let agent = Agent::at(program("fence_controller"));
    let metadata = agent.clone().lines(["action=metadata"]).run();
    assert_eq!((metadata.code, metadata.stderr.as_str()), (Some(0), ""));
    assert_accepted("fence_controller", &metadata.stdout);
    let document = roxmltree::Document::parse(&metadata.stdout).expect("XML");
    let named = |tag: &str| -> Vec<_> {
        let nodes = document.descendants().filter(|node| node.has_tag_name(tag));
        nodes.filter_map(|node| node.attribute("name")).map(str::to_owned).collect()
    };
    let parameters = named("parameter");
    for parameter in ["action", "controller", "plug", "port", "run_directory", "delay"] {
        assert!(parameters.iter().any(|name| name == parameter), "{parameters:?}");
    }
    let actions = named("action");
    for action in ["on", "off", "reboot", "status", "monitor", "list", "list-status", "metadata"] {
        assert!(actions.iter().any(|name| name == action), "{actions:?}");
    }
    let help = agent.arguments(["--help"]).run();
    assert!(help.stdout.starts_with("fence_controller: "), "{help:?}");
    assert!(Path::new(program("fence_controller")).exists());
}
