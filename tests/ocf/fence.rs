use std::collections::BTreeSet;
use std::time::Duration;

use bmc_sim::EventKind;
use ipmi_lan::command::PowerControl;

use super::{SLOW, controller_of};
use crate::support::sim::Sim;

#[test]
fn a_list_that_is_wrong_fences_nobody() {
    let bmcs = [Sim::start(), Sim::start()];
    let resource = controller_of(&bmcs);
    resource.start();
    let long = vec!["node1"; 5000].join(",") + "," + &"x".repeat(300);
    for list in ["", ",", "node1,", "node1,,node2", "node1, node2", "node1 node2", "node1\n", &long]
    {
        let run = resource.fencing(list).run();
        run.expect(2, "");
        assert!(run.stderr.contains("STONITH_NODES"), "{list:?}: {run:#?}");
    }
    resource.run("fence").expect(2, "");
    assert!(bmcs.iter().all(|bmc| bmc.commands().is_empty()));
}

/// Each machine once, all at the same time, and each told as soon as it is known.
#[test]
fn nodes_are_fenced_at_the_same_time() {
    let slow = Sim::start_with(|config| config.power_delay = Duration::from_millis(1500));
    let fast = Sim::start();
    let resource = controller_of([&slow, &fast]).with("fence_action", "off");
    resource.start();
    let run = resource.fencing("node1,node2,node9,node1").run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    let unknown = "node9: failed: this controller has no target 'node9'";
    assert_eq!(lines, [unknown, "node2: success", "node1: success"], "{run:#?}");
    assert_eq!(slow.commands(), [PowerControl::PowerDown]);
    assert_eq!(fast.commands(), [PowerControl::PowerDown]);
    // It is so already.
    let run = resource.fencing("node1,node2").run();
    let lines: BTreeSet<_> = run.stdout.lines().collect();
    assert_eq!((run.code, lines), (Some(0), ["node1: success", "node2: success"].into()));
    assert_eq!(slow.sessions(), (1, 0), "one session for everything");
}

#[test]
fn it_fails_when_no_device_was_reached_and_only_then() {
    let bmcs = [Sim::start(), Sim::start_with(|config| config.faults.ignore_power_off = true)];
    let resource = controller_of(&bmcs).with("power_timeout", "1");
    resource.start();
    let disobedient = resource.fencing("node2").run();
    assert_eq!(disobedient.code, Some(0), "{disobedient:#?}");
    assert!(disobedient.stdout.starts_with("node2: failed: "), "{disobedient:#?}");
    bmcs[1].with_faults(|faults| faults.silent = true);
    let run = resource.fencing("node2").run();
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.stdout.starts_with("node2: failed: "), "{run:#?}");
    assert!(run.stderr.contains("ocf-exit-reason:no device could be reached"), "{run:#?}");
    let run = resource.fencing("node1,node2").run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stdout.starts_with("node1: success\nnode2: failed: "), "{run:#?}");
}

#[test]
fn where_no_controller_runs_each_node_is_told_of() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    let run = resource.fencing("b,a").run();
    let reason = "the controller fencing:0 is not running; nothing was done";
    run.expect(1, &format!("a: failed: {reason}\nb: failed: {reason}\n"));
    assert!(run.took < Duration::from_secs(5), "{run:#?}");
}

/// The machine is on its way down, and nobody has seen it off.
#[test]
fn a_controller_that_is_killed_in_the_middle_has_fenced_nobody() {
    let bmc = Sim::start_with(|config| config.power_delay = Duration::from_secs(3));
    let quick = Sim::start();
    let resource = controller_of([&bmc, &quick]).with("fence_action", "off");
    resource.start();
    let fencing = resource.fencing("node1,node2").start();
    bmc.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
    quick.wait_for(|event| matches!(event, EventKind::PowerOff));
    resource.signal("KILL");
    let run = fencing.finish();
    assert_eq!(run.code, Some(1), "{run:#?}");
    let lost = "node1: failed: the controller fencing:0 went away before it answered; the power state is not known";
    assert!(run.stdout.lines().any(|line| line == lost), "{run:#?}");
    resource.run("monitor").expect(7, "");
    resource.start();
    resource.fencing("node1").run().expect(0, "node1: success\n");
}

/// The cluster would kill an agent that takes longer.
#[test]
fn a_machine_that_takes_too_long_is_told_of_in_time() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let resource = controller_of([&bmc]);
    resource.start();
    let fencing = resource.fencing("node1").environment("OCF_RESKEY_CRM_meta_timeout", "4000");
    let run = fencing.run();
    assert!(run.took < Duration::from_secs(4) + SLOW, "{run:#?}");
    assert!(run.stdout.starts_with("node1: failed: "), "{run:#?}");
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
}
