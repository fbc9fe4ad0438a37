//! Inputs that the agents have in common, through Debian's Python agents and through ours: same exit code, same
//! standard output, same commands to the machine. Every difference that is meant to be is in docs/differences.md, and
//! proved here.

use crate::support::comparison::redfish::RedfishBmc;
use crate::support::comparison::{Bmc, Case, Outcome, compare, off, on};
use crate::support::ipmi_sim::IpmiSim;

pub const FAILS: Outcome = (1, "", "");
pub const IS_ON: Outcome = (0, "Status: ON\n", "");
pub const POWERED_OFF: Outcome = (0, "Success: Powered OFF\n", "off");
pub const REBOOTED: Outcome = (0, "Success: Rebooted\n", "off on");

/// All that are here.
pub fn cases<B: Bmc>() -> Vec<Case<B>> {
    let tables = [
        action_cases,
        name_cases,
        line_cases,
        boolean_cases,
        empty_cases,
        plug_cases,
        value_cases,
        credential_cases,
        command_line_cases,
    ];
    tables.iter().flat_map(|table| table()).collect()
}

#[test]
fn actions() {
    compare(action_cases::<IpmiSim>());
    compare(action_cases::<RedfishBmc>());
}

fn action_cases<B: Bmc>() -> Vec<Case<B>> {
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
    compare(name_cases::<IpmiSim>());
    compare(name_cases::<RedfishBmc>());
}

fn name_cases<B: Bmc>() -> Vec<Case<B>> {
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
        on("what fenced sends").lines(&["agent=fence", "nodename=n", "nodeid=1", "action=off"]),
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
    compare(line_cases::<IpmiSim>());
    compare(line_cases::<RedfishBmc>());
}

fn line_cases<B: Bmc>() -> Vec<Case<B>> {
    vec![
        on("blanks around a line").lines(&["  action=status\t"]),
        on("carriage returns").lines(&["action=status\r", "ipport={port}\r"]),
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
            .setup(B::with_password("a=b=c"))
            .lines(&["password=a=b=c", "action=status"]),
        on("a password for shells")
            .setup(B::with_password("pa$s'w`0\\rd"))
            .lines(&["password=pa$s'w`0\\rd", "action=status"]),
        on("a number sign in a password")
            .setup(B::with_password("#1"))
            .lines(&["password=#1", "action=status"]),
        on("a password of 19")
            .setup(B::with_password("1234567890123456789"))
            .lines(&["password=1234567890123456789", "action=off"]),
    ]
}

#[test]
fn booleans() {
    compare(boolean_cases::<IpmiSim>());
    compare(boolean_cases::<RedfishBmc>());
}

fn boolean_cases<B: Bmc>() -> Vec<Case<B>> {
    vec![
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
    compare(empty_cases::<IpmiSim>());
    compare(empty_cases::<RedfishBmc>());
}

fn empty_cases<B: Bmc>() -> Vec<Case<B>> {
    vec![
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
        on("empty quotes").lines(&["delay=\"\"", "action=status"]).differs("empty", FAILS, IS_ON),
        on("plug_separator=").lines(&["plug_separator=", "action=status"]),
    ]
}

#[test]
fn plugs() {
    compare(plug_cases::<IpmiSim>());
    compare(plug_cases::<RedfishBmc>());
}

fn plug_cases<B: Bmc>() -> Vec<Case<B>> {
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
    compare(value_cases::<IpmiSim>());
    compare(value_cases::<RedfishBmc>());
}

fn value_cases<B: Bmc>() -> Vec<Case<B>> {
    vec![
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
        on("power_timeout=0").lines(&["power_timeout=0", "action=off"]),
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
        on("debug_file").lines(&["debug_file=/dev/null", "action=status"]),
        on("debug_file that cannot be").lines(&["debug_file=/nonexistent/file", "action=off"]),
        on("ipport=abc").lines(&["ipport=abc", "action=status"]),
        on("ipport=0").lines(&["ipport=0", "action=status", "power_timeout=3"]),
        on("ipport=-1").lines(&["ipport=-1", "action=status"]),
        on("ipport=70000").lines(&["ipport=70000", "action=status"]),
        on("a host name").lines(&["ip=localhost", "action=status"]),
        on("no such host").lines(&["ip=host.invalid", "action=off"]),
        on("no address").without(&["ip"]).lines(&["action=off"]),
        on("nobody there").lines(&[
            "ip=127.0.0.2",
            "action=off",
            "power_timeout=3",
            "login_timeout=1",
        ]),
    ]
}

#[test]
fn credentials() {
    compare(credential_cases::<IpmiSim>());
    compare(credential_cases::<RedfishBmc>());
}

fn credential_cases<B: Bmc>() -> Vec<Case<B>> {
    vec![
        on("a wrong password").lines(&["password=wrong", "action=off"]),
        on("a wrong password, monitor").lines(&["password=wrong", "action=monitor"]),
        on("a wrong user").lines(&["username=nobody", "action=off"]),
        on("no user").without(&["username"]).lines(&["action=off"]),
        on("no password").without(&["password"]).lines(&["action=off"]),
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
fn command_lines() {
    compare(command_line_cases::<IpmiSim>());
    compare(command_line_cases::<RedfishBmc>());
}

fn command_line_cases<B: Bmc>() -> Vec<Case<B>> {
    vec![
        on("short options").command_line("{bmc} -o status"),
        off("short options, off").command_line("{bmc} -o off"),
        on("no action on the command line").command_line("{bmc}"),
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
        on("a value for a switch").command_line("{bmc} -o status --quiet=1"),
        on("a missing value").command_line("{bmc} -o"),
        on("an empty value")
            .command_line("{bmc} --delay '' -o status")
            .differs("empty", FAILS, IS_ON),
        on("an empty action on the command line").command_line("{bmc} -o ''"),
        on("a value that looks like an option")
            .setup(B::with_password("-v"))
            .command_line("{bmc} -p -v -o status"),
        on("an equals sign after a short option")
            .setup(B::with_password("=foo"))
            .command_line("{bmc} -p=foo -o status")
            .differs("short-option", IS_ON, FAILS),
        on("an equals sign after a short option, no password")
            .setup(B::with_password("foo"))
            .command_line("{bmc} -p=foo -o status")
            .differs("short-option", FAILS, IS_ON),
        on("repeated options").command_line("{bmc} -o off -p wrong -p secret -o status"),
        on("short and long of the same").command_line("{bmc} -o off --action status"),
        on("long and short of the same").command_line("{bmc} --action status -o off"),
        on("plug with port-as-ip").command_line("-n 127.0.0.1 --port-as-ip {bmc} -o status"),
        on("help on the command line").command_line("-h").same_but_words(),
        on("version on the command line").command_line("-V").same_but_words(),
        on("version beside an action").command_line("{bmc} -o off --version").same_but_words(),
        on("metadata on the command line").command_line("-o metadata").same_but_words(),
        on("no address on the command line").command_line("-o status -l admin -p secret"),
        on("an empty word").command_line("{bmc} '' -o status"),
        on("disable-timeout").command_line("{bmc} --disable-timeout=true -o off"),
        on("password script on the command line").command_line("{bmc} -S echo -o status"),
    ]
}
