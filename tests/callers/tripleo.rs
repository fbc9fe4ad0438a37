//! TripleO: puppet has pcs make the devices, then pacemaker calls.
//!
//! Each parameter stands in double quotes, by its old name, on the command line of a shell; booleans are `true` and
//! `false`; the port may stand behind the address as well.

use super::pacemaker::{as_pacemaker, expect_silent, runs};
use super::trial::{Caller, Parameters};
use crate::support::agent::Agent;
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::{RedfishBmc, Setup};
use crate::support::installed::{Device, Node};
use crate::support::ipmi_sim::IpmiSim;

const TRIPLEO: Caller = Caller {
    call: |agent, node, action| {
        let name = agent.program().file_name().unwrap().to_str().unwrap().to_owned();
        runs(agent, &configured(&name, &as_puppet(node)), action.unwrap_or("reboot"))
    },
    believes: |run| run.code == Some(0),
};

/// By the old names; booleans are words.
fn as_puppet(node: &Parameters) -> Parameters {
    let switches: Vec<_> =
        node.iter().map(|(name, _)| name).filter(|name| Parameters::is_switch(name)).collect();
    switches.iter().fold(node.by_old_names(), |node, name| node.with(name, "true"))
}

/// The device that puppet has made.
fn configured(agent: &str, parameters: &Parameters) -> Device {
    let node = Node::new();
    let quoted = parameters.iter().map(|(name, value)| format!("{name}=\"{value}\""));
    let script = format!(
        "/usr/sbin/pcs -f cib.xml stonith create stonith-{agent}-525400aabbcc {agent} pcmk_host_list=node1 {}   op \
         monitor interval=60s 2>&1",
        quoted.collect::<Vec<_>>().join(" ")
    );
    let run = node.run(&script);
    assert_eq!(run.code, Some(0), "{run:#?}");
    let device = node.device(&format!("stonith-{agent}-525400aabbcc"));
    assert_eq!(device.agent, agent);
    device
}

#[test]
fn tripleo_fences() {
    TRIPLEO.fences::<IpmiSim>(None);
    TRIPLEO.fences::<RedfishBmc>(Some("off"));
}

/// `redfish_verify_ca` of the node decides; `false` really means that certificates are checked. The port may stand
/// behind the address, too, and the system may be named.
#[test]
fn tripleo_fences_by_redfish() {
    let bmc = RedfishBmc::start(&Setup::default(), true);
    let node = Parameters::of(&bmc);
    let address = format!("{}:{}", node.value("ip"), node.value("ipport"));
    let node = node.with("ip", &address).with("systems-uri", "/redfish/v1/Systems/1");
    let off = |insecure| {
        let device = configured("fence_redfish", &as_puppet(&node).with("ssl_insecure", insecure));
        runs(Agent::redfish(), &device, "off").run()
    };
    off("false").expect_failure("certificate");
    assert_eq!(bmc.commands(), "");

    expect_silent(&off("true"), 0, "Success: Powered OFF\n");
    assert_eq!(bmc.commands(), "off");
}

/// What was configured before pcs checked parameters, or with `--force`: quotes that stayed, and parameters that agents
/// of old had.
#[test]
fn puppet_of_old_is_understood() {
    is_understood_of_old::<IpmiSim>(&["timeout", "use_sudo"]);
    is_understood_of_old::<RedfishBmc>(&["timeout"]);
}

fn is_understood_of_old<B: Bmc>(old: &[&str]) {
    let bmc = B::start(&B::Setup::default(), true);
    let with_old = |node: Parameters, name: &&str| {
        node.with(name, if *name == "timeout" { "60" } else { "false" })
    };
    let node = old.iter().fold(as_puppet(&Parameters::of(&bmc)), with_old);
    let quoted = node.iter().map(|(name, value)| format!("{name}=\"{value}\""));
    let agent = as_pacemaker(Agent::ours_called(B::AGENT)).lines(quoted);
    expect_silent(&agent.lines(["action=monitor"]).run(), 0, "");
}
