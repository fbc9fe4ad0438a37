//! pacemaker-fenced without a cluster: it registers our agents, and has them do what `stonith_admin` asks for.

use std::process::{Child, Stdio};

use bmc_sim::Power;
use bmc_sim::redfish::{ConnectionFault, RedfishSystem};

use super::lab::{Answer, Lab, Setup, at_once};
use crate::support::agent::{Agent, names};
use crate::support::certificates::{Identity, Kind};
use crate::support::comparison::{Bmc, different};
use crate::support::ipmi_sim::{self, IpmiSim};
use crate::support::redfish_sim::RedfishSim;
use crate::support::sim::Sim;
use crate::support::sushy::{Front, Sushy};
use crate::support::wait::{PATIENCE, wait_for};

/// What the fenced machine is called.
const NODE: &str = "node2";
/// What the device is called.
const DEVICE: &str = "device";

/// What stonith_admin exits with when a time was up.
const TIMED_OUT: Option<i32> = Some(124);

/// The daemon in a lab of its own.
struct Fencer {
    daemon: Child,
    lab: Lab,
}

impl Fencer {
    fn start() -> Self {
        let lab = Setup::new().start();
        let log = "/mnt/fencer.log";
        let daemon = lab
            .launcher()
            .command("/usr/lib/pacemaker/pacemaker-fenced")
            .args(["--stand-alone", "--logfile", log])
            .env_clear()
            // Otherwise the log does not tell of successes.
            .env("PCMK_debug", "yes")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter starts");
        let fencer = Self { daemon, lab };
        let look = || fencer.log().contains("successfully started").then_some(());
        wait_for("pacemaker-fenced: is it installed? ./tests/run does that", PATIENCE, look);
        fencer
    }

    fn end(mut self) {
        self.daemon.kill().expect("a child can be killed");
        self.daemon.wait().expect("a child can be waited for");
        self.lab.end();
    }

    /// Asks for something, and gives what was logged meanwhile.
    fn ask(&self, words: &[&str]) -> (Answer, String) {
        let before = self.log().len();
        let answer = self.lab.run(&[&["stonith_admin"], words].concat());
        (answer, self.log().split_off(before))
    }

    /// Asks for something that has to succeed, without a complaint in the log.
    #[track_caller]
    fn must(&self, words: &[&str]) -> (Answer, String) {
        let (answer, log) = self.ask(words);
        assert_eq!(answer.code, Some(0), "{words:?}: {answer:?}, {log}");
        assert!(!log.contains("stderr") && !log.contains("error:"), "{words:?}: {log}");
        (answer, log)
    }

    /// Registers a device for one of the agents, in the place of the last one.
    #[track_caller]
    fn register(&self, agent: &str, lines: &[String]) {
        let options = options(lines);
        self.must(&[&["--register", DEVICE, "--agent", agent], &options[..]].concat());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.lab.folder().join("fencer.log")).unwrap_or_default()
    }

    /// Whether any of our agents runs.
    fn has_agent(&self) -> bool {
        self.lab.processes().iter().any(|process| process.name.starts_with("fence_"))
    }
}

/// The lines that an agent would get, as stonith_admin takes them.
fn options(lines: &[String]) -> Vec<&str> {
    lines.iter().flat_map(|line| ["--option", line]).collect()
}

/// The lines with some changed or added.
fn with(lines: Vec<String>, changes: &[&str]) -> Vec<String> {
    let name = |line: &str| line.split('=').next().expect("a name").to_owned();
    let is_kept = |line: &String| changes.iter().all(|change| name(change) != name(line));
    let changes = changes.iter().map(|&change| change.to_owned());
    lines.into_iter().filter(is_kept).chain(changes).collect()
}

/// A device that need not be asked whether it can fence the node.
fn listed(lines: Vec<String>, changes: &[&str]) -> Vec<String> {
    with(with(lines, &[&format!("pcmk_host_list={NODE}")]), changes)
}

/// A BMC and its machine, by people who know nothing of us.
enum Peer {
    Ipmi(IpmiSim),
    Redfish(Sushy),
}

impl Peer {
    fn start(agent: &str, lab: &Lab) -> Self {
        let launcher = lab.launcher();
        lab.in_network(|| match agent {
            "fence_redfish" => {
                let identity = Identity::new(Kind::SelfSigned);
                let sushy =
                    Sushy::start_through(&launcher, Front::Own, Some(&identity), &[NODE], 1);
                Self::Redfish(sushy)
            }
            _ => {
                Self::Ipmi(IpmiSim::start_with(&ipmi_sim::Setup { launcher, ..Default::default() }))
            }
        })
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Ipmi(sim) => sim.lines(),
            Self::Redfish(sushy) => [
                "ip=127.0.0.1".to_owned(),
                format!("ipport={}", sushy.port()),
                "username=admin".to_owned(),
                "password=secret".to_owned(),
                "ssl_insecure=1".to_owned(),
            ]
            .to_vec(),
        }
    }

    /// What the machine was told so far, such as `off on`.
    fn commands(&self) -> String {
        match self {
            Self::Ipmi(sim) => Bmc::commands(sim),
            Self::Redfish(sushy) => sushy.commands(NODE),
        }
    }

    fn is_on(&self, lab: &Lab) -> bool {
        match self {
            Self::Ipmi(sim) => sim.is_on(),
            Self::Redfish(sushy) => lab.in_network(|| sushy.power(NODE)) == "On",
        }
    }
}

#[test]
fn every_agent_does_what_the_fencer_asks_for() {
    let agents = names();
    let (some, others) = agents.split_at(4);
    at_once([some, others], |agents| {
        let fencer = Fencer::start();
        for agent in agents {
            do_everything(&fencer, agent, &Peer::start(agent, &fencer.lab));
        }
        fencer.end();
    });
}

fn do_everything(fencer: &Fencer, agent: &str, peer: &Peer) {
    // Off is not what a status fails for.
    let lines = with(peer.lines(), &["pcmk_status_retries=1"]);
    let (answer, _) = fencer.must(&["--metadata", "--agent", agent]);
    let printed = Agent::ours_called(agent).lines(["action=metadata"]).run().stdout;
    assert!(answer.stdout.contains(&format!("<resource-agent name=\"{agent}\"")), "{agent}");
    assert_eq!(names_of(&answer.stdout, "parameter"), names_of(&printed, "parameter"), "{agent}");
    // It has start and stop besides, which pacemaker does itself.
    let (told, printed) = (names_of(&answer.stdout, "action"), names_of(&printed, "action"));
    assert!(printed.iter().all(|name| told.contains(name)), "{agent}: {told:?}");

    let validate = ["--validate", "--agent", agent];
    fencer.must(&[&validate[..], &options(&lines)].concat());
    let (answer, _) = fencer.ask(&validate);
    assert_eq!(answer.code, Some(1), "{agent} without parameters: {answer:?}");
    assert!(answer.stdout.contains("you have to enter"), "{agent}: {answer:?}");

    fencer.register(agent, &lines);
    // It succeeds without monitor, too, if only list does.
    let (_, log) = fencer.must(&["--query", DEVICE]);
    assert!(has_ended(&log, agent, "monitor", 0), "{agent}: {log}");
    assert!(!has_ended(&log, agent, "list", 0), "{agent}: {log}");
    let (answer, log) = fencer.must(&["--list-targets", DEVICE]);
    assert!(has_ended(&log, agent, "list", 0), "{agent}: {log}");
    assert_eq!(answer.stdout.trim(), "0 fence targets found", "{agent}");

    assert!(peer.is_on(&fencer.lab), "{agent}");
    for (asked, action, commands, status) in [
        ("--fence", "off", &["off"][..], 0),
        ("--unfence", "on", &["on"], 2),
        ("--reboot", "reboot", &["off", "on"], 0),
    ] {
        let before = peer.commands().len();
        let (_, log) = fencer.must(&[asked, NODE, "--timeout", "60"]);
        // Which device can fence the node is found out by the status.
        assert!(has_ended(&log, agent, "status", status), "{agent}: {log}");
        assert!(has_ended(&log, agent, action, 0), "{agent}: {log}");
        let told = peer.commands().split_off(before);
        assert_eq!(different(told.trim_start()), commands, "{agent}: {action}");
        let is_on = commands.ends_with(&["on"]);
        assert_eq!(peer.is_on(&fencer.lab), is_on, "{agent}: {action}");
    }
    assert!(!fencer.has_agent());
}

/// The names that elements of this kind have, in their order.
fn names_of(metadata: &str, element: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(metadata).expect("XML");
    let elements = document.descendants().filter(|node| node.has_tag_name(element));
    elements.map(|node| node.attribute("name").expect("a name").to_owned()).collect()
}

/// Whether the log tells that the agent was told to do it, and ended with this code.
fn has_ended(log: &str, agent: &str, action: &str, code: i32) -> bool {
    let (run, end) = (format!("{agent}_{action}_"), format!("exited with status {code}"));
    log.lines().any(|line| line.contains(&run) && line.ends_with(&end))
}

#[test]
fn a_machine_that_is_off_can_be_fenced() {
    let fencer = Fencer::start();
    for agent in ["fence_ipmilan", "fence_redfish"] {
        let peer = Peer::start(agent, &fencer.lab);
        fencer.register(agent, &peer.lines());
        fencer.must(&["--fence", NODE, "--timeout", "60"]);
        // Status has exit code 2 now, which says that the device can fence it.
        let (answer, log) = fencer.ask(&["--list", NODE]);
        assert!(answer.stdout.contains(DEVICE), "{agent}: {answer:?}, {log}");
        fencer.must(&["--fence", NODE, "--timeout", "60"]);
        assert!(!peer.is_on(&fencer.lab), "{agent}");
        fencer.must(&["--reboot", NODE, "--timeout", "60"]);
        assert!(peer.is_on(&fencer.lab), "{agent}");
    }
    fencer.end();
}

#[test]
fn a_wrong_password_is_a_failure_that_is_told() {
    let fencer = Fencer::start();
    for (agent, told) in
        [("fence_ipmilan", "wrong password"), ("fence_redfish", "wrong credentials")]
    {
        let peer = Peer::start(agent, &fencer.lab);
        fencer.register(agent, &listed(peer.lines(), &["password=wrong"]));
        for asked in ["--fence", "--reboot"] {
            let (answer, log) = fencer.ask(&[asked, NODE, "--timeout", "60"]);
            assert_eq!(answer.code, Some(1), "{agent}: {answer:?}, {log}");
            assert!(answer.stderr.contains("Couldn't fence"), "{agent}: {answer:?}");
            assert!(log.contains(told), "{agent}: {log}");
            assert!(peer.is_on(&fencer.lab), "{agent}");
        }
    }
    fencer.end();
}

#[test]
fn a_bmc_that_hangs_is_a_failure_that_is_told() {
    let fencer = Fencer::start();
    let ipmi = fencer.lab.in_network(Sim::start);
    ipmi.with_faults(|faults| faults.silent = true);
    let redfish = fencer.lab.in_network(|| RedfishSim::start_at("127.0.0.1:0", |_| {}));
    redfish.with_faults(|faults| faults.connection = Some(ConnectionFault::HangInHandshake));
    for (agent, lines) in [("fence_ipmilan", ipmi.lines()), ("fence_redfish", redfish.lines())] {
        fencer.register(agent, &listed(lines, &["login_timeout=2", "pcmk_off_retries=1"]));
        let (answer, log) = fencer.ask(&["--fence", NODE, "--timeout", "60"]);
        assert_eq!(answer.code, Some(1), "{agent}: {answer:?}, {log}");
        assert!(log.contains("BMC silent: "), "{agent}: {log}");
        assert!(!fencer.has_agent(), "{agent}");
    }
    drop((ipmi, redfish));
    fencer.end();
}

/// pacemaker kills an agent that has not ended in time, and the BMC keeps the session that nobody closes.
#[test]
fn an_agent_that_is_killed_leaves_nothing_that_is_in_the_way() {
    let fencer = Fencer::start();
    let ipmi = fencer.lab.in_network(Sim::start);
    fencer.register("fence_ipmilan", &listed(ipmi.lines(), &["pcmk_off_timeout=3s"]));
    ipmi.with_faults(|faults| faults.ignore_power_off = true);
    let (answer, log) = fencer.ask(&["--fence", NODE, "--timeout", "60"]);
    assert_eq!(answer.code, TIMED_OUT, "{answer:?}, {log}");
    assert!(!fencer.has_agent());
    assert_eq!((ipmi.power(), ipmi.sessions()), (Power::On, (1, 0)));
    ipmi.with_faults(|faults| faults.ignore_power_off = false);
    fencer.register("fence_ipmilan", &listed(ipmi.lines(), &[]));
    fencer.must(&["--fence", NODE, "--timeout", "60"]);
    assert_eq!((ipmi.power(), ipmi.sessions()), (Power::Off, (2, 1)));

    let redfish = fencer.lab.in_network(|| {
        RedfishSim::start_at("127.0.0.1:0", |config| {
            config.basic = false;
            config.systems = vec![RedfishSystem::new(NODE)];
        })
    });
    fencer.register("fence_redfish", &listed(redfish.lines(), &["pcmk_off_timeout=3s"]));
    redfish.with_faults(|faults| faults.ignore_resets = true);
    let (answer, log) = fencer.ask(&["--fence", NODE, "--timeout", "60"]);
    assert_eq!(answer.code, TIMED_OUT, "{answer:?}, {log}");
    assert!(!fencer.has_agent());
    assert_eq!((redfish.power(NODE), redfish.counts().sessions_open), (Some(Power::On), 1));
    redfish.with_faults(|faults| faults.ignore_resets = false);
    fencer.register("fence_redfish", &listed(redfish.lines(), &[]));
    fencer.must(&["--fence", NODE, "--timeout", "60"]);
    assert_eq!((redfish.power(NODE), redfish.counts().sessions_open), (Some(Power::Off), 1));
    drop((ipmi, redfish));
    fencer.end();
}
