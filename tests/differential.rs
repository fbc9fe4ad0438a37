//! The same input through Debian's Python agent and through ours: same exit code, same standard output, same commands
//! to the machine. Every difference that is meant to be is in docs/differences.md, and proved here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::time::Duration;

use bmc_sim::Power;
use ipmi_lan::command::PowerControl;

use crate::lan;
use crate::support::agent::Agent;
use crate::support::comparison::{Case, Outcome, compare, off, on};
use crate::support::ipmi_sim::{IpmiSim, Setup};
use crate::support::sim::Sim;

const FAILS: Outcome = (1, "", "");
const IS_ON: Outcome = (0, "Status: ON\n", "");
const POWERED_OFF: Outcome = (0, "Success: Powered OFF\n", "off");
const REBOOTED: Outcome = (0, "Success: Rebooted\n", "off on");

#[test]
fn actions() {
    compare(action_cases());
}

fn action_cases() -> Vec<Case> {
    vec![
        on("status of a machine that is on").lines(&["action=status"]),
        off("status of a machine that is off").lines(&["action=status"]),
        on("monitor of a machine that is on").lines(&["action=monitor"]),
        off("monitor of a machine that is off").lines(&["action=monitor"]),
        on("on when it is on").lines(&["action=on"]),
        off("on when it is off").lines(&["action=on"]),
        on("off when it is on").lines(&["action=off"]),
        off("off when it is off").lines(&["action=off"]),
        on("reboot when it is on").lines(&["action=reboot"]),
        off("reboot when it is off").lines(&["action=reboot"]),
        on("no action is reboot").lines(&[]),
        on("list").lines(&["action=list"]).differs("list", (0, "NOTICE: ", ""), (0, "", "")),
        on("list-status").lines(&["action=list-status"]).differs(
            "list",
            (0, "NOTICE: ", ""),
            (0, "", ""),
        ),
        on("diag").lines(&["action=diag"]),
        on("validate-all").lines(&["action=validate-all"]),
        on("validate-all without an address").without(&["ip"]).lines(&["action=validate-all"]),
        on("validate-all with a wrong choice").lines(&["action=validate-all", "privlvl=root"]),
        on("metadata").lines(&["action=metadata"]).same_but_words(),
        on("meta-data").lines(&["action=meta-data"]).same_but_words(),
        on("manpage").lines(&["action=manpage"]).same_but_words(),
        on("STATUS").lines(&["action=STATUS"]),
        on("Off").lines(&["action=Off"]),
        on("unknown action").lines(&["action=fly"]),
        on("enable").lines(&["action=enable"]),
        on("cycle is no action").lines(&["action=cycle"]),
        on("empty action").lines(&["action="]),
        on("action with words").lines(&["action=off now"]),
    ]
}

#[test]
fn names() {
    compare(name_cases());
}

fn name_cases() -> Vec<Case> {
    vec![
        on("old names").without(&["ip", "username", "password"]).lines(&[
            "ipaddr=127.0.0.1",
            "login=admin",
            "passwd=secret",
            "action=status",
        ]),
        on("old and new names").lines(&[
            "ipaddr=127.0.0.1",
            "login=admin",
            "passwd=secret",
            "action=off",
        ]),
        on("an old name overrides a new one").lines(&["passwd=wrong", "action=status"]),
        on("a new name overrides an old one").without(&["password"]).lines(&[
            "passwd=wrong",
            "password=secret",
            "action=status",
        ]),
        on("dashes in names").lines(&["power-wait=1", "power-timeout=5", "action=off"]),
        on("underscores in names").lines(&["power_wait=1", "power_timeout=5", "action=off"]),
        on("password-script")
            .without(&["password"])
            .lines(&["password-script=echo secret", "action=status"]),
        on("passwd-script")
            .without(&["password"])
            .lines(&["passwd-script=echo secret", "action=status"])
            .differs("dashes", FAILS, IS_ON),
        on("names are case-sensitive").lines(&["PASSWORD=wrong", "action=status"]),
        on("option=status").lines(&["option=status"]).differs("option", REBOOTED, IS_ON),
        on("option beside action").lines(&["option=off", "action=status"]),
        on("acton=status").lines(&["acton=status"]).differs("misspelt-action", REBOOTED, FAILS),
        on("Action=status").lines(&["Action=status"]).differs("misspelt-action", REBOOTED, FAILS),
        on("acton beside action").lines(&["acton=off", "action=status"]),
        on("unknown name").lines(&["foo=bar", "action=status"]),
        on("unknown name without value").lines(&["foo", "action=status"]),
        on("what fenced sends").lines(&[
            "agent=fence_ipmilan",
            "nodename=node1",
            "nodeid=1",
            "action=off",
        ]),
        on("what dlm sends").lines(&["node=node1", "fail_time=1", "action=off"]),
        on("pacemaker's own").lines(&[
            "pcmk_host_list=a b",
            "CRM_meta_timeout=20",
            "action=status",
        ]),
    ]
}

#[test]
fn lines_of_input() {
    compare(line_cases());
}

fn line_cases() -> Vec<Case> {
    vec![
        on("blanks around a line").lines(&["  action=status\t"]),
        on("carriage returns").lines(&["action=status\r", "privlvl=operator\r"]),
        on("blanks before a value").lines(&["action=status", "ipport= {port}"]),
        on("blanks after a name").lines(&["action =status"]).differs(
            "misspelt-action",
            REBOOTED,
            FAILS,
        ),
        on("blanks in an action").lines(&["action= status"]),
        on("blank lines").lines(&["", "   ", "action=status", "\t"]),
        on("comments").lines(&["#action=off", "  # action=off", "action=status"]),
        on("no comment after a value").lines(&["action=status # off"]),
        on("a repeated action").lines(&["action=off", "action=status"]),
        on("a repeated password").without(&["password"]).lines(&[
            "password=wrong",
            "password=secret",
            "action=status",
        ]),
        on("a wrong password last").lines(&["password=wrong", "action=status"]),
        on("double quotes").lines(&[
            "password=\"secret\"",
            "action=\"status\"",
            "ip=\"127.0.0.1\"",
        ]),
        on("single quotes").lines(&["password='secret'", "action=status"]),
        on("one double quote").lines(&["password=\"secret", "action=status"]),
        on("double double quotes").lines(&["password=\"\"secret\"\"", "action=status"]),
        on("an equals sign in a password")
            .setup(with_password("a=b=c"))
            .lines(&["password=a=b=c", "action=status"]),
        on("a password for shells")
            .setup(with_password("pa$s'w`0\\rd"))
            .lines(&["password=pa$s'w`0\\rd", "action=status"]),
        on("a number sign in a password")
            .setup(with_password("#1"))
            .lines(&["password=#1", "action=status"]),
        on("a password of 19")
            .setup(with_password("1234567890123456789"))
            .lines(&["password=1234567890123456789", "action=off"]),
        on("a password that is not ASCII")
            .setup(with_password("p\u{e4}ss"))
            .lines(&["password=p\u{e4}ss", "action=status"]),
    ]
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
        on("quiet=1").lines(&["quiet=1", "action=off"]),
        on("quiet=0").lines(&["quiet=0", "action=off"]),
        on("verbose=1").lines(&["verbose=1", "action=off"]),
        on("verbose=0").lines(&["verbose=0", "action=off"]),
        on("help=1").lines(&["help=1"]).same_but_words(),
        on("help=0").lines(&["help=0", "action=off"]).differs(
            "boolean",
            (0, "Usage:", ""),
            POWERED_OFF,
        ),
        on("version=yes").lines(&["version=yes"]).same_but_words(),
        on("version=0").lines(&["version=0", "action=off"]).differs(
            "boolean",
            (0, "4.", ""),
            POWERED_OFF,
        ),
        on("use_sudo=0")
            .lines(&["use_sudo=0", "sudo_path=/nonexistent/sudo", "action=off"])
            .differs("boolean", FAILS, POWERED_OFF),
        on("use_sudo=1")
            .lines(&["use_sudo=1", "sudo_path=/nonexistent/sudo", "action=off"])
            .differs("ipmitool", FAILS, POWERED_OFF),
        on("port_as_ip=0").lines(&["port_as_ip=0", "plug=node1", "action=off"]).differs(
            "boolean",
            FAILS,
            POWERED_OFF,
        ),
        on("port_as_ip=no").lines(&["port_as_ip=no", "port=node1", "action=off"]).differs(
            "boolean",
            FAILS,
            POWERED_OFF,
        ),
        on("disable_timeout=true").lines(&["disable_timeout=true", "action=off"]),
        on("disable_timeout=false").lines(&["disable_timeout=false", "action=off"]),
        on("disable_timeout=maybe").lines(&["disable_timeout=maybe", "action=off"]),
        on("under pacemaker-fenced")
            .environment("PCMK_service", "pacemaker-fenced")
            .lines(&["action=reboot"]),
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
        on("power_timeout=")
            .lines(&["power_timeout=", "action=status"])
            .differs("empty", FAILS, IS_ON),
        on("power_wait=").lines(&["power_wait=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("delay=").lines(&["delay=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("ipport=").lines(&["ipport=", "action=status"]),
        on("ip=").lines(&["ip=", "action=status"]),
        on("username=").lines(&["username=", "action=status"]),
        on("password=").lines(&["password=", "action=status"]),
        on("plug=").lines(&["plug=", "action=status"]),
        on("target=").lines(&["target=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("empty quotes").lines(&["privlvl=\"\"", "action=status"]).differs("empty", FAILS, IS_ON),
        on("plug_separator=").lines(&["plug_separator=", "action=status"]),
    ]
}

#[test]
fn plugs() {
    compare(plug_cases());
}

fn plug_cases() -> Vec<Case> {
    vec![
        on("plug=node1").lines(&["plug=node1", "action=off"]),
        on("port=node1").lines(&["port=node1", "nodename=node1", "action=reboot"]),
        on("plug as address").without(&["ip"]).lines(&[
            "port_as_ip=1",
            "plug=127.0.0.1",
            "action=off",
        ]),
        on("port as address").lines(&[
            "ip=192.0.2.1",
            "port-as-ip=yes",
            "port=127.0.0.1",
            "action=status",
        ]),
        on("plug is no address").without(&["ip"]).lines(&["plug=127.0.0.1", "action=status"]),
        on("several plugs, status").lines(&["plug=a,b,c", "action=status"]),
        on("several plugs, off").lines(&["plug=a,b,c", "action=off"]).differs(
            "plugs",
            (0, "Success: Powered OFF", "off off off"),
            POWERED_OFF,
        ),
        on("several plugs, reboot").lines(&["plug=a,b", "action=reboot"]).differs(
            "plugs",
            (0, "Success: Rebooted", "off off on on"),
            REBOOTED,
        ),
        on("several plugs, cycle").cycles().lines(&["plug=a,b", "method=cycle"]).differs(
            "plugs",
            (0, "Success: Rebooted", "off off on"),
            REBOOTED,
        ),
        on("a plug separator").lines(&["plug=a,b", "plug_separator=;", "action=off"]),
        on("several addresses").without(&["ip"]).lines(&[
            "port_as_ip=1",
            "plug=127.0.0.1,127.0.0.1",
            "action=status",
        ]),
    ]
}

#[test]
fn values() {
    compare(value_cases());
}

fn value_cases() -> Vec<Case> {
    let kg = || Setup { kg: Some("bmckey"), ..Setup::default() };
    vec![
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
        on("power_wait=1").lines(&["power_wait=1", "action=off"]),
        on("power_wait=-1").lines(&["power_wait=-1", "action=off"]).differs(
            "negative",
            (1, "", "off"),
            FAILS,
        ),
        on("power_wait=abc").lines(&["power_wait=abc", "action=off"]),
        on("power_wait with underscore").lines(&["power_wait=0_1", "action=off"]).differs(
            "integer",
            POWERED_OFF,
            FAILS,
        ),
        on("power_wait with plus and blanks").lines(&["power_wait= +1 ", "action=off"]),
        on("power_wait in Arabic").lines(&["power_wait=\u{661}", "action=off"]).differs(
            "integer",
            POWERED_OFF,
            FAILS,
        ),
        on("power_wait in hexadecimal").lines(&["power_wait=0x1", "action=off"]),
        on("a machine that takes 4 s")
            .setup(Setup { delay: Duration::from_secs(4), ..Setup::default() })
            .lines(&["power_timeout=5", "stonith_status_sleep=0", "action=off"])
            .differs("power_timeout", (1, "", "off"), POWERED_OFF),
        on("a machine that never goes off")
            .setup(Setup { never_off: true, ..Setup::default() })
            .lines(&["power_timeout=2", "stonith_status_sleep=1"]),
        on("power_timeout=0").lines(&["power_timeout=0", "action=off"]),
        on("power_timeout=-1").lines(&["power_timeout=-1", "action=off"]),
        on("stonith_status_sleep=0").lines(&["stonith_status_sleep=0", "action=reboot"]),
        on("stonith_status_sleep=-1")
            .lines(&["stonith_status_sleep=-1", "action=reboot"])
            .differs("negative", REBOOTED, FAILS),
        on("shell_timeout=abc").lines(&["shell_timeout=abc", "action=status"]),
        on("login_timeout=1").lines(&["login_timeout=1", "shell_timeout=1", "action=status"]),
        on("delay=0").lines(&["delay=0", "action=off"]),
        on("delay=30, status").lines(&["delay=30", "action=status"]),
        on("delay=abc").lines(&["delay=abc", "action=off"]),
        on("delay=-5").lines(&["delay=-5", "action=off"]).differs("negative", POWERED_OFF, FAILS),
        on("retry_on=0, reboot").lines(&["retry_on=0"]),
        off("retry_on=0, on").lines(&["retry_on=0", "action=on"]),
        on("retry_on=3").lines(&["retry_on=3"]),
        on("retry_on=-1").lines(&["retry_on=-1"]).differs(
            "negative",
            (0, "Success: Rebooted", "off"),
            FAILS,
        ),
        on("retry_on=abc").lines(&["retry_on=abc"]),
        on("verbose_level=1").lines(&["verbose_level=1", "action=status"]),
        on("verbose_level=-1").lines(&["verbose_level=-1", "action=status"]),
        on("verbose_level=abc").lines(&["verbose_level=abc", "action=status"]),
        on("verbose_level=7")
            .lines(&["verbose_level=7", "action=status", "power_timeout=4"])
            .differs("verbose", FAILS, IS_ON),
        on("debug_file").lines(&["debug_file=/dev/null", "action=status"]),
        on("debug_file that cannot be").lines(&["debug_file=/nonexistent/file", "action=off"]),
        on("ipmitool_path")
            .lines(&["ipmitool_path=/nonexistent/ipmitool", "action=status"])
            .differs("ipmitool", FAILS, IS_ON),
        on("ipmitool_timeout=abc")
            .lines(&["ipmitool_timeout=abc", "action=status"])
            .differs("ipmitool", FAILS, IS_ON),
        on("ipport=abc").lines(&["ipport=abc", "action=status"]),
        on("ipport=0").lines(&["ipport=0", "action=status", "power_timeout=3"]),
        on("ipport=-1").lines(&["ipport=-1", "action=status"]),
        on("ipport=70000").lines(&["ipport=70000", "action=status"]),
        on("ipport with zeros")
            .lines(&["ipport=0{port}", "action=status", "power_timeout=3"])
            .differs("integer", FAILS, IS_ON),
        on("ipport with a plus").lines(&["ipport=+{port}", "action=status"]),
        on("a host name").lines(&["ip=localhost", "action=status"]),
        on("no such host").lines(&["ip=host.invalid", "action=off"]),
        on("no address").without(&["ip"]).lines(&["action=off"]),
        on("nobody there").lines(&[
            "ip=127.0.0.2",
            "action=off",
            "power_timeout=3",
            "login_timeout=1",
        ]),
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
        on("a wrong password").lines(&["password=wrong", "action=off"]),
        on("a wrong password, monitor").lines(&["password=wrong", "action=monitor"]),
        on("a wrong password, cycle").lines(&["password=wrong", "method=cycle"]),
        on("a wrong user").lines(&["username=nobody", "action=off"]),
        on("no user").without(&["username"]).lines(&["action=off"]),
        on("no password").without(&["password"]).lines(&["action=off"]),
        on("an operator as operator").lines(&[
            "username=operator",
            "privlvl=operator",
            "action=off",
        ]),
        on("an operator as administrator").lines(&["username=operator", "action=status"]),
        on("a password of 21").lines(&["password=123456789012345678901", "action=off"]),
        on("a user of 17").lines(&["username=12345678901234567", "action=off"]),
        on("script").without(&["password"]).lines(&["password_script=echo secret", "action=off"]),
        on("script and password").lines(&[
            "password=wrong",
            "password_script=echo secret",
            "action=off",
        ]),
        on("script that fails")
            .without(&["password"])
            .lines(&["password_script=exit 1", "action=off"]),
        on("script that fails, beside a password").lines(&["password_script=exit 1", "action=off"]),
        on("script that fails after the password")
            .without(&["password"])
            .lines(&["password_script=echo secret; exit 1", "action=off"])
            .differs("password_script", POWERED_OFF, FAILS),
        on("script that prints nothing").lines(&["password_script=true", "action=off"]),
        on("script that prints blanks")
            .without(&["password"])
            .lines(&["password_script=printf 'secret \\n\\n'", "action=off"]),
        on("script that prints two lines")
            .without(&["password"])
            .lines(&["password_script=printf 'secret\\nmore'", "action=off"]),
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
        on("short options").command_line("{bmc} -o status"),
        off("short options, off").command_line("{bmc} -o off"),
        on("no action on the command line").command_line("{bmc}"),
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
        on("ambiguous prefix").command_line("{bmc} --pass secret -o status"),
        on("ambiguous prefix that is whole").command_line("{bmc} --verbose -o status"),
        on("words left over").command_line("over {bmc} left -o status"),
        on("a word and no action").command_line("{bmc} status").differs(
            "misspelt-action",
            REBOOTED,
            FAILS,
        ),
        on("words after two dashes").command_line("{bmc} -o status -- -o off"),
        on("a dash").command_line("{bmc} - -o status"),
        on("unknown long option").command_line("{bmc} -o status --fly"),
        on("unknown short option").command_line("{bmc} -o status -X"),
        on("old long name").command_line("{bmc} -o status --ipaddr=127.0.0.1"),
        on("a value for a switch").command_line("{bmc} -o status --lanplus=1"),
        on("a missing value").command_line("{bmc} -o"),
        on("an empty value").command_line("{bmc} -L '' -o status").differs("empty", FAILS, IS_ON),
        on("an empty action on the command line").command_line("{bmc} -o ''"),
        on("a value that looks like an option")
            .setup(with_password("-P"))
            .command_line("{bmc} -p -P -o status"),
        on("an equals sign after a short option")
            .setup(with_password("=foo"))
            .command_line("{bmc} -p=foo -o status")
            .differs("short-option", IS_ON, FAILS),
        on("an equals sign after a short option, no password")
            .setup(with_password("foo"))
            .command_line("{bmc} -p=foo -o status")
            .differs("short-option", FAILS, IS_ON),
        on("repeated options").command_line("{bmc} -o off -p wrong -p secret -o status"),
        on("short and long of the same").command_line("{bmc} -o off --action status"),
        on("long and short of the same").command_line("{bmc} --action status -o off"),
        on("plug without port-as-ip").command_line("{bmc} -n node1 -o off"),
        on("plug with port-as-ip").command_line("-n 127.0.0.1 --port-as-ip {bmc} -o status"),
        on("help on the command line").command_line("-h").same_but_words(),
        on("version on the command line").command_line("-V").same_but_words(),
        on("version beside an action").command_line("{bmc} -o off --version").same_but_words(),
        on("metadata on the command line").command_line("-o metadata").same_but_words(),
        on("no address on the command line").command_line("-o status -l admin -p secret"),
        on("an empty word").command_line("{bmc} '' -o status"),
        on("method on the command line").cycles().command_line("{bmc} -m cycle"),
        on("disable-timeout").command_line("{bmc} --disable-timeout=true -o off"),
        on("password script on the command line").command_line("{bmc} -S echo -o status"),
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

fn with_password(password: &'static str) -> Setup {
    Setup { password, ..Setup::default() }
}

fn both() -> [Agent; 2] {
    [Agent::python("fence_ipmilan"), Agent::ours()]
}

/// docs/differences.md has a row for each difference, and each row its proof.
#[test]
fn every_difference_is_documented() {
    let rows = documented();
    let mut proved = BTreeMap::<_, BTreeSet<_>>::new();
    for case in all_cases() {
        if let Some(difference) = case.difference() {
            proved.entry(difference.id).or_default().insert(case.name);
        }
    }
    let documented: BTreeSet<_> = rows.keys().copied().collect();
    for (id, cases) in &proved {
        let row = rows.get(id).unwrap_or_else(|| panic!("no row for {id}: {cases:?}"));
        assert_eq!(missing(cases, row), BTreeSet::new(), "cases that the row {id} does not name");
    }
    for id in documented {
        let cases = proved.remove(id).unwrap_or_default();
        let tests = missing(&rows[id], &cases);
        assert!(!rows[id].is_empty(), "the row {id} has no proof");
        for test in tests {
            let name = test.rsplit("::").next().unwrap_or_default();
            assert!(is_test(name), "the row {id} names {test:?}, which is no case and no test");
        }
    }
}

fn missing<'a>(these: &BTreeSet<&'a str>, from: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    these.difference(from).copied().collect()
}

/// The proofs of each row of the tables, by the id of the row.
fn documented() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let text = include_str!("../docs/differences.md");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, .., proofs] = cells[..] else { panic!("{line}") };
        let proofs = proofs.split('`').skip(1).step_by(2).collect();
        assert!(rows.insert(id.trim_matches('`'), proofs).is_none(), "two rows {id}");
    }
    rows
}

fn is_test(name: &str) -> bool {
    let declaration = format!("fn {name}()");
    fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
        .expect("the folder of the tests")
        .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
        .any(|source| source.contains(&declaration))
}

fn all_cases() -> Vec<Case> {
    let tables = [
        action_cases,
        name_cases,
        line_cases,
        boolean_cases,
        empty_cases,
        plug_cases,
        value_cases,
        credential_cases,
        program_cases,
        command_line_cases,
        lan::cases,
        lan::target_cases,
    ];
    tables.iter().flat_map(|table| table()).collect()
}
