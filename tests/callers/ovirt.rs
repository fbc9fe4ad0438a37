//! oVirt: the host that fences for the engine runs the agent by its vdsm, as the user vdsm.
//!
//! Standard input begins with five lines of old names; `port` and `secure` follow where they are set, then the options
//! of the engine, in any order and without a newline at the end. The exit code counts, 0, 1 or 2; of a failure, what
//! was printed is shown to the administrator.

use std::thread;
use std::time::Duration;

use ipmi_lan::command::PowerControl;
use ipmi_lan::{CipherSuite, Privilege};

use super::trial::{Caller, Parameters};
use crate::support::agent::{Agent, Run};
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::comparison::{Bmc, different};
use crate::support::ipmi_sim::IpmiSim;
use crate::support::sim::Sim;

const OVIRT: Caller = Caller {
    call: |agent, host, action| {
        call(agent, host, &format!("action={}", action.expect("an action")), &[], &[])
    },
    believes: |run| run.code == Some(0),
};

/// The user vdsm.
const VDSM: &[&str] = &["--reuid=36", "--regid=36", "--clear-groups", "--"];

/// What the engine makes of a status.
#[derive(Debug, PartialEq, Eq)]
enum Power {
    On,
    Off,
    /// What is shown.
    Unknown(String),
}

fn power(run: Run) -> Power {
    match run.code {
        Some(0) => Power::On,
        Some(2) => Power::Off,
        _ => Power::Unknown(run.stdout + &run.stderr),
    }
}

/// With `port` and `secure` where the host has them, its options, and those that the engine adds for its kind of BMC.
fn call(agent: Agent, host: &Parameters, action: &str, more: &[&str], added: &[&str]) -> Agent {
    let name = agent.program().file_name().unwrap().to_str().unwrap().to_owned();
    let options =
        ["ip", "username", "password"].iter().fold(host.clone(), |rest, name| rest.without(name));
    let added = added.iter().map(|&option| option.to_owned());
    let options: Vec<_> = options.lines().chain(added).collect();
    agent
        .lines([
            format!("agent={name}"),
            format!("ipaddr={}", host.value("ip")),
            format!("login={}", host.value("username")),
            action.to_owned(),
            format!("passwd={}", host.value("password")),
        ])
        .lines(more)
        .text(&options.join("\n"))
        .through("setpriv", VDSM)
}

#[test]
fn ovirt_fences() {
    for action in ["off", "reboot"] {
        OVIRT.fences::<IpmiSim>(Some(action));
        OVIRT.fences::<RedfishBmc>(Some(action));
    }
}

#[test]
fn ovirt_reads_the_power_from_the_exit_code() {
    reads_the_power::<IpmiSim>();
    reads_the_power::<RedfishBmc>();
}

fn reads_the_power<B: Bmc>() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::for_anybody(&folder, B::AGENT);
    for (is_on, wanted) in [(true, Power::On), (false, Power::Off)] {
        let bmc = B::start(&B::Setup::default(), is_on);
        let status = call(agent.clone(), &Parameters::of(&bmc), "action=status", &[], &[]);
        assert_eq!(power(status.run()), wanted);
    }
    let closed = B::start(&B::with_password("another"), false);
    let status = call(agent, &Parameters::of(&closed), "action=status", &[], &[]);
    let Power::Unknown(shown) = power(status.run()) else { panic!("nobody was let in") };
    assert!(shown.contains(": wrong "), "{shown}");
}

/// `port` is there when the host has one; `secure`, and `slot` among the options, are for other agents, and worth a
/// warning that the Python agents give, too.
#[test]
fn ovirt_sends_words_for_other_agents() {
    ignores_other_words::<IpmiSim>();
    ignores_other_words::<RedfishBmc>();
}

fn ignores_other_words<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), true);
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::for_anybody(&folder, B::AGENT);
    let more = ["port=7", "secure=yes"];
    let status = call(agent, &Parameters::of(&bmc), "action=status", &more, &["slot=3"]);
    let run = status.run();
    run.expect(0, "Status: ON\n");
    let warned: Vec<_> =
        run.stderr.lines().filter_map(|line| line.split_once("WARNING: ")).collect();
    let unknown = ["secure", "slot"].map(|name| format!("unknown parameter '{name}' is ignored"));
    assert_eq!(warned.iter().map(|(_, text)| *text).collect::<Vec<_>>(), unknown);
    assert_eq!(run.stderr.lines().count(), unknown.len(), "{run:#?}");
}

/// Of old, the action came as `option`, which the Python agents of today do not know.
#[test]
fn ovirt_of_old_is_understood() {
    is_understood_of_old::<IpmiSim>();
    is_understood_of_old::<RedfishBmc>();
}

fn is_understood_of_old<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), true);
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::for_anybody(&folder, B::AGENT);
    let off = call(agent, &Parameters::of(&bmc), "option=off", &[], &[]);
    off.run().expect(0, "Success: Powered OFF\n");
    assert_eq!(different(&bmc.commands()), ["off"]);
}

/// What the engine adds for each kind of BMC that is switched by our agents: on x86, and on POWER, where one name is
/// misspelt. Where `lanplus` has no value, IPMI 2.0 is found without it, as these BMCs have nothing older. (drac5, ilo,
/// rsa and others have agents of their own; redfish has `ssl_insecure=1`, which all tests here have.)
const DEFAULTS: &[(&str, &str)] = &[
    ("drac7", "privlvl=OPERATOR\nlanplus\ndelay=10"),
    ("ilo3", "lanplus\npower_wait=4"),
    ("ilo3, of old", "lanplus\ntimeout=4"),
    ("ilo4", "power_wait=4\nlanplus"),
    ("ipmilan", "lanplus=1"),
    ("ilo3 on POWER", "lanplus=1\ncipher=1\nprivlvl=administrator\npower_wait=4"),
    ("ilo4 on POWER", "ilanplus=1\ncipher=1\nprivlvl=administrator\npower_wait=4"),
    ("ipmilan on POWER", "lanplus=1\ncipher=1\nprivlvl=administrator\npower_wait=4"),
];

/// What comes of an action: whether the machine was on, and what it is told.
const ACTIONS: &[(&str, bool, &[PowerControl])] = &[
    ("on", false, &[PowerControl::PowerUp]),
    ("off", true, &[PowerControl::PowerDown]),
    ("reboot", true, &[PowerControl::PowerDown, PowerControl::PowerUp]),
];

#[test]
fn ovirts_options_for_each_bmc_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::for_anybody(&folder, "fence_ipmilan").through("setpriv", VDSM);
    thread::scope(|scope| {
        for (bmc, options) in DEFAULTS {
            for action in ACTIONS {
                scope.spawn(|| switches(&agent, bmc, options, *action));
            }
        }
    });
}

fn switches(
    agent: &Agent,
    bmc: &str,
    options: &str,
    (action, is_on, commands): (&str, bool, &[PowerControl]),
) {
    let sim = Sim::start_with(|config| {
        config.ipmi15 = None;
        config.cipher_suites = CipherSuite::ALL.to_vec();
        config.initial_power = if is_on { bmc_sim::Power::On } else { bmc_sim::Power::Off };
        // Who asks for more gets nowhere.
        if options.contains("OPERATOR") {
            config.users[0].max_privilege = Privilege::Operator;
        }
    });
    let (ip, port) = (sim.address().ip(), sim.address().port());
    let run = |action: &str, options: &str| {
        let input = format!(
            "agent=fence_ipmilan\nipaddr={ip}\nlogin=admin\naction={action}\npasswd=secret\nipport={port}\n{options}"
        );
        agent.clone().text(&input).run()
    };
    let told = format!("{bmc}: {action}");
    let status = |options: &str| power(run("status", options));
    assert_eq!(status(options), if is_on { Power::On } else { Power::Off }, "{told}");
    let fenced = run(action, options);
    assert_eq!(fenced.code, Some(0), "{told}: {fenced:#?}");
    let mut given = sim.commands();
    given.dedup();
    assert_eq!(given, commands, "{told}");
    let is_delayed = options.contains("delay=10") && is_on;
    assert!(!is_delayed || fenced.took >= Duration::from_secs(10), "{told}: {fenced:#?}");
    assert_eq!(status(options), if action == "off" { Power::Off } else { Power::On }, "{told}");

    if options.contains("OPERATOR") {
        let as_administrator = status(&options.replace("OPERATOR", "ADMINISTRATOR"));
        let Power::Unknown(shown) = as_administrator else {
            panic!("{told}: {as_administrator:?}")
        };
        assert!(shown.contains("privilege too high"), "{told}: {shown}");
    }
}
