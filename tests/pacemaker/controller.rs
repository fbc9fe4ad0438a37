//! The controller as a resource of the cluster, on each node, and `fence_controller` as its only fence device; but for
//! a node that has one of its own as well, as the second level.

use std::process::Command;

use bmc_sim::redfish::ResetType;

use super::bmc::{PASSWORD, Protocol, USER, address};
use super::cib::{Cib, Primitive};
use super::cluster::Cluster;
use super::lab::Setup;
use super::loss::{Failure, Loss, SERVICE};
use crate::support::wait::{PATIENCE, wait_for};

const CONTROLLER: &str = "controller";
const CLONE: &str = "controller-clone";
const DEVICE: &str = "fencing";

#[test]
fn the_cluster_keeps_controllers_and_fences_through_them() {
    let setup = Setup::new()
        .agent("fence_controller", env!("CARGO_BIN_EXE_fence_controller"))
        .agent("stonith-controller", env!("CARGO_BIN_EXE_stonith-controller"))
        .linked_resource_agent("stonith", "ipmilan", "stonith-controller");
    let mut cluster = Cluster::start(setup, 2, &by_controllers());
    for node in ["node1", "node2"] {
        assert_eq!(controllers(&cluster, node).len(), 1, "{node}");
        let listed = cluster.must("node1", &["stonith_admin", "--list", node]);
        assert!(listed.contains(DEVICE), "{node}: {listed}");
    }
    a_killed_controller_is_there_again(&cluster);
    // One after the other, so that each has fenced, and was fenced, by the session of its own controller.
    for node in ["node2", "node1"] {
        let loss = Loss::begin(&mut cluster, node, Failure::Crash);
        loss.wait_for_service(&cluster);
        loss.verdict(&cluster).unwrap_or_else(|complaint| panic!("{node}: {complaint}"));
        let told = format!("using {DEVICE}");
        assert!(loss.log(&cluster).contains(&told), "{told}: {}", loss.log(&cluster));
        cluster.wait_until_settled();
    }
    a_stopped_controller_is_gone_and_fences_nothing(&cluster);
    the_second_level_fences_where_no_controller_runs(&mut cluster);
    cluster.end();
}

/// The controllers first: the device asks that of its node.
fn by_controllers() -> Cib {
    let places: Vec<_> =
        ["node1", "node2"].iter().map(|node| format!("{node}={}", address(node))).collect();
    let controller = Primitive::ocf(CONTROLLER, "stonith", "ipmilan")
        .set("hostlist", &places.join(" "))
        .set("username", USER)
        .set("password", PASSWORD)
        .set("lanplus", "1")
        .set("keepalive", "2")
        .operation("start", "0", "40s")
        .operation("monitor", "2s", "20s")
        .operation("stop", "0", "30s");
    Cib::new()
        .run(&Cluster::service(SERVICE))
        .prefer(SERVICE, "node2")
        .run_everywhere(&controller)
        .run(&Primitive::device(DEVICE, "fence_controller").set("controller", CONTROLLER))
        .order(CLONE, DEVICE)
        .run(&Protocol::Redfish.device("node2"))
        .level("node2", 1, DEVICE)
        .level("node2", 2, &Protocol::Redfish.device_id("node2"))
}

/// The processes of the daemon on a node.
fn controllers(cluster: &Cluster, node: &str) -> Vec<u32> {
    let processes = cluster.processes(node);
    let is_daemon = |name: &str| "stonith-controller".starts_with(name) && name.len() > 7;
    processes.iter().filter(|process| is_daemon(&process.name)).map(|process| process.id).collect()
}

fn a_killed_controller_is_there_again(cluster: &Cluster) {
    let before = controllers(cluster, "node1");
    let killed = Command::new("kill").args(["-KILL", &before[0].to_string()]).status();
    assert!(killed.expect("kill").success());
    wait_for("another controller on node1", PATIENCE, || {
        let now = controllers(cluster, "node1");
        (now.len() == 1 && now != before).then_some(())
    });
    cluster.wait_until_settled();
}

fn a_stopped_controller_is_gone_and_fences_nothing(cluster: &Cluster) {
    let role = ["--set-parameter", "target-role", "--parameter-value", "Stopped", "--meta"];
    cluster.must("node1", &[&["crm_resource", "--resource", CLONE], &role[..]].concat());
    wait_for("the end of the controllers", PATIENCE, || {
        let is_gone = ["node1", "node2"].iter().all(|node| controllers(cluster, node).is_empty());
        is_gone.then_some(())
    });
    let on = cluster.journal().len();
    let answer = cluster.run("node2", &["stonith_admin", "--off", "node1", "--timeout", "5"]);
    assert_ne!(answer.code, Some(0), "{answer:?}");
    assert_eq!(cluster.journal().len(), on, "{:#?}", cluster.journal());
    assert!(!cluster.processes("node1").is_empty());
}

fn the_second_level_fences_where_no_controller_runs(cluster: &mut Cluster) {
    let before = cluster.bmc("node2").redfish_resets().len();
    cluster.must("node1", &["stonith_admin", "--reboot", "node2", "--timeout", "30"]);
    let resets = cluster.bmc("node2").redfish_resets_after(before);
    assert_eq!(resets, [ResetType::ForceOff, ResetType::On]);
}
