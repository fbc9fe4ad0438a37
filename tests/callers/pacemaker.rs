//! pacemaker calls `fence_ipmilan`: its words, its environment, its signals. tests/pacemaker has pacemaker itself.

use std::fs;
use std::time::Duration;

use bmc_sim::{EventKind, Power};
use ipmi_lan::command::PowerControl;

use crate::support::agent::{Agent, Run};
use crate::support::installed::Device;
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
    let bmc = Sim::start_with(|config| {
        config.users = vec![bmc_sim::User::administrator("admin", "pa$s'w0rd").unwrap()];
    });
    let address = bmc.address();
    let (ip, port) = (format!("ip={}", address.ip()), format!("ipport={}", address.port()));
    let mut lines = vec![
        "nodename=node2",
        &ip,
        "password=pa$s'w0rd",
        "action=reboot",
        "username=admin",
        &port,
        "lanplus=1",
        "port=node2",
        "cipher=3",
    ];
    // The order is that of a hash table.
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        expect_silent(&pacemaker().lines(&lines).run(), 0, "Success: Rebooted\n");
    }
    let rebooted = [PowerControl::PowerDown, PowerControl::PowerUp].repeat(lines.len());
    assert_eq!(bmc.commands(), rebooted);
}

#[test]
fn pacemaker_asks_and_switches_with_the_node_as_port_or_plug() {
    let bmc = Sim::start();
    for (lines, code, stdout) in [
        (&["action=monitor"][..], 0, ""),
        (&["action=list"], 0, ""),
        (&["action=status", "nodename=node1", "port=node1"], 0, "Status: ON\n"),
        (&["action=off", "nodename=node2", "plug=node2"], 0, "Success: Powered OFF\n"),
        (&["action=status", "nodename=node1", "plug=node1"], 2, "Status: OFF\n"),
        (&["action=on", "nodename=node2", "port=node2", "nodeid=2"], 0, "Success: Powered ON\n"),
        (&["action=validate-all", "nodename=node1", "port=node1"], 0, ""),
    ] {
        let run = pacemaker().lines(bmc.lines()).lines(lines).run();
        expect_silent(&run, code, stdout);
    }
}

#[test]
fn an_empty_value_of_the_cib_is_no_value() {
    let bmc = Sim::start();
    let empty = [
        "privlvl=",
        "cipher=",
        "auth=",
        "hexadecimal_kg=",
        "target=",
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
        "ipmitool_path=",
        "lanplus=",
    ];
    let run = pacemaker().lines(bmc.lines()).lines(empty).lines(["action=status"]).run();
    expect_silent(&run, 0, "Status: ON\n");
}

#[test]
fn a_port_is_the_address_only_with_port_as_ip() {
    let bmc = Sim::start();
    let without_ip = bmc.lines().into_iter().filter(|line| !line.starts_with("ip="));
    let status = pacemaker().lines(without_ip).lines(["action=status"]);
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
fn under_pacemaker_fenced_a_machine_is_waited_for_beyond_the_power_timeout() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let lines = ["action=reboot", "nodename=node2", "port=node2", "power_timeout=1"];
    let agent = pacemaker().lines(bmc.lines()).lines(lines);

    let mut running = agent.start();
    std::thread::sleep(Duration::from_secs(3));
    assert!(running.is_running(), "{:#?}", running.finish());
    running.signal("TERM");
    running.finish().expect_failure("interrupted by SIGTERM");
    assert_eq!(bmc.sessions(), (1, 1));

    let with_timeout = agent.lines(["disable_timeout=0"]).run();
    with_timeout.expect_failure("timed out waiting to power OFF");
    assert_eq!(bmc.power(), Power::On);
}

#[test]
fn under_pacemaker_fenced_a_machine_that_goes_off_late_is_fenced() {
    let delay = Duration::from_secs(3);
    let bmc = Sim::start_with(|config| config.power_delay = delay);
    let lines = ["action=off", "power_timeout=1"];
    let run = pacemaker().lines(bmc.lines()).lines(lines).run();
    expect_silent(&run, 0, "Success: Powered OFF\n");
    assert!(run.took >= delay, "{run:#?}");
}

/// Pacemaker's own time-out kills the agent's process group without a warning.
#[test]
fn sigkill_leaves_no_process_and_no_file() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let folder = tempfile::tempdir().unwrap();
    let script = format!("cd '{}' && exec \"$0\"", folder.path().display());
    let agent = Agent::ours()
        .lines(bmc.lines())
        .lines(["action=off"])
        .environment("TMPDIR", folder.path().to_str().unwrap())
        .through("setsid", &["sh", "-c", &script]);
    let running = agent.start();
    bmc.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
    let session = running.id();
    assert_eq!(processes_of(session), [session]);
    running.signal("KILL");
    let run = running.finish();
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (None, "", ""));
    assert_eq!(processes_of(session), [0; 0]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn pacemaker() -> Agent {
    as_pacemaker(Agent::ours())
}

/// The agent in the environment of pacemaker.
pub fn as_pacemaker(agent: Agent) -> Agent {
    let agent = agent.through("sh", &["-c", "cd / && umask 0026 && exec \"$0\""]);
    PACEMAKER.iter().fold(agent, |agent, (name, value)| agent.environment(name, value))
}

/// Our agent, as pacemaker runs it for a device of its configuration.
pub fn runs(device: &Device, action: &str) -> Agent {
    let own = device.parameters.iter().filter(|(name, _)| !name.starts_with("pcmk_"));
    as_pacemaker(Agent::ours_called(&device.agent))
        .lines(own.map(|(name, value)| format!("{name}={value}")))
        .lines([&format!("action={action}"), "nodename=node1", "port=node1"])
}

#[track_caller]
pub fn expect_silent(run: &Run, code: i32, stdout: &str) {
    run.expect(code, stdout);
    assert_eq!(run.stderr, "", "success is silent");
}

/// The processes of a session, by their ids.
pub fn processes_of(session: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name, which may hold anything, in brackets: state, parent, process group, session.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        if fields.split(' ').nth(3) == Some(&session.to_string()) {
            found.push(id);
        }
    }
    found
}
