//! The program `bmc-sim`. Its honest test agents need ipmitool and curl.
#![cfg(test)]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use bmc_sim::redfish;
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
fn the_demonstration_shows_redfish_too() {
    let agent = agent("honest_redfish.sh");
    let output = demo_with("honest.sh", &["--redfish-agent", &agent]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    let (_, shown) = shown.split_once("Redfish").unwrap();
    for expected in [
        "password=********",
        "ssl_fingerprint=",
        "reset of system \"1\", ForceOff: answered 204",
        "machine  power of system \"1\" went off",
        "system \"1\" asked for: PowerState is Off",
        "machine  power of system \"1\" went on",
        "Success: Rebooted",
        "Status: ON",
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in:\n{shown}");
    }
    assert!(!shown.contains("secret"), "{shown}");
    let output = demo_with("honest.sh", &["--redfish-agent", &self::agent("liar.sh")]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("the machine never went off"), "{error}");
}

#[test]
fn a_served_redfish_service_is_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("certificate.pem");
    let certificate = certificate.to_str().unwrap();
    let options = ["redfish", "--listen", "127.0.0.1:0", "--certificate-out", certificate];
    let systems = ["--system", "a", "--system", "b", "--initial", "off"];
    let quirks = ["--quirk", "psu501,close_each", "--power-delay", "0", "--tasks"];
    let arguments = [&options[..], &systems, &quirks].concat();
    let mut served = Served::run(&arguments, |line| line.parse().unwrap());
    let curl = |path: &str, data: &[&str]| {
        let url = format!("https://{}/redfish/v1/{path}", served.address);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--cacert", certificate, "--user", "admin:secret"]);
        let output = curl.args(data).arg(url).output().expect("curl must be installed");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(curl("Systems/b", &[]).contains("\"PowerState\":\"Off\""));
    let reset = |kind| {
        let body = format!("{{\"ResetType\":\"{kind}\"}}");
        curl("Systems/b/Actions/ComputerSystem.Reset", &["--json", &body])
    };
    assert!(reset("ForceOff").contains("PSU501"));
    assert!(reset("On").contains("TaskMonitor"));
    let lines: Vec<String> = served.lines.by_ref().take(6).map(Result::unwrap).collect();
    for (line, end) in lines.iter().zip([
        "",
        "system \"b\" asked for: PowerState is Off",
        "quirk psu501: request refused",
        "reset of system \"b\", ForceOff: answered 409",
        "reset of system \"b\", On: answered 202",
        "power of system \"b\" went on",
    ]) {
        assert!(line.ends_with(end), "{lines:?}");
    }
    assert!(lines[0].starts_with("SHA-256 of the certificate: "), "{lines:?}");
}

#[test]
fn a_redfish_service_has_power_switched_by_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let switch = folder.path().join("switch");
    // The system "stuck" is one that it cannot switch.
    let script = "#!/bin/sh\necho switching\n[ $1 != stuck ] && echo \"$@\" >>\"$0.log\"\n";
    std::fs::write(&switch, script).unwrap();
    std::fs::set_permissions(&switch, Permissions::from_mode(0o755)).unwrap();
    let on_power = ["--on-power", switch.to_str().unwrap(), "--power-delay", "0"];
    let systems = ["--system", "a", "--system", "stuck"];
    let arguments = [&["redfish", "--listen", "127.0.0.1:0"][..], &systems, &on_power].concat();
    let mut served = Served::run(&arguments, |line| line.parse().unwrap());
    for (system, reset) in [("stuck", "ForceOff"), ("a", "ForceOff"), ("a", "On")] {
        let url = format!(
            "https://{}/redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset",
            served.address
        );
        let body = format!("{{\"ResetType\":\"{reset}\"}}");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--insecure", "--user", "admin:secret", "--json", &body, &url]);
        assert!(curl.status().expect("curl must be installed").success());
    }
    let lines: Vec<String> = served.lines.by_ref().skip(1).take(5).map(Result::unwrap).collect();
    for (line, end) in lines.iter().zip([
        "reset of system \"stuck\", ForceOff: answered 204",
        "reset of system \"a\", ForceOff: answered 204",
        "power of system \"a\" went off",
        "reset of system \"a\", On: answered 204",
        "power of system \"a\" went on",
    ]) {
        assert!(line.ends_with(end), "{lines:?}");
    }
    let log = std::fs::read_to_string(folder.path().join("switch.log")).unwrap();
    assert_eq!(log, "a off\na on\n");
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
        &["serve", "--loss", "1.5"],
        &["serve", "--jitter", "-1"],
        &["redfish", "--system", "a/b"],
        &["redfish", "--quirk", "presentstate"],
        &["redfish", "--certificate", "good"],
        &["redfish", "--listen", "127.0.0.1:0", "--certificate-out", "/nonexistent/x"],
        &["farm", "--count", "0"],
        &["farm", "--by-port", "--listen", "127.0.0.1:65535", "--count", "2"],
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
    for quirk in redfish::Quirk::ALL {
        let facts = quirk.facts();
        for part in [format!("{}\n", facts.name), facts.hardware.into(), facts.change.into()] {
            assert!(listed.contains(&part), "{part:?} is not in:\n{listed}");
        }
    }
    let titles = "IPMI\n\n\nRedfish\n\n".lines().count();
    let lines = 5 * Quirk::ALL.len() + 4 * redfish::Quirk::ALL.len() + titles;
    assert_eq!(listed.lines().count(), lines);
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

#[test]
fn a_farm_tells_its_addresses_and_how_many_machines_are_on() {
    let farm = &["farm", "--listen", "127.3.0.254:0", "--count", "3", "--power-delay", "0"];
    let mut farm = Served::run(farm, |line| {
        let (first, last) = line.strip_prefix("3 BMCs, ").unwrap().split_once(" to ").unwrap();
        assert!(first.starts_with("127.3.0.254:"), "{line}");
        last.parse().unwrap()
    });
    assert_eq!(farm.address.ip().to_string(), "127.3.1.0");
    assert_eq!(farm.ipmitool(&["power", "off"]), "Chassis Power Control: Down/Off\n");
    assert!(farm.lines.any(|line| line.unwrap().contains(" s  2 on, 1 off; ")));
}

#[test]
fn a_farm_raises_the_limit_on_open_files() {
    let program = env!("CARGO_BIN_EXE_bmc-sim");
    let farm = format!("ulimit -Sn 32; exec {program} farm --count 100 --listen 127.3.3.1:0");
    let mut command = Command::new("sh");
    command.args(["-c", &farm]);
    let farm =
        Served::run_command(command, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap());
    assert_eq!(farm.address.ip().to_string(), "127.3.3.100");
}

#[test]
fn a_farm_that_is_too_large_says_how_many_descriptors_it_needs() {
    let farm = bmc_sim(&["farm", "--listen", "[::1]:6230", "--count", "1000000000000"]).output();
    let error = String::from_utf8(farm.unwrap().stderr).unwrap();
    assert!(error.contains("1000000000000 BMCs need 10000000000"), "{error}");
}

#[test]
fn there_may_be_a_bad_network_before_a_bmc_and_before_a_farm() {
    let twice = ["--duplication", "1", "--delay", "0.01", "--seed", "7"];
    let serve = Served::start(&twice);
    assert_eq!(pongs(serve.address), 4);
    let farm = [&["farm", "--count", "1", "--listen", "127.3.2.1:0"][..], &twice].concat();
    let farm = Served::run(&farm, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap());
    assert_eq!(pongs(farm.address), 4);
}

/// How many answers there are to one presence ping, up to four.
fn pongs(address: SocketAddr) -> usize {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.send_to(&[6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 7, 0, 0], address).unwrap();
    (0..4).take_while(|_| client.recv(&mut [0; 64]).is_ok()).count()
}

/// The program as a BMC on some port, or as a farm of them. It is killed when dropped.
struct Served {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Served {
    fn start(options: &[&str]) -> Self {
        let serve = [&["serve", "--listen", "127.0.0.1:0"], options].concat();
        Self::run(&serve, |line| line.parse().unwrap())
    }

    /// The first line says where it listens.
    fn run(arguments: &[&str], address: impl FnOnce(&str) -> SocketAddr) -> Self {
        Self::run_command(bmc_sim(arguments), address)
    }

    fn run_command(mut command: Command, address: impl FnOnce(&str) -> SocketAddr) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = address(&lines.next().unwrap().unwrap());
        Self { child, lines, address }
    }

    fn ipmitool(&self, arguments: &[&str]) -> String {
        let output = Command::new("ipmitool")
            .args(["-I", "lanplus", "-C", "3", "-H", &self.address.ip().to_string()])
            .args(["-U", "admin", "-P", "secret"])
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
    demo_with(agent, &[])
}

fn demo_with(agent: &str, options: &[&str]) -> Output {
    let agent = self::agent(agent);
    let demo = ["demo", "--power-delay", "0.1", "--agent", &agent];
    bmc_sim(&[&demo, options].concat()).output().unwrap()
}

fn agent(name: &str) -> String {
    format!("{}/tests/agents/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn bmc_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bmc-sim"));
    command.args(arguments);
    command
}
