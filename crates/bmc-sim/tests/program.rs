//! The program `bmc-sim`. Its honest test agent needs ipmitool.
#![cfg(test)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

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
    let mut serve =
        bmc_sim(&["serve", "--listen", "127.0.0.1:0", "--initial", "off", "--kg", "6b67"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address: SocketAddr = lines.next().unwrap().parse().unwrap();
    let status = Command::new("ipmitool")
        .args(["-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-U", "admin", "-P", "secret"])
        .args(["-k", "kg", "-p", &address.port().to_string(), "chassis", "power", "status"])
        .output()
        .expect("ipmitool must be installed");
    assert_eq!(status.stdout, b"Chassis Power is off\n", "{status:?}");
    assert!(lines.any(|line| line.ends_with("status asked for: power is off")));
    serve.kill().unwrap();
    serve.wait().unwrap();
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
