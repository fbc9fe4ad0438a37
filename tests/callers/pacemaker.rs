//! pacemaker calls an agent: its words, its environment, its signals. tests/pacemaker has pacemaker itself.

use std::fs;

use bmc_sim::EventKind;
use bmc_sim::redfish::{Quirk, RedfishEventKind, RedfishSystem};

use super::trial::Parameters;
use crate::support::agent::{Agent, Run};
use crate::support::comparison::redfish::{RedfishBmc, Setup};
use crate::support::comparison::{Bmc, LATE, different};
use crate::support::installed::Device;
use crate::support::ipmi_sim::IpmiSim;
use crate::support::process::Process;
use crate::support::redfish_sim::RedfishSim;
use crate::support::sim::Sim;

/// pacemaker's environment, as pacemaker-fenced passes it on. There is no HOME.
const PACEMAKER: &[(&str, &str)] = &[
    ("HA_cluster_type", "corosync"),
    ("HA_mcp", "true"),
    ("HA_quorum_type", "corosync"),
    ("LANG", "C.UTF-8"),
    ("OCF_OUTPUT_FORMAT", "log"),
    ("PCMK_cluster_type", "corosync"),
    ("PCMK_debug", "no"),
    ("PCMK_logfacility", "none"),
    ("PCMK_mcp", "true"),
    ("PCMK_quorum_type", "corosync"),
    ("PCMK_service", "pacemaker-fenced"),
    ("PCMK_watchdog", "false"),
];

#[test]
fn pacemaker_reboots_a_node_in_silence() {
    reboots_in_silence::<IpmiSim>(&[]);
    reboots_in_silence::<RedfishBmc>(&["systems_uri=/redfish/v1/Systems/1"]);
}

fn reboots_in_silence<B: Bmc>(own: &[&str]) {
    const PASSWORD: &str = "pa$s'w0rd";
    let bmc = B::start(&B::with_password(PASSWORD), true);
    let mut lines: Vec<_> = Parameters::of(&bmc).with("password", PASSWORD).lines().collect();
    let node = ["nodename=node2", "port=node2", "action=reboot"];
    lines.extend(node.iter().chain(own).map(|&line| line.to_owned()));
    // The order is that of a hash table.
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        let run = as_pacemaker(Agent::ours_called(B::AGENT)).lines(&lines).run();
        expect_silent(&run, 0, "Success: Rebooted\n");
    }
    assert_eq!(different(&bmc.commands()), ["off", "on"].repeat(lines.len()));
}

#[test]
fn pacemaker_asks_and_switches_with_the_node_as_port_or_plug() {
    asks_and_switches::<IpmiSim>();
    asks_and_switches::<RedfishBmc>();
}

fn asks_and_switches<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), true);
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
        expect_silent(&called(&bmc).lines(lines).run(), code, stdout);
    }
    assert_eq!(different(&bmc.commands()), ["off", "on"]);
}

/// pacemaker sends the node's name; a BMC of several nodes knows it as a host name, or `pcmk_host_map` makes it an id.
#[test]
fn pacemaker_fences_one_of_several_nodes_by_its_name() {
    let change = |config: &mut bmc_sim::redfish::RedfishConfig| {
        config.systems = ["Node0", "Node1"].map(RedfishSystem::new).to_vec();
        config.systems[0].host_name = "node1".to_owned();
    };
    let start = || RedfishBmc::start(&Setup { change, ..Setup::default() }, true);
    for (lines, command, power) in [
        (["port=node1", "nodename=node1"], "Node0:off", "off on"),
        (["port=Node1", "nodename=node2"], "Node1:off", "on off"),
    ] {
        let bmc = start();
        let run = called(&bmc).lines(lines).lines(["action=off"]).run();
        expect_silent(&run, 0, "Success: Powered OFF\n");
        assert_eq!((different(&bmc.commands()), bmc.power().as_str()), (vec![command], power));
    }
    let bmc = start();
    let run = called(&bmc).lines(["port=node3", "nodename=node3"]).run();
    run.expect_failure("several systems: ");
    assert_eq!(bmc.commands(), "");
}

/// Parameters that both agents have.
const EMPTY: &[&str] = &[
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
const EMPTY_OF_IPMI: &[&str] =
    &["privlvl=", "cipher=", "auth=", "hexadecimal_kg=", "target=", "ipmitool_path=", "lanplus="];
const EMPTY_OF_REDFISH: &[&str] = &[
    "systems_uri=",
    "redfish_uri=",
    "ssl=",
    "ssl_secure=",
    "ssl_ca_bundle=",
    "ssl_fingerprint=",
    "graceful_off=",
    "gnutlscli_path=",
];

#[test]
fn an_empty_value_of_the_cib_is_no_value() {
    takes_empty_values::<IpmiSim>(EMPTY_OF_IPMI);
    takes_empty_values::<RedfishBmc>(EMPTY_OF_REDFISH);
}

fn takes_empty_values<B: Bmc>(own: &[&str]) {
    let bmc = B::start(&B::Setup::default(), true);
    let run = called(&bmc).lines(EMPTY).lines(own).lines(["action=status"]).run();
    expect_silent(&run, 0, "Status: ON\n");
}

#[test]
fn a_port_is_the_address_only_with_port_as_ip() {
    let bmc = Sim::start();
    let without_ip = bmc.lines().into_iter().filter(|line| !line.starts_with("ip="));
    let status = as_pacemaker(Agent::ours()).lines(without_ip).lines(["action=status"]);
    for lines in [
        &["port_as_ip=1", "port=127.0.0.1"][..],
        &["port_as_ip=1", "plug=127.0.0.1", "ip=bmc.invalid"],
        &["port_as_ip=0", "port=node1", "ip=127.0.0.1"],
        &["port=node1", "ip=127.0.0.1"],
    ] {
        expect_silent(&status.clone().lines(lines).run(), 0, "Status: ON\n");
    }
    status.lines(["port=127.0.0.1"]).run().expect_failure("you have to enter the fence address");
}

#[test]
fn under_pacemaker_fenced_a_machine_that_goes_off_late_is_fenced() {
    is_fenced_late::<IpmiSim>();
    is_fenced_late::<RedfishBmc>();
}

fn is_fenced_late<B: Bmc>() {
    let bmc = B::start(&B::late(), true);
    let off = called(&bmc).lines(["action=off", "power_timeout=1"]);
    let run = off.run();
    expect_silent(&run, 0, "Success: Powered OFF\n");
    assert!(run.took >= LATE, "{run:#?}");

    let stuck = B::start(&B::never_off(), true);
    let off = called(&stuck).lines(["action=off", "power_timeout=1", "disable_timeout=0"]);
    off.run().expect_failure("timed out waiting to power OFF");
    assert_eq!(stuck.power(), "on");
}

/// A session that stays open takes one of the few places.
#[test]
fn a_signal_ends_the_agent_with_a_failure_and_closes_the_session() {
    for signal in ["TERM", "INT", "HUP"] {
        let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
        is_ended_by(signal, Agent::ours().lines(bmc.lines()), || {
            bmc.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
        });
        assert_eq!(bmc.sessions(), (1, 1), "{signal}");

        let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
            config.quirks.insert(Quirk::BasicRefused);
            config.faults.ignore_resets = true;
        });
        is_ended_by(signal, Agent::redfish().lines(bmc.lines()), || {
            bmc.wait_for(|event| matches!(event, RedfishEventKind::ResetAnswered { .. }));
        });
        assert_eq!(bmc.counts().sessions_open, 0, "{signal}");
    }
}

/// By the signal, when it has begun to fence.
fn is_ended_by(signal: &str, agent: Agent, begins: impl FnOnce()) {
    let running = as_pacemaker(agent).lines(["action=reboot"]).start();
    begins();
    running.signal(signal);
    running.finish().expect_failure(&format!("interrupted by SIG{signal}"));
}

/// Pacemaker's own time-out kills the agent's process group without a warning.
#[test]
fn sigkill_leaves_no_process_and_no_file() {
    leaves_nothing::<IpmiSim>();
    leaves_nothing::<RedfishBmc>();
}

fn leaves_nothing<B: Bmc>() {
    let bmc = B::start(&B::never_off(), true);
    let folder = tempfile::tempdir().unwrap();
    let script = format!("cd '{}' && exec \"$0\"", folder.path().display());
    let agent = Agent::ours_called(B::AGENT)
        .lines(Parameters::of(&bmc).lines())
        .lines(["action=off"])
        .environment("TMPDIR", folder.path().to_str().unwrap())
        .through("setsid", &["sh", "-c", &script]);
    let running = agent.start();
    bmc.wait_for_command();
    let session = running.id();
    assert_eq!(Process::of_session(session), [session]);
    running.signal("KILL");
    let run = running.finish();
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (None, "", ""));
    assert_eq!(Process::of_session(session), [0; 0]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Our agent in the environment of pacemaker, with what reaches the BMC.
fn called<B: Bmc>(bmc: &B) -> Agent {
    as_pacemaker(Agent::ours_called(B::AGENT)).lines(Parameters::of(bmc).lines())
}

/// The agent in the environment of pacemaker.
pub fn as_pacemaker(agent: Agent) -> Agent {
    let agent = agent.through("sh", &["-c", "cd / && umask 0026 && exec \"$0\""]);
    PACEMAKER.iter().fold(agent, |agent, (name, value)| agent.environment(name, value))
}

/// The agent, as pacemaker runs it for a device of its configuration.
pub fn runs(agent: Agent, device: &Device, action: &str) -> Agent {
    let own = device.parameters.iter().filter(|(name, _)| !name.starts_with("pcmk_"));
    as_pacemaker(agent).lines(own.map(|(name, value)| format!("{name}={value}"))).lines([
        &format!("action={action}"),
        "nodename=node1",
        "port=node1",
    ])
}

#[track_caller]
pub fn expect_silent(run: &Run, code: i32, stdout: &str) {
    run.expect(code, stdout);
    assert_eq!(run.stderr, "", "success is silent");
}
