//! medik8s' fence-agents-remediation: a controller in a container of Kubernetes, which runs the agents that it was
//! built with.
//!
//! Everything stands on the command line. To fence it is `--name=value`, and the exit code counts (in older versions,
//! besides, the exact words, and nothing on standard error). To check a template it is `--action status --name value`,
//! where older versions send an empty word behind a name that has no value; `Status: ON` on standard output counts,
//! within 15 s.
//!
//! The container has a user without rights, a root that cannot be written to, and no home.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use super::trial::{Caller, Parameters};
use crate::support::agent::{Agent, Run};
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::ipmi_sim::IpmiSim;

const MEDIK8S: Caller = Caller {
    call: |agent, node, action| {
        let assigned = |(name, value): (String, &str)| match value {
            "" => name,
            value => format!("{name}={value}"),
        };
        let arguments: Vec<_> = options(node).map(assigned).collect();
        let action = format!("--action={}", action.unwrap_or("reboot"));
        in_container(agent.arguments(arguments).arguments([action]))
    },
    believes: |run| run.code == Some(0),
};

/// After that it kills the check of a template.
const PATIENCE: Duration = Duration::from_secs(15);

/// Makes every mount read-only, makes sure of it, and goes on without rights.
const CONTAINER: &str = r#"
cut -d' ' -f5 /proc/self/mountinfo | while read -r place; do mount -o remount,bind,ro "$place" 2>/dev/null; done
for place in / /tmp /var/tmp /run /dev/shm "$(dirname "$1")"; do
    ! touch "$place/probe" 2>/dev/null || exit 99
done
cd /
exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "$@"
"#;

fn in_container(agent: Agent) -> Agent {
    agent.environment("HOME", "").through("unshare", &["--mount", "sh", "-c", CONTAINER, "sh"])
}

/// Names as on the command line; switches have no value.
fn options(node: &Parameters) -> impl Iterator<Item = (String, &str)> {
    node.iter().map(|(name, value)| {
        let value = if Parameters::is_switch(name) { "" } else { value };
        (format!("--{}", name.replace('_', "-")), value)
    })
}

#[test]
fn medik8s_fences() {
    for action in [None, Some("off")] {
        MEDIK8S.fences::<IpmiSim>(action);
        MEDIK8S.fences::<RedfishBmc>(action);
    }
}

#[test]
fn medik8s_of_old_fences() {
    const OF_OLD: Caller = Caller {
        believes: |run| run.stdout == "Success: Rebooted\n" && run.stderr.is_empty(),
        ..MEDIK8S
    };
    // The Python agent of Debian 12 writes a warning of Python to standard error, and so is never believed.
    reboots_in_these_words::<IpmiSim>(&OF_OLD);
    reboots_in_these_words::<RedfishBmc>(&OF_OLD);
}

fn reboots_in_these_words<B: Bmc>(caller: &Caller) {
    let bmc = B::start(&B::Setup::default(), true);
    let folder = tempfile::tempdir().unwrap();
    let run =
        (caller.call)(Agent::for_anybody(&folder, B::AGENT), &Parameters::of(&bmc), None).run();
    assert!((caller.believes)(&run), "{run:#?}");
    assert_eq!(bmc.commands(), "off on");
}

/// What stands behind a switch, or another name without a value.
#[derive(Clone, Copy, Debug)]
enum Empty {
    Word,
    Nothing,
}

/// The check of a template.
fn check(agent: Agent, node: &Parameters, empty: Empty) -> Run {
    let mut arguments = vec!["--action".to_owned(), "status".to_owned()];
    for (name, value) in options(node) {
        arguments.push(name);
        match (value, empty) {
            ("", Empty::Nothing) => {}
            (value, _) => arguments.push(value.to_owned()),
        }
    }
    in_container(agent.arguments(arguments)).run()
}

#[test]
fn medik8s_checks_a_template() {
    checks_a_template::<IpmiSim>();
    checks_a_template::<RedfishBmc>();
}

fn checks_a_template<B: Bmc>() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::for_anybody(&folder, B::AGENT);
    for empty in [Empty::Nothing, Empty::Word] {
        let bmc = B::start(&B::Setup::default(), true);
        check(agent.clone(), &Parameters::of(&bmc), empty).expect(0, "Status: ON\n");
        let bmc = B::start(&B::Setup::default(), false);
        check(agent.clone(), &Parameters::of(&bmc), empty).expect(2, "Status: OFF\n");
    }
}

/// A BMC that does not answer is told of before the controller loses its patience.
#[test]
fn medik8s_learns_in_time_that_a_bmc_is_silent() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    learns_in_time::<IpmiSim>(udp.local_addr().unwrap());
    learns_in_time::<RedfishBmc>(tcp.local_addr().unwrap());
}

fn learns_in_time<B: Bmc>(silent: SocketAddr) {
    let bmc = B::start(&B::Setup::default(), true);
    let folder = tempfile::tempdir().unwrap();
    let node = Parameters::of(&bmc).with("ipport", &silent.port().to_string());
    let run = check(Agent::for_anybody(&folder, B::AGENT), &node, Empty::Nothing);
    run.expect_failure(&format!("{silent}: "));
    assert!(run.took < PATIENCE, "{run:#?}");
}
