//! The same input through Debian's Python agent and through our `fence_ipmilan`, beyond the inputs that all agents have
//! in common: same exit code, same standard output, same commands to the machine. Every difference that is meant to be
//! is in docs/differences.md, and proved here.

use std::io::Write;
use std::time::Duration;

use bmc_sim::Power;
use ipmi_lan::command::PowerControl;

use crate::inputs::{FAILS, IS_ON, POWERED_OFF, REBOOTED};
use crate::support::agent::Agent;
use crate::support::comparison::{self, compare, off, on};
use crate::support::ipmi_sim::{IpmiSim, Setup};
use crate::support::sim::Sim;

type Case = comparison::Case<IpmiSim>;

/// All that are here.
pub fn cases() -> Vec<Case> {
    let tables = [
        boolean_cases,
        empty_cases,
        value_cases,
        credential_cases,
        program_cases,
        command_line_cases,
    ];
    tables.iter().flat_map(|table| table()).collect()
}

#[test]
fn booleans() {
    compare(boolean_cases());
}

fn boolean_cases() -> Vec<Case> {
    vec![
        on("lanplus=yes").lines(&["lanplus=yes", "action=status"]),
        on("lanplus=TRUE").lines(&["lanplus=TRUE", "action=status"]),
        on("lanplus=0").lines(&["lanplus=0", "action=status"]),
        on("lanplus=no").lines(&["lanplus=no", "action=off"]),
        on("lanplus=False").lines(&["lanplus=False", "action=status"]),
        on("lanplus=maybe").without(&["lanplus"]).lines(&["lanplus=maybe", "action=status"]),
        on("lanplus=").without(&["lanplus"]).lines(&["lanplus=", "action=status"]),
        on("lanplus alone").without(&["lanplus"]).lines(&["lanplus", "action=status"]),
        on("use_sudo=0")
            .lines(&["use_sudo=0", "sudo_path=/nonexistent/sudo", "action=off"])
            .differs("boolean", FAILS, POWERED_OFF),
        on("use_sudo=1")
            .lines(&["use_sudo=1", "sudo_path=/nonexistent/sudo", "action=off"])
            .differs("ipmitool", FAILS, POWERED_OFF),
    ]
}

#[test]
fn empty_values() {
    compare(empty_cases());
}

fn empty_cases() -> Vec<Case> {
    vec![
        on("privlvl=").lines(&["privlvl=", "action=off"]).differs("empty", FAILS, POWERED_OFF),
        on("auth=").lines(&["auth=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("method=").lines(&["method=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("cipher=").lines(&["cipher=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("hexadecimal_kg=")
            .lines(&["hexadecimal_kg=", "action=status"])
            .differs("empty", FAILS, IS_ON),
        on("target=").lines(&["target=", "action=status"]).differs("empty", FAILS, IS_ON),
    ]
}

#[test]
fn values() {
    compare(value_cases());
}

fn value_cases() -> Vec<Case> {
    let kg = || Setup { kg: Some("bmckey"), ..Setup::default() };
    vec![
        on("validate-all with a wrong choice").lines(&["action=validate-all", "privlvl=root"]),
        on("several plugs, cycle").cycles().lines(&["plug=a,b", "method=cycle"]).differs(
            "plugs",
            (0, "Success: Rebooted", "off off on"),
            REBOOTED,
        ),
        on("method=onoff").lines(&["method=onoff"]),
        on("method=ONOFF").lines(&["method=ONOFF"]),
        on("method=cycle when it is on").cycles().lines(&["method=cycle"]),
        off("method=cycle when it is off").cycles().lines(&["method=cycle"]).differs(
            "cycle-off",
            REBOOTED,
            (0, "Success: Rebooted\n", "on"),
        ),
        on("method=cycle and off").lines(&["method=cycle", "action=off"]),
        on("method=warm").lines(&["method=warm"]),
        on("privlvl=OPERATOR").lines(&["privlvl=OPERATOR", "action=off"]),
        on("privlvl=user, status").lines(&["privlvl=user", "action=status"]),
        on("privlvl=user, off").lines(&["privlvl=user", "action=off", "power_timeout=1"]),
        on("privlvl=root").lines(&["privlvl=root", "action=status"]),
        on("auth=MD5").lines(&["auth=MD5", "action=status"]),
        on("auth=none").lines(&["auth=none", "action=status"]).differs("auth", FAILS, IS_ON),
        on("auth=kerberos").lines(&["auth=kerberos", "action=status"]),
        on("cipher=17").lines(&["cipher=17", "action=status"]),
        on("cipher=0").lines(&["cipher=0", "action=status"]),
        on("cipher=1").lines(&["cipher=1", "action=status"]),
        on("cipher=2").lines(&["cipher=2", "action=off"]),
        on("cipher=6").lines(&["cipher=6", "action=status"]),
        on("cipher=4").lines(&["cipher=4", "action=status"]),
        on("cipher=15").lines(&["cipher=15", "action=status"]),
        on("cipher=abc").lines(&["cipher=abc", "action=status"]),
        on("Kg").setup(kg()).lines(&["hexadecimal_kg=626d636b6579", "action=off"]),
        on("0x before Kg")
            .setup(kg())
            .lines(&["hexadecimal_kg=0x626d636b6579", "action=off"])
            .differs("kg", FAILS, POWERED_OFF),
        on("a wrong Kg").setup(kg()).lines(&["hexadecimal_kg=626d636b6578", "action=status"]),
        on("no Kg").setup(kg()).lines(&["action=status"]),
        on("Kg is not hexadecimal").lines(&["hexadecimal_kg=bmckey", "action=status"]),
        on("a machine that takes 4 s")
            .setup(Setup { delay: Duration::from_secs(4), ..Setup::default() })
            .lines(&["power_timeout=5", "stonith_status_sleep=0", "action=off"])
            .differs("power_timeout", (1, "", "off"), POWERED_OFF),
        on("a machine that never goes off")
            .setup(Setup { never_off: true, ..Setup::default() })
            .lines(&["power_timeout=2", "stonith_status_sleep=1"]),
        on("power_timeout=-1").lines(&["power_timeout=-1", "action=off"]),
        on("verbose_level=7")
            .lines(&["verbose_level=7", "action=status", "power_timeout=4"])
            .differs("verbose", FAILS, IS_ON),
        on("ipmitool_path")
            .lines(&["ipmitool_path=/nonexistent/ipmitool", "action=status"])
            .differs("ipmitool", FAILS, IS_ON),
        on("ipmitool_timeout=abc")
            .lines(&["ipmitool_timeout=abc", "action=status"])
            .differs("ipmitool", FAILS, IS_ON),
        on("blanks before a value").lines(&["action=status", "ipport= {port}"]),
        on("ipport with zeros")
            .lines(&["ipport=0{port}", "action=status", "power_timeout=3"])
            .differs("integer", FAILS, IS_ON),
        on("ipport with a plus").lines(&["ipport=+{port}", "action=status"]),
        on("options in the address")
            .lines(&[
                "ip=127.0.0.1 -p {port} -U admin -P secret -I lanplus \
                 -C 3 chassis power off",
                "action=status",
            ])
            .differs("address", (1, "", "off"), FAILS),
    ]
}

#[test]
fn credentials() {
    compare(credential_cases());
}

fn credential_cases() -> Vec<Case> {
    vec![
        on("a wrong password, cycle").lines(&["password=wrong", "method=cycle"]),
        on("an operator as operator").lines(&[
            "username=operator",
            "privlvl=operator",
            "action=off",
        ]),
        on("an operator as administrator").lines(&["username=operator", "action=status"]),
        on("a password that is not ASCII")
            .setup(Setup { password: "p\u{e4}ss", ..Setup::default() })
            .lines(&["password=p\u{e4}ss", "action=status"]),
        on("a password of 21").lines(&["password=123456789012345678901", "action=off"]),
        on("a user of 17").lines(&["username=12345678901234567", "action=off"]),
    ]
}

#[test]
fn names_of_the_program() {
    compare(program_cases());
}

fn program_cases() -> Vec<Case> {
    let plain = &["lanplus"];
    vec![
        on("fence_ipmilan").without(plain).lines(&["action=off"]),
        on("fence_ilo3").called("fence_ilo3").without(plain).lines(&["action=status"]),
        on("fence_ilo4").called("fence_ilo4").without(plain).lines(&["action=status"]),
        on("fence_ilo5").called("fence_ilo5").without(plain).lines(&["action=off"]),
        on("fence_ipmilanplus")
            .called("fence_ipmilanplus")
            .without(plain)
            .lines(&["action=status"]),
        on("fence_imm").called("fence_imm").without(plain).lines(&["action=status"]),
        on("fence_idrac").called("fence_idrac").without(plain).lines(&["action=reboot"]),
        on("fence_ilo4, lanplus=0").called("fence_ilo4").lines(&["lanplus=0", "action=status"]),
    ]
}

#[test]
fn command_lines() {
    compare(command_line_cases());
}

fn command_line_cases() -> Vec<Case> {
    vec![
        on("words beside their options").command_line(
            "-a127.0.0.1 -u{port} -ladmin -psecret -P -C3 \
             --power-wait=0 -ooff",
        ),
        on("long options").command_line(
            "--ip=127.0.0.1 --ipport={port} --username=admin --password=secret \
             --lanplus --cipher=3 --action=status",
        ),
        on("long options and values").command_line(
            "--ip 127.0.0.1 --ipport {port} --username admin --password secret \
             --lanplus --cipher 3 --action status",
        ),
        on("combined switches")
            .command_line("-a 127.0.0.1 -u {port} -l admin -p secret -qvPC3 -o status"),
        on("prefixes").command_line("{bmc} --act status --user admin --lanp"),
        on("plug without port-as-ip").command_line("{bmc} -n node1 -o off"),
        on("method on the command line").cycles().command_line("{bmc} -m cycle"),
    ]
}

/// A real BMC does not cycle a machine that is off, as `ipmi_sim` does (IPMI 2.0 §28.3).
#[test]
fn a_machine_that_is_off_is_fenced_by_a_cycle_too() {
    let run = |agent: Agent| {
        let bmc = Sim::start_with(|config| config.initial_power = Power::Off);
        let run = agent.lines(bmc.lines()).lines(["cipher=3", "method=cycle"]).run();
        (run.code, run.stdout, bmc.power())
    };
    assert_eq!(run(Agent::python("fence_ipmilan")), (Some(1), String::new(), Power::Off));
    assert_eq!(run(Agent::ours()), (Some(0), "Success: Rebooted\n".to_owned(), Power::On));
}

#[test]
fn a_diagnostic_interrupt_is_the_same() {
    for agent in both() {
        let bmc = Sim::start();
        let run = agent.lines(bmc.lines()).lines(["cipher=3", "action=diag"]).run();
        run.expect(0, "Success: Rebooted\n");
        assert_eq!(bmc.commands(), [PowerControl::DiagnosticInterrupt]);
    }
}

#[test]
fn no_password_is_tried_when_the_script_gives_none() {
    for script in ["exit 1", "true"] {
        let was_tried = |agent: Agent| {
            let bmc = Sim::start();
            let script = format!("password_script={script}");
            let run = agent.lines(bmc.lines()).lines([&script, "cipher=3", "action=off"]).run();
            assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:#?}");
            !bmc.happened().is_empty()
        };
        assert!(was_tried(Agent::python("fence_ipmilan")), "{script}");
        assert!(!was_tried(Agent::ours()), "{script}");
    }
}

#[test]
fn a_fence_operation_is_one_session() {
    let sessions = |agent: Agent| {
        let bmc = Sim::start();
        let run = agent.lines(bmc.lines()).lines(["cipher=3", "power_wait=0"]).run();
        run.expect(0, "Success: Rebooted\n");
        bmc.sessions()
    };
    assert_eq!(sessions(Agent::python("fence_ipmilan")), (5, 5));
    assert_eq!(sessions(Agent::ours()), (1, 1));
}

#[test]
fn a_bmc_of_ipmi_2_0_alone_is_reached_without_lanplus() {
    let run = |agent: Agent| {
        let bmc = Sim::start();
        agent.lines(bmc.lines()).lines(["lanplus=0", "action=status"]).run()
    };
    run(Agent::python("fence_ipmilan")).expect(1, "");
    run(Agent::ours()).expect(0, "Status: ON\n");
}

#[test]
fn a_bmc_that_does_not_list_its_suites_is_no_pause() {
    let run = |agent: Agent| {
        let bmc = IpmiSim::start();
        let lines = bmc.lines().into_iter().filter(|line| !line.starts_with("cipher="));
        agent.lines(lines).lines(["action=status"]).run().expect(0, "Status: ON\n").took
    };
    assert!(run(Agent::python("fence_ipmilan")) >= Duration::from_secs(10));
    assert!(run(Agent::ours()) < Duration::from_secs(5));
}

/// The default power wait is 2 s after each command.
#[test]
fn power_is_polled_where_no_power_wait_is_given() {
    let reboot = |agent: Agent| {
        let bmc = IpmiSim::start();
        agent.lines(bmc.lines()).run().expect(0, "Success: Rebooted\n").took
    };
    assert!(reboot(Agent::python("fence_ipmilan")) >= Duration::from_secs(4));
    assert!(reboot(Agent::ours()) < Duration::from_secs(3));
}

#[test]
fn a_delay_is_as_long_as_it_says() {
    let off = |agent: Agent| {
        let bmc = IpmiSim::start();
        let lines = ["power_wait=0", "delay=2", "action=off"];
        agent.lines(bmc.lines()).lines(lines).run().expect(0, "Success: Powered OFF\n").took
    };
    assert!(off(Agent::python("fence_ipmilan")) >= Duration::from_secs(3));
    let ours = off(Agent::ours());
    assert!(ours >= Duration::from_secs(2) && ours < Duration::from_secs(3), "{ours:?}");
}

#[test]
fn values_on_standard_input_are_utf_8() {
    let run = |agent: Agent, line: &[u8]| {
        let bmc = IpmiSim::start();
        let mut input = bmc.lines().join("\n").into_bytes();
        input.extend(b"\naction=status\n");
        input.extend(line);
        let mut child = agent.command().spawn().expect("the agent starts");
        child.stdin.take().expect("stdin is a pipe").write_all(&input).expect("it is read");
        let output = child.wait_with_output().expect("the agent ends");
        (output.status.code(), String::from_utf8(output.stdout).expect("stdout is text"))
    };
    let on = (Some(0), "Status: ON\n".to_owned());
    for no_value in [&b"# Schl\xfcssel\n"[..], b"schl\xfcssel=1\n"] {
        assert_eq!(run(Agent::python("fence_ipmilan"), no_value), on);
        assert_eq!(run(Agent::ours(), no_value), on);
    }
    let unused_value = b"sudo_path=/Schl\xfcssel\n";
    assert_eq!(run(Agent::python("fence_ipmilan"), unused_value), on);
    assert_eq!(run(Agent::ours(), unused_value), (Some(1), String::new()));
}

fn both() -> [Agent; 2] {
    [Agent::python("fence_ipmilan"), Agent::ours()]
}
