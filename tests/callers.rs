//! Those who call fence agents: each in its own words, in its own environment.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bmc_sim::{EventKind, Power};
use ipmi_lan::command::PowerControl;

use crate::support::agent::{Agent, Run};
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

/// pacemaker-controld asks as user hacluster, several times at once.
#[test]
fn a_user_without_any_rights_gets_the_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("fence_ipmilan");
    fs::copy(env!("CARGO_BIN_EXE_fence_ipmilan"), &program).unwrap();
    for path in [folder.path(), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let metadata = Agent::at(&program)
        .lines(["action=metadata"])
        .environment("PCMK_service", "pacemaker-controld")
        .through("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    let at_once: Vec<_> = (0..4).map(|_| metadata.start()).collect();
    let documents: BTreeSet<_> = at_once
        .into_iter()
        .map(|agent| {
            let run = agent.finish();
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
            run.stdout
        })
        .collect();
    let [document] = Vec::from_iter(documents).try_into().expect("they are all the same");
    assert!(document.contains("<resource-agent name=\"fence_ipmilan\""), "{document}");
}

#[test]
fn other_callers_are_understood() {
    let bmc = Sim::start();
    let (ip, port) = (bmc.address().ip(), bmc.address().port());
    let stdin = |lines: &str| Agent::ours().lines(lines.split(' ').filter(|line| !line.is_empty()));
    let argv = |words: String| Agent::ours().arguments(words.split(' '));
    let cases = [
        (
            "fenced",
            stdin(&format!(
                "agent=fence_ipmilan name=bmc2 nodename=node2 ipaddr={ip} ipport={port} login=admin passwd=secret \
                 lanplus=1 option=off"
            )),
            (0, "Success: Powered OFF\n"),
        ),
        (
            "dlm_controld",
            stdin(&format!(
                "ip={ip} ipport={port} username=admin password=secret lanplus=1 node=2 fail_time=1760000000 action=on"
            )),
            (0, "Success: Powered ON\n"),
        ),
        (
            "TripleO",
            stdin(&format!(
                "ip=\"{ip}\" ipport=\"{port}\" username=\"admin\" password=\"secret\" lanplus=\"true\" \
                 use_sudo=\"false\" power_timeout=\"60\" action=reboot"
            )),
            (0, "Success: Rebooted\n"),
        ),
        (
            "TripleO without lanplus",
            stdin(&format!(
                "ipaddr={ip} ipport={port} login=admin passwd=secret lanplus=\"false\" use_sudo=\"0\" action=status"
            )),
            (0, "Status: ON\n"),
        ),
        (
            "puppet",
            stdin(&format!(
                "ipaddr={ip} ipport={port} login=admin passwd=secret timeout=60 action=monitor"
            )),
            (0, ""),
        ),
        (
            "medik8s, template check",
            argv(format!(
                "--action status --ip {ip} --ipport {port} --username admin --password secret --lanplus"
            )),
            (0, "Status: ON\n"),
        ),
        (
            "medik8s",
            argv(format!(
                "--lanplus --ip={ip} --ipport={port} --username=admin --password=secret --action=reboot"
            )),
            (0, "Success: Rebooted\n"),
        ),
        (
            "Proxmox",
            argv(format!("-a {ip} -u {port} -l admin -p secret -P -o off")),
            (0, "Success: Powered OFF\n"),
        ),
    ];
    for (caller, agent, (code, stdout)) in cases {
        let run = agent.run();
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.as_str()),
            (Some(code), stdout, ""),
            "{caller}"
        );
    }
}

/// `secure` is for other agents; it is worth a warning, and no more.
#[test]
fn ovirt_is_understood_but_for_one_word() {
    let bmc = Sim::start();
    let (ip, port) = (bmc.address().ip(), bmc.address().port());
    let lines = [
        "agent=fence_ipmilan".to_owned(),
        format!("ipaddr={ip}"),
        "login=admin".to_owned(),
        "action=status".to_owned(),
        "passwd=secret".to_owned(),
        "port=".to_owned(),
        "secure=False".to_owned(),
        format!("ipport={port}"),
        "privlvl=OPERATOR".to_owned(),
        "lanplus=1".to_owned(),
    ];
    let run = Agent::ours().lines(lines).run();
    run.expect(0, "Status: ON\n");
    let [line] = Vec::from_iter(run.stderr.lines())[..] else { panic!("{run:#?}") };
    assert!(line.ends_with("WARNING: unknown parameter 'secure' is ignored"), "{line}");
}

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
