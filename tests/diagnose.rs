//! `fencectl diagnose` against BMCs with everything that it looks for, and without; and the lines that it prints.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;
use std::time::Duration;

use bmc_sim::redfish::{CertificateConfig, Credentials, RedfishSystem};
use bmc_sim::{EventKind, Ipmi15, User};
use ipmi_lan::{AuthenticationType, CipherSuite, Password, Privilege, Username};
use roxmltree::Document;
use serde_json::Value;

use crate::support::agent::{Agent, Run, program};
use crate::support::certificates::{Identity, Kind};
use crate::support::ipmi_sim::IpmiSim;
use crate::support::nginx::{Nginx, Setup};
use crate::support::port::free_port;
use crate::support::redfish_server;
use crate::support::redfish_sim::{PASSWORD, RedfishSim, USER};
use crate::support::sim::Sim;
use crate::support::sushy::{Front, Sushy};

/// Of the user of [`Sim`] and of [`IpmiSim`].
const SECRET: &str = "secret";

/// A run of `fencectl diagnose` on loopback.
struct Diagnose {
    agent: Agent,
}

impl Diagnose {
    /// By one protocol.
    fn by(protocol: &str, port: u16) -> Self {
        let arguments = ["diagnose", &format!("127.0.0.1:{port}"), "--protocol", protocol];
        Self { agent: Agent::at(env!("CARGO_BIN_EXE_fencectl")).arguments(arguments) }
    }

    /// By both.
    fn both(ipmi: u16, redfish: u16) -> Self {
        let (ipmi, redfish) =
            (format!("fence_ipmilan.ipport={ipmi}"), format!("fence_redfish.ipport={redfish}"));
        let arguments = ["diagnose", "127.0.0.1", "--set", &ipmi, "--set", &redfish];
        Self { agent: Agent::at(env!("CARGO_BIN_EXE_fencectl")).arguments(arguments) }
    }

    fn user(self, name: &str, password: &str) -> Self {
        Self {
            agent: self
                .agent
                .arguments(["--username", name])
                .environment("FENCECTL_PASSWORD", password),
        }
    }

    fn with(self, arguments: &[&str]) -> Self {
        Self { agent: self.agent.arguments(arguments.iter().copied()) }
    }

    /// For people.
    fn text(self) -> Run {
        self.agent.run()
    }

    #[track_caller]
    fn json(self) -> Report {
        let run = self.agent.arguments(["--json"]).run();
        assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""), "{run:#?}");
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert_eq!(run.code, Some(i32::from(report["usable"] != true)), "{run:#?}");
        Report { report, run }
    }
}

struct Report {
    report: Value,
    run: Run,
}

impl Report {
    /// The names of all findings.
    fn findings(&self) -> BTreeSet<&str> {
        let all = self.diagnoses().flat_map(|one| one["findings"].as_array().expect("a list"));
        all.map(|finding| finding["name"].as_str().expect("a name")).collect()
    }

    #[track_caller]
    fn expect<const N: usize>(&self, findings: [&str; N]) -> &Self {
        assert_eq!(self.findings(), BTreeSet::from(findings), "{:#?}", self.run);
        self
    }

    fn is_usable(&self) -> bool {
        self.report["usable"] == true
    }

    /// The commands for `pcs` or `crm`.
    fn lines(&self, tool: &str) -> Vec<&str> {
        let lines = self.report[tool].as_array().expect("a list").iter();
        lines.map(|line| line.as_str().expect("a line")).collect()
    }

    fn fact(&self, label: &str) -> Vec<&str> {
        let all = self.diagnoses().flat_map(|one| one["facts"].as_array().expect("a list"));
        let all = all.filter(|fact| fact["label"] == label);
        all.map(|fact| fact["text"].as_str().expect("a text")).collect()
    }

    fn diagnoses(&self) -> impl Iterator<Item = &Value> {
        self.report["diagnoses"].as_array().expect("a list").iter()
    }
}

/// The words that a shell makes of a command.
fn words(command: &str) -> Vec<String> {
    let checked = Command::new("sh").args(["-n", "-c", command]).status().expect("sh");
    assert!(checked.success(), "{command}");
    let script = format!("printf '%s\\n' {command}");
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh");
    let words = String::from_utf8(output.stdout).expect("text");
    words.lines().map(str::to_owned).collect()
}

/// The parameters in a command for pcs or crm, without those of pacemaker, as an agent gets them: the placeholder is
/// the password.
#[track_caller]
fn agent_lines(command: &str, password: &str) -> Vec<String> {
    let words = words(command);
    let begin = words.iter().position(|word| word.contains('=')).expect("parameters");
    let end = words.iter().position(|word| word == "op").expect("an operation");
    assert_eq!(words[end..], ["op", "monitor", "interval=60s"], "{command}");
    let (own, pacemakers): (Vec<_>, Vec<_>) =
        words[begin..end].iter().partition(|word| !word.starts_with("pcmk_"));
    assert_eq!(pacemakers.len(), 1, "{command}");
    own.iter().map(|word| word.replace("<password>", password)).collect()
}

/// Every parameter is one of the agent's metadata, and those are there that must be.
#[track_caller]
fn assert_parameters(agent: &str, lines: &[String]) {
    let metadata = Agent::at(program(agent)).lines(["action=metadata"]).run();
    let document = Document::parse(&metadata.stdout).expect("metadata");
    let known = |name: &str| {
        document
            .descendants()
            .find(|node| node.has_tag_name("parameter") && node.attribute("name") == Some(name))
    };
    let names: Vec<_> = lines.iter().map(|line| line.split('=').next().expect("a name")).collect();
    for name in &names {
        let parameter = known(name).unwrap_or_else(|| panic!("{agent} has no {name}"));
        assert_eq!(parameter.attribute("deprecated"), None, "{name}");
    }
    let is_required = |node: &roxmltree::Node| node.attribute("required") == Some("1");
    let required = document.descendants().filter(is_required);
    let required = required.filter_map(|node| node.attribute("name"));
    for name in required.filter(|name| *name != "action") {
        let is_deprecated = known(name).and_then(|node| node.attribute("deprecated")).is_some();
        assert!(is_deprecated || names.contains(&name), "{agent} needs {name}: {names:?}");
    }
}

/// Runs the agent with the parameters of both lines; each time it fences.
#[track_caller]
fn assert_lines_work(report: &Report, index: usize, agent: &str, password: &str) {
    let (pcs, crm) = (report.lines("pcs")[index], report.lines("crm")[index]);
    assert_eq!(words(pcs)[..3], ["pcs", "stonith", "create"]);
    assert_eq!(words(pcs)[4], agent);
    assert_eq!(words(crm)[..3], ["crm", "configure", "primitive"]);
    assert_eq!(words(crm)[4..6], [format!("stonith:{agent}").as_str(), "params"]);
    for command in [pcs, crm] {
        let lines = agent_lines(command, password);
        assert_parameters(agent, &lines);
        let agent = || Agent::at(program(agent)).lines(&lines);
        agent().lines(["action=status"]).run().expect(0, "Status: ON\n");
        agent().lines(["action=reboot"]).run().expect(0, "Success: Rebooted\n");
    }
}

fn operator(password: &str) -> User {
    User {
        name: Username::new("op").expect("a name"),
        password: Password::new(password).expect("a password"),
        max_privilege: Privilege::Operator,
        enabled: true,
    }
}

const GOOD_PASSWORD: &str = "sixteen letters!";

#[test]
fn a_bmc_as_it_should_be_needs_lanplus_and_no_more() {
    let bmc = Sim::start_with(|config| config.users = vec![operator(GOOD_PASSWORD)]);
    let report = Diagnose::by("ipmi", bmc.address().port()).user("op", GOOD_PASSWORD).json();
    report.expect(["needs_lanplus"]);
    assert_lines_work(&report, 0, "fence_ipmilan", GOOD_PASSWORD);
}

#[test]
fn openipmis_bmc_is_as_open_as_it_is_configured() {
    let bmc = IpmiSim::start();
    let report = Diagnose::by("ipmi", bmc.port()).user("admin", SECRET).json();
    report.expect([
        "anonymous_user",
        "authentication_none",
        "cipher_suite_0",
        "ipmi15_open",
        "more_privilege_than_needed",
        "short_password",
        "suites_not_listed",
        "weak_authentication_types",
    ]);
    assert!(report.lines("pcs")[0].contains(" cipher=3 "), "{:#?}", report.run);
    assert!(bmc.commands().is_empty(), "nothing is switched");
    assert_lines_work(&report, 0, "fence_ipmilan", SECRET);
}

#[test]
fn doors_that_are_open_are_found_where_they_are() {
    let suites = |ids: &[u8]| ids.iter().copied().filter_map(CipherSuite::from_id).collect();
    let suite_0 = Sim::start_with(|config| {
        config.users = vec![operator(GOOD_PASSWORD)];
        config.cipher_suites = suites(&[0, 3]);
    });
    let null_user = Sim::start_with(|config| {
        let name = Username::default();
        config.users = vec![operator(GOOD_PASSWORD), User { name, ..operator("something") }];
    });
    let ipmi15 = Sim::start_with(|config| {
        config.users = vec![operator(GOOD_PASSWORD)];
        config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
    });
    let diagnosed =
        |bmc: &Sim| Diagnose::by("ipmi", bmc.address().port()).user("op", GOOD_PASSWORD).json();
    diagnosed(&suite_0).expect(["cipher_suite_0", "needs_lanplus"]);
    diagnosed(&null_user).expect(["null_user", "needs_lanplus"]);
    diagnosed(&ipmi15).expect(["ipmi15_open"]);
}

#[test]
fn a_bmc_with_ipmi_15_only_is_configured_for_that() {
    let bmc = Sim::start_with(|config| {
        config.users = vec![operator(GOOD_PASSWORD)];
        config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
        config.ipmi20 = false;
    });
    let report = Diagnose::by("ipmi", bmc.address().port()).user("op", GOOD_PASSWORD).json();
    report.expect(["only_ipmi15"]);
    assert!(report.lines("pcs")[0].contains(" lanplus=0 "), "{:#?}", report.run);
    assert_lines_work(&report, 0, "fence_ipmilan", GOOD_PASSWORD);
}

#[test]
fn a_password_that_one_protocol_has_refused_is_not_tried_by_the_other() {
    let (ipmi, redfish) = (Sim::start(), RedfishSim::start_at("127.0.0.1:0", |_| {}));
    let report = Diagnose::both(ipmi.address().port(), redfish.address().port())
        .user("admin", "wrong-password")
        .with(&["--trust-certificate"])
        .json();
    report.expect(["wrong_password", "certificate_not_trusted"]);
    assert!(!report.is_usable());
    assert!(report.lines("pcs").is_empty() && report.lines("crm").is_empty());
    let is_silent = |credentials| credentials == Credentials::None;
    assert!(redfish.requests().into_iter().all(|request| is_silent(request.credentials)));
    let opened = |kind: &EventKind| matches!(kind, EventKind::SessionOpened { .. });
    assert!(!ipmi.happened().iter().any(opened));
}

#[test]
fn where_nobody_is_nothing_works() {
    let report = Diagnose::both(free_port(), free_port())
        .user("admin", SECRET)
        .with(&["--set", "login_timeout=1"])
        .json();
    report.expect([]);
    assert!(!report.is_usable());
    let errors: Vec<_> = report.diagnoses().map(|one| one["error"].as_str()).collect();
    assert!(errors[0].is_some_and(|error| error.starts_with("port closed: ")), "{errors:?}");
    assert!(errors[1].is_some_and(|error| error.starts_with("no connection: ")), "{errors:?}");
}

#[test]
fn both_protocols_are_two_devices_and_two_levels() {
    let ipmi = Sim::start_with(|config| {
        config.users.clear();
        config.users.push(User::administrator(USER, PASSWORD).expect("a user"));
    });
    let redfish = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let report = Diagnose::both(ipmi.address().port(), redfish.address().port())
        .user(USER, PASSWORD)
        .with(&["--trust-certificate", "--node", "node1.example"])
        .json();
    report.expect([
        "needs_lanplus",
        "more_privilege_than_needed",
        "password_not_long",
        "certificate_not_trusted",
    ]);
    assert_lines_work(&report, 0, "fence_ipmilan", PASSWORD);
    assert_lines_work(&report, 1, "fence_redfish", PASSWORD);
    let [first, second] = ["ipmilan", "redfish"].map(|name| format!("fence-node1.example-{name}"));
    for (index, device) in [&first, &second].into_iter().enumerate() {
        let level = format!("pcs stonith level add {} node1.example {device}", index + 1);
        assert_eq!(report.lines("pcs")[index + 2], level);
        assert_eq!(words(report.lines("pcs")[index])[3], *device);
        assert!(report.lines("pcs")[index].contains(" pcmk_host_list=node1.example op "));
    }
    let topology = format!("crm configure fencing_topology node1.example: {first} {second}");
    assert_eq!(report.lines("crm")[2], topology);
}

/// Of the certificates that the tests make, which are for 30 days.
const EXPIRES: &str = "certificate_expires_soon";

#[test]
fn sushys_certificate_is_trusted_only_when_that_is_asked_for() {
    let identity = Identity::new(Kind::SelfSigned);
    let sushy = Sushy::start(Front::Own, Some(&identity), &["fake1"]);
    let diagnose = || {
        Diagnose::by("redfish", sushy.port()).user(redfish_server::USER, redfish_server::PASSWORD)
    };
    let report = diagnose().json();
    report.expect(["certificate_not_trusted", EXPIRES]);
    assert_eq!(report.fact("fingerprint"), [identity.fingerprint()]);
    assert!(!report.is_usable());
    let report = diagnose().with(&["--trust-certificate"]).json();
    report.expect(["certificate_not_trusted", EXPIRES, "short_password"]);
    let fingerprint = format!(" ssl_fingerprint={} ", identity.fingerprint());
    assert!(report.lines("pcs")[0].contains(&fingerprint), "{:#?}", report.run);
    let lines = agent_lines(report.lines("crm")[0], redfish_server::PASSWORD);
    assert_parameters("fence_redfish", &lines);
    Agent::redfish().lines(&lines).lines(["action=off"]).run().expect(0, "Success: Powered OFF\n");
    assert_eq!(sushy.power("fake1"), "Off");
    let bundle = format!("ssl_ca_bundle={}", identity.bundle().display());
    let report = diagnose().with(&["--set", &bundle]).json();
    report.expect([EXPIRES, "short_password"]);
    assert!(report.lines("pcs")[0].contains(&bundle), "{:#?}", report.run);
}

#[test]
fn of_several_systems_of_sushy_one_must_be_named() {
    let identity = Identity::new(Kind::SelfSigned);
    let sushy = Sushy::start(Front::Own, Some(&identity), &["fake1", "fake2"]);
    let diagnose = || {
        Diagnose::by("redfish", sushy.port())
            .user(redfish_server::USER, redfish_server::PASSWORD)
            .with(&["--trust-certificate"])
    };
    let report = diagnose().json();
    report.expect(["certificate_not_trusted", EXPIRES, "several_systems", "short_password"]);
    assert_eq!((report.fact("system").len(), report.is_usable()), (2, false));
    let report = diagnose().with(&["--set", "plug=fake2"]).json();
    report.expect(["certificate_not_trusted", EXPIRES, "short_password"]);
    let path = format!(" systems_uri={} ", sushy.path("fake2"));
    assert!(report.lines("pcs")[0].contains(&path), "{:#?}", report.run);
}

#[test]
fn certificates_that_are_weak_or_over_are_found() {
    let sushy = Sushy::start(Front::Own, None, &["fake1"]);
    let identity = Identity::new(Kind::OldRsa);
    let setup = Setup { protocols: "TLSv1.2", ciphers: "DEFAULT:@SECLEVEL=0", ..Setup::default() };
    let nginx = Nginx::start(&setup, &identity, &sushy.url());
    let report = Diagnose::by("redfish", nginx.port()).json();
    report.expect(["certificate_not_trusted", EXPIRES, "weak_key", "weak_signature"]);
    assert_eq!(report.fact("TLS"), ["1.2"]);
    let expired =
        RedfishSim::start_at("127.0.0.1:0", |c| c.certificate = CertificateConfig::Expired);
    let report = Diagnose::by("redfish", expired.address().port()).json();
    report.expect(["certificate_not_trusted", "certificate_expired"]);
}

#[test]
fn a_wrong_password_for_redfish_is_told_of() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let report = Diagnose::by("redfish", bmc.address().port())
        .user(USER, "wrong-password")
        .with(&["--trust-certificate"])
        .json();
    report.expect(["certificate_not_trusted", "wrong_credentials"]);
}

#[test]
fn people_read_the_same_and_neither_the_password_nor_what_a_terminal_would_obey() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
        config.systems =
            vec![RedfishSystem { name: "\u{1b}[2J".to_owned(), ..RedfishSystem::new("1") }];
    });
    let fingerprint = format!("ssl_fingerprint={}", bmc.fingerprint());
    let run = Diagnose::by("redfish", bmc.address().port())
        .user(USER, PASSWORD)
        .with(&["--set", &fingerprint])
        .text();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains(PASSWORD), "{run:#?}");
    for words in [
        "Redfish at 127.0.0.1:",
        "  power state  On\n",
        "\\u{1b}[2J",
        "Findings\n  none\n",
        "Configuration with pcs\n  pcs stonith create fence-127.0.0.1-redfish fence_redfish ",
        "Configuration with crmsh\n  crm configure primitive ",
        "\n<password> is yours to put in.\n",
    ] {
        assert!(run.stdout.contains(words), "{words}: {run:#?}");
    }
}

#[test]
fn a_password_may_come_from_a_script_which_the_lines_then_name() {
    let bmc = Sim::start_with(|config| config.users = vec![operator("o'clock it is now")]);
    let script = "echo \"o'clock it is now\"";
    let report = Diagnose::by("ipmi", bmc.address().port())
        .with(&["--username", "op", "--password-script", script])
        .json();
    report.expect(["needs_lanplus"]);
    let lines = agent_lines(report.lines("pcs")[0], "");
    assert!(lines.contains(&format!("password_script={script}")), "{lines:?}");
    Agent::ours().lines(&lines).lines(["action=status"]).run().expect(0, "Status: ON\n");
}

#[test]
fn an_interruption_ends_it_and_says_so() {
    let bmc = Sim::start();
    bmc.with_faults(|faults| faults.silent = true);
    let running = Diagnose::by("ipmi", bmc.address().port()).user("admin", SECRET).agent.start();
    while bmc.datagrams().received == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    running.signal("INT");
    let run = running.finish();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:#?}");
    assert_eq!(run.stderr, "fencectl: interrupted\n");
}
