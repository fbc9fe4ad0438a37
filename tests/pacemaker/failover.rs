//! Two nodes and one service: whichever node is lost, it is off before the other one starts the service.

use bmc_sim::redfish::ResetType;

use super::bmc::Protocol::{self, Ipmi, Redfish};
use super::cib::Cib;
use super::cluster::Cluster;
use super::lab::{Setup, at_once, stage};
use super::loss::{Failure, Loss, SERVICE};
use crate::support::agent::program;

/// Each node and what it is fenced by, in the order in which the nodes are lost.
const NODES: [(&str, Protocol); 2] = [("node2", Ipmi), ("node1", Redfish)];

#[test]
fn a_lost_node_is_off_before_its_service_starts_elsewhere() {
    at_once([Failure::Crash, Failure::Cut, Failure::PowerLoss], |failure| {
        let mut cluster = Cluster::start(Setup::new(), 2, &each_by_its_own(NODES[0].0));
        for (node, protocol) in NODES {
            lose(&mut cluster, node, protocol, failure);
        }
        cluster.end();
    });
}

/// The node is lost; the other one gets the service.
fn lose(cluster: &mut Cluster, node: &str, protocol: Protocol, failure: Failure) {
    let (survivor, its) = NODES.into_iter().find(|(other, _)| *other != node).expect("two nodes");
    // In a cluster that is cut in two each half fences the other. The one that is to lose must not be quicker.
    let delay = |cluster: &Cluster, seconds| {
        let (device, name) = (its.device_id(survivor), "pcmk_delay_base");
        let words = ["crm_resource", "--resource", &device, "--set-parameter", name];
        cluster.must(survivor, &[&words[..], &["--parameter-value", seconds]].concat());
        cluster.wait_until_settled();
    };
    if failure == Failure::Cut {
        delay(cluster, "15s");
    }
    let loss = Loss::begin(cluster, node, failure);
    loss.wait_for_service(cluster);
    loss.verdict(cluster).unwrap_or_else(|complaint| panic!("{failure:?} of {node}: {complaint}"));
    let told = format!("using {}", protocol.device_id(node));
    assert!(loss.log(cluster).contains(&told), "{told}: {}", loss.log(cluster));
    cluster.wait_until_settled();
    if failure == Failure::Cut {
        delay(cluster, "0s");
    }
    assert_eq!(cluster.place_of(SERVICE).as_deref(), Some(survivor), "the service stays");
}

/// Each node by its own protocol; the service begins on this one.
fn each_by_its_own(first: &str) -> Cib {
    let cib = Cib::new().run(&Cluster::service(SERVICE)).prefer(SERVICE, first);
    NODES.iter().fold(cib, |cib, (node, protocol)| cib.run(&protocol.device(node)))
}

/// Why a node cannot be fenced for a while.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Its BMC has another password.
    Password,
    /// Its BMC is not on the network.
    Network,
}

#[test]
fn as_long_as_nobody_can_fence_nobody_starts_anything() {
    let troubles = [Trouble::Password, Trouble::Network];
    at_once(troubles.into_iter().flat_map(|trouble| NODES.map(|node| (trouble, node))), |case| {
        let (trouble, (node, protocol)) = case;
        let mut cluster = Cluster::start(Setup::new(), 2, &each_by_its_own(node));
        match trouble {
            Trouble::Password => cluster.bmc(node).change_password(protocol),
            Trouble::Network => cluster.bmc(node).unplug(),
        }
        let loss = Loss::begin(&mut cluster, node, Failure::Crash);
        loss.wait_for_failures(&cluster, 1);
        loss.assert_nothing_happened(&cluster);
        match trouble {
            Trouble::Password => cluster.bmc(node).restore_password(protocol),
            Trouble::Network => cluster.bmc(node).plug_in(),
        }
        loss.wait_for_service(&cluster);
        loss.verdict(&cluster).unwrap_or_else(|complaint| panic!("{case:?}: {complaint}"));
        cluster.end();
    });
}

#[test]
fn the_second_level_of_a_topology_fences_where_the_first_cannot() {
    at_once([first_level_works_and_is_mistaken, first_level_is_silent_and_both_fail], |scenes| {
        let mut cluster = Cluster::start(Setup::new(), 2, &in_two_levels());
        scenes(&mut cluster);
        cluster.end();
    });
}

/// Each node by IPMI, and where that fails by Redfish.
fn in_two_levels() -> Cib {
    let cib = Cib::new().run(&Cluster::service(SERVICE)).prefer(SERVICE, "node2");
    ["node1", "node2"].iter().fold(cib, |cib, node| {
        // The second way is tried as soon as the first has failed once.
        cib.run(&Ipmi.device(node).set("pcmk_reboot_retries", "1"))
            .run(&Redfish.device(node))
            .level(node, 1, &Ipmi.device_id(node))
            .level(node, 2, &Redfish.device_id(node))
    })
}

fn first_level_works_and_is_mistaken(cluster: &mut Cluster) {
    fence_by(cluster, "node2", Ipmi);
    cluster.bmc("node1").change_password(Ipmi);
    fence_by(cluster, "node1", Redfish);
}

fn first_level_is_silent_and_both_fail(cluster: &mut Cluster) {
    cluster.bmc("node2").silence(Ipmi);
    fence_by(cluster, "node2", Redfish);

    cluster.bmc("node1").change_password(Ipmi);
    cluster.bmc("node1").change_password(Redfish);
    let loss = Loss::begin(cluster, "node1", Failure::Crash);
    loss.wait_for_failures(cluster, 2);
    loss.assert_nothing_happened(cluster);
    cluster.bmc("node1").restore_password(Redfish);
    loss.wait_for_service(cluster);
    loss.verdict(cluster).unwrap();
}

/// The node is lost, and fenced by the level that has this protocol.
fn fence_by(cluster: &mut Cluster, node: &str, protocol: Protocol) {
    let before = cluster.bmc(node).redfish_resets().len();
    let loss = Loss::begin(cluster, node, Failure::Crash);
    loss.wait_for_service(cluster);
    loss.verdict(cluster).unwrap_or_else(|complaint| panic!("{node}: {complaint}"));
    // A device with a BMC that it cannot talk to does not run.
    cluster.wait_until_online();
    let resets = cluster.bmc(node).redfish_resets_after(before);
    let reboot = [ResetType::ForceOff, ResetType::On];
    assert_eq!(resets, if protocol == Redfish { &reboot[..] } else { &[] }, "{node}");
}

/// The checks of this page are worth what they find out. (A machine whose power has failed is off, whatever an agent
/// says.)
#[test]
fn agents_that_fence_nothing_are_found_out() {
    let cases = [
        (Ipmi, Failure::Crash, both_by(Ipmi), "fail"),
        (Ipmi, Failure::Cut, both_by(Ipmi), "fail"),
        (Redfish, Failure::Crash, both_by(Redfish), "fail"),
        (Redfish, Failure::Cut, both_by(Redfish), "fail"),
        // A second level that could fence is not asked.
        (Ipmi, Failure::Crash, in_two_levels(), "lie"),
    ];
    at_once(cases, |(protocol, failure, cib, at_first)| {
        let setup = Setup::new()
            .agent("fence_real", program(protocol.agent()))
            .agent(protocol.agent(), stage("control"))
            .file("control", at_first);
        let mut cluster = Cluster::start(setup, 2, &cib);
        let loss = Loss::begin(&mut cluster, "node2", failure);
        if at_first == "fail" {
            loss.wait_for_failures(&cluster, 3);
            loss.assert_nothing_happened(&cluster);
            std::fs::write(cluster.lab().folder().join("control"), "lie").unwrap();
        }
        loss.wait_for_service(&cluster);
        let complaint = loss.verdict(&cluster).expect_err("the node was not fenced");
        let wanted = "the service was started while it ran elsewhere";
        assert!(complaint.starts_with(wanted), "{protocol:?}, {failure:?}: {complaint}");
        cluster.end();
    });
}

/// The service begins on node2.
fn both_by(protocol: Protocol) -> Cib {
    let cib = Cib::new().run(&Cluster::service(SERVICE)).prefer(SERVICE, "node2");
    ["node1", "node2"].iter().fold(cib, |cib, node| cib.run(&protocol.device(node)))
}
