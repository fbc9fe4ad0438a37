use std::time::Duration;

use super::resource::{is_alive, send};
use super::{SLOW, controller_of};
use crate::support::sim::Sim;

/// A cluster that cannot stop a resource fences the node.
#[test]
fn a_controller_that_hangs_is_ended_within_the_time() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    resource.start();
    let pid = resource.signal("STOP");
    let monitored = resource.within(Duration::from_secs(3), "monitor").run();
    monitored.expect_failure("timed out");
    assert!(monitored.took < Duration::from_secs(3) + SLOW, "{monitored:#?}");
    let fenced = resource.fencing("node1").environment("OCF_RESKEY_CRM_meta_timeout", "2000").run();
    assert_eq!(fenced.code, Some(1), "{fenced:#?}");
    assert!(
        fenced.stdout.starts_with("node1: failed: the controller fencing:0 timed out"),
        "{fenced:#?}"
    );
    assert!(fenced.stdout.ends_with("the power state is not known\n"), "{fenced:#?}");
    let run = resource.within(Duration::from_secs(8), "stop").run();
    run.expect(0, "");
    assert!(run.took < Duration::from_secs(8) + SLOW, "{run:#?}");
    assert!(!is_alive(pid));
    resource.start();
}

/// It begins: it holds its lock, and does not listen yet.
#[test]
fn a_controller_that_is_just_starting_is_stopped() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    for _ in 0..5 {
        let start = resource.agent("start").start();
        resource.run("stop").expect(0, "");
        start.finish();
        resource.run("stop").expect(0, "");
        resource.run("monitor").expect(7, "");
    }
}

/// What is under way comes to its end, and is told.
#[test]
fn a_fencing_that_is_under_way_is_finished() {
    let bmc = Sim::start_with(|config| config.power_delay = Duration::from_secs(1));
    let resource = controller_of([&bmc]).with("fence_action", "off");
    resource.start();
    let fencing = resource.fencing("node1").start();
    bmc.wait_for(|event| matches!(event, bmc_sim::EventKind::ChassisControl { .. }));
    resource.run("stop").expect(0, "");
    fencing.finish().expect(0, "node1: success\n");
    assert_eq!(bmc.sessions(), (1, 1));
}

#[test]
fn a_controller_that_was_stopped_and_goes_on_is_stopped_by_asking() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    resource.start();
    let pid = resource.signal("STOP");
    let stop = resource.agent("stop").start();
    send(pid, "CONT");
    stop.finish().expect(0, "");
    assert_eq!(bmc.sessions(), (1, 1), "the session was given back");
}
