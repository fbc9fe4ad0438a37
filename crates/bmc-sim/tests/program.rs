//! The program `bmc-sim`. Its honest test agent needs ipmitool.
#![cfg(test)]

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use ipmi_lan::Quirk;

#[test]
fn the_demonstration_shows_an_honest_agent() {
    let output = demo("honest.sh");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    for expected in [
        "password=********",
        "session opened: user \"admin\", cipher suite 17, up to administrator",
        "command power down: acknowledged",
        "machine  power went off",
        "status asked for: power is off",
        "machine  power went on",
        "Success: Rebooted",
        "action=status",
        "Status: ON",
        "ended with exit code 0",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn the_demonstration_does_not_believe_a_liar() {
    let output = demo("liar.sh");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("the machine never went off"), "{error}");
}

#[test]
fn wrong_usage_is_exit_code_1() {
    for arguments in [
        &[][..],
        &["demo"],
        &["serve", "--cipher-suites", "4"],
        &["serve", "--power-delay", "-1"],
        &["serve", "--kg", "xy"],
        &["serve", "--quirk", "opensesspriv,none"],
        &["serve", "--ipmi15", "sha1"],
        &["serve", "--no-ipmi20"],
        &["serve", "--satellite", "0x31"],
        &["serve", "--satellite", "30"],
        &["serve", "--satellite", "0x30:12"],
        &["serve", "--satellite", "0x82/"],
        &["serve", "--password-file", "/nonexistent", "--listen", "127.0.0.1:0"],
    ] {
        let output = bmc_sim(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(bmc_sim(&["--help"]).output().unwrap().status.success());
}

#[test]
fn a_served_bmc_tells_its_address_and_what_happens() {
    let mut serve = Served::start(&["--initial", "off", "--kg", "6b67"]);
    assert_eq!(serve.ipmitool(&["-k", "kg", "power", "status"]), "Chassis Power is off\n");
    assert!(serve.tells("status asked for: power is off"));
}

#[test]
fn a_served_bmc_has_the_satellites_that_were_asked_for() {
    let mut serve = Served::start(&["--satellite", "0x30", "--satellite", "0x82/0x72:7"]);
    let status = ["power", "status"];
    for (target, place) in [
        (&["-t", "0x30"][..], "30h on channel 0"),
        (&["-T", "0x82", "-t", "0x72", "-b", "7"], "82h on channel 0: satellite 72h on channel 7"),
    ] {
        assert_eq!(serve.ipmitool(&[target, &status].concat()), "Chassis Power is on\n");
        assert!(serve.tells(&format!(" s  satellite {place}: status asked for: power is on")));
    }
}

#[test]
fn a_served_bmc_has_the_quirks_that_were_asked_for() {
    let serve = Served::start(&["--quirk", "setprivilege,presentstate", "--quirk", "tag0"]);
    assert_eq!(serve.ipmitool(&["power", "on"]), "");
    assert_eq!(serve.ipmitool(&["-L", "OPERATOR", "power", "on"]), "", "it is on");
    assert_eq!(serve.ipmitool(&["-L", "OPERATOR", "power", "status"]), "Chassis Power is on\n");
}

#[test]
fn the_quirks_are_listed() {
    let output = bmc_sim(&["quirks"]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    for quirk in Quirk::ALL {
        let facts = quirk.facts();
        for part in [format!("{}\n", facts.name), facts.hardware.into(), facts.change.into()] {
            assert!(listed.contains(&part), "{part:?} is not in:\n{listed}");
        }
    }
    assert_eq!(listed.lines().count(), 5 * Quirk::ALL.len());
}

#[test]
fn a_served_bmc_has_the_sessions_of_ipmi_15_that_were_asked_for() {
    for (options, types) in [
        (&["--ipmi15", "md5,password"][..], &["MD5", "PASSWORD"][..]),
        (&["--ipmi15", "none", "--no-ipmi20"], &["NONE"]),
        (&["--ipmi15", "md5", "--no-per-message", "--no-user-level"], &["MD5"]),
    ] {
        let mut serve = Served::start(options);
        for kind in types {
            let status = serve.ipmitool(&["-I", "lan", "-A", kind, "power", "status"]);
            assert_eq!(status, "Chassis Power is on\n", "{options:?}");
            let kind = kind.to_lowercase();
            let opened = format!("user \"admin\", IPMI 1.5 with {kind}, up to administrator");
            assert!(serve.tells(&opened), "{options:?}");
        }
    }
}

/// The program as a BMC on some port. It is killed when dropped.
struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Served {
    fn start(options: &[&str]) -> Self {
        let mut serve = bmc_sim(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = serve.args(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.next().unwrap().unwrap().parse().unwrap();
        Self { child, lines, address }
    }

    fn ipmitool(&self, arguments: &[&str]) -> String {
        let output = Command::new("ipmitool")
            .args(["-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-U", "admin", "-P", "secret"])
            .args(["-p", &self.address.port().to_string()])
            .args(arguments)
            .output()
            .expect("ipmitool must be installed");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether it tells so, sooner or later.
    fn tells(&mut self, what: &str) -> bool {
        self.lines.any(|line| line.unwrap().ends_with(what))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn demo(agent: &str) -> Output {
    let agent = format!("{}/tests/agents/{agent}", env!("CARGO_MANIFEST_DIR"));
    bmc_sim(&["demo", "--power-delay", "0.1", "--agent", &agent]).output().unwrap()
}

fn bmc_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bmc-sim"));
    command.args(arguments);
    command
}
