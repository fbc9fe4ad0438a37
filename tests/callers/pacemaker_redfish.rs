//! pacemaker calls `fence_redfish`: its words, its environment, its signals.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{Quirk, RedfishEventKind, RedfishSystem, RedfishUser, ResetType};

use super::pacemaker::{as_pacemaker, expect_silent, processes_of};
use crate::support::agent::Agent;
use crate::support::redfish_sim::RedfishSim;

fn start() -> RedfishSim {
    RedfishSim::start_at("127.0.0.1:0", |_| {})
}

fn pacemaker() -> Agent {
    as_pacemaker(Agent::redfish())
}

/// Those that were asked for so far.
fn resets(bmc: &RedfishSim) -> Vec<ResetType> {
    let reset = |event| match event {
        RedfishEventKind::ResetAnswered { reset, .. } => Some(reset),
        _ => None,
    };
    bmc.happened().into_iter().filter_map(reset).collect()
}

#[test]
fn pacemaker_reboots_a_node_in_silence() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
        config.users = vec![RedfishUser::administrator("admin", "pa$s'w0rd")];
    });
    let (address, fingerprint) = (bmc.address(), format!("ssl_fingerprint={}", bmc.fingerprint()));
    let (ip, port) = (format!("ip={}", address.ip()), format!("ipport={}", address.port()));
    let mut lines = vec![
        "nodename=node2",
        &ip,
        "password=pa$s'w0rd",
        "action=reboot",
        "username=admin",
        &port,
        &fingerprint,
        "systems_uri=/redfish/v1/Systems/1",
        "port=node2",
    ];
    // The order is that of a hash table.
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        expect_silent(&pacemaker().lines(&lines).run(), 0, "Success: Rebooted\n");
    }
    let rebooted = [ResetType::ForceOff, ResetType::On].repeat(lines.len());
    assert_eq!(resets(&bmc), rebooted);
}

#[test]
fn pacemaker_asks_and_switches_with_the_node_as_port_or_plug() {
    let bmc = start();
    for (lines, code, stdout) in [
        (&["action=monitor"][..], 0, ""),
        (&["action=list"], 0, ""),
        (&["action=status", "nodename=node1", "port=node1"], 0, "Status: ON\n"),
        (&["action=off", "nodename=node2", "plug=node2"], 0, "Success: Powered OFF\n"),
        (&["action=monitor"], 0, ""),
        (&["action=status", "nodename=node1", "plug=node1"], 2, "Status: OFF\n"),
        (&["action=on", "nodename=node2", "port=node2", "nodeid=2"], 0, "Success: Powered ON\n"),
        (&["action=validate-all", "nodename=node1", "port=node1"], 0, ""),
    ] {
        let run = pacemaker().lines(bmc.lines()).lines(lines).run();
        expect_silent(&run, code, stdout);
    }
}

/// pacemaker sends the node's name; a BMC of several nodes knows it as a host name, or `pcmk_host_map` makes it an id.
#[test]
fn pacemaker_fences_one_of_several_nodes_by_its_name() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
        config.systems = ["Node0", "Node1"].map(RedfishSystem::new).to_vec();
        config.systems[0].host_name = "node1".to_owned();
    });
    for (lines, off) in [
        (&["port=node1", "nodename=node1"][..], "Node0"),
        (&["port=Node1", "nodename=node2"], "Node1"),
    ] {
        let run = pacemaker().lines(bmc.lines()).lines(lines).lines(["action=off"]).run();
        expect_silent(&run, 0, "Success: Powered OFF\n");
        assert_eq!(bmc.power(off), Some(Power::Off), "{lines:?}");
        bmc.set_power(off, Power::On);
    }
    let run = pacemaker().lines(bmc.lines()).lines(["port=node3", "nodename=node3"]).run();
    run.expect_failure("several systems: ");
    assert_eq!(resets(&bmc).len(), 2);
}

#[test]
fn an_empty_value_of_the_cib_is_no_value() {
    let bmc = start();
    let empty = [
        "systems_uri=",
        "redfish_uri=",
        "ssl=",
        "ssl_secure=",
        "ssl_ca_bundle=",
        "ssl_fingerprint=",
        "graceful_off=",
        "gnutlscli_path=",
        "method=",
        "power_timeout=",
        "power_wait=",
        "delay=",
        "retry_on=",
        "verbose=",
        "debug_file=",
        "password_script=",
        "port_as_ip=",
        "plug=",
        "disable_timeout=",
    ];
    let run = pacemaker().lines(bmc.lines()).lines(empty).lines(["action=status"]).run();
    expect_silent(&run, 0, "Status: ON\n");
}

#[test]
fn under_pacemaker_fenced_a_machine_that_goes_off_late_is_fenced() {
    let delay = Duration::from_secs(3);
    let bmc = RedfishSim::start_at("127.0.0.1:0", |config| config.power_delay = delay);
    let lines = ["action=off", "power_timeout=1"];
    let run = pacemaker().lines(bmc.lines()).lines(lines).run();
    expect_silent(&run, 0, "Success: Powered OFF\n");
    assert!(run.took >= delay, "{run:#?}");
}

/// A session that stays open takes one of the few places.
#[test]
fn a_signal_ends_the_agent_with_a_failure_and_closes_the_session() {
    for signal in ["TERM", "INT", "HUP"] {
        let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
            config.quirks.insert(Quirk::BasicRefused);
            config.faults.ignore_resets = true;
        });
        let running = pacemaker().lines(bmc.lines()).lines(["action=reboot"]).start();
        bmc.wait_for(|event| matches!(event, RedfishEventKind::ResetAnswered { .. }));
        running.signal(signal);
        running.finish().expect_failure(&format!("interrupted by SIG{signal}"));
        assert_eq!(bmc.counts().sessions_open, 0, "{signal}");
    }
}

/// Pacemaker's own time-out kills the agent's process group without a warning.
#[test]
fn sigkill_leaves_no_process() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |config| config.faults.ignore_resets = true);
    let agent = pacemaker().through("setsid", &[]).lines(bmc.lines()).lines(["action=reboot"]);
    let running = agent.start();
    bmc.wait_for(|event| matches!(event, RedfishEventKind::ResetAnswered { .. }));
    let session = running.id();
    assert_eq!(processes_of(session), [session]);
    running.signal("KILL");
    let run = running.finish();
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (None, "", ""));
    assert_eq!(processes_of(session), [0; 0]);
}
