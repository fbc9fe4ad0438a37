//! TripleO: puppet has pcs make the devices, then pacemaker calls.
//!
//! Each parameter stands in double quotes, by its old name, on the command line of a shell; booleans are `true` and `false`;
//! the port may stand behind the address as well.

use super::pacemaker::{as_pacemaker, expect_silent, runs};
use super::trial::Parameters;
use crate::support::agent::Agent;
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::{RedfishBmc, Setup};
use crate::support::installed::{Device, Node};
use crate::support::ipmi_sim::IpmiSim;

/// The device that puppet has made.
fn configured(agent: &str, parameters: &[(&str, &str)]) -> Device {
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
fn tripleo_fences_by_ipmi() {
    let bmc = IpmiSim::start();
    let port = bmc.port().to_string();
    let device = configured(
        "fence_ipmilan",
        &[
            ("ipaddr", "127.0.0.1"),
            ("ipport", &port),
            ("login", "admin"),
            ("passwd", "secret"),
            ("lanplus", "true"),
            ("cipher", "3"),
            ("privlvl", "administrator"),
        ],
    );
    expect_silent(&runs(&device, "reboot").run(), 0, "Success: Rebooted\n");
    assert_eq!(Bmc::commands(&bmc), "off on");
}

/// `redfish_verify_ca` of the node decides; `false` really means that certificates are checked.
#[test]
fn tripleo_fences_by_redfish() {
    let bmc = RedfishBmc::start(&Setup::default(), true);
    let port = Parameters::of(&bmc).value("ipport").to_owned();
    let address = format!("127.0.0.1:{port}");
    let with = |insecure| {
        configured(
            "fence_redfish",
            &[
                ("ipaddr", &address),
                ("ipport", &port),
                ("login", "admin"),
                ("passwd", "secret"),
                ("systems-uri", "/redfish/v1/Systems/1"),
                ("ssl_insecure", insecure),
            ],
        )
    };
    runs(&with("false"), "off").run().expect_failure("certificate");
    assert_eq!(bmc.commands(), "");

    expect_silent(&runs(&with("true"), "off").run(), 0, "Success: Powered OFF\n");
    assert_eq!(bmc.commands(), "off");
}

/// What was configured before pcs checked parameters, or with `--force`: quotes that stayed, and a parameter that agents of
/// old had.
#[test]
fn puppet_of_old_is_understood() {
    let bmc = IpmiSim::start();
    let lines = [
        "ipaddr=\"127.0.0.1\"".to_owned(),
        format!("ipport=\"{}\"", bmc.port()),
        "login=\"admin\"".to_owned(),
        "passwd=\"secret\"".to_owned(),
        "lanplus=\"true\"".to_owned(),
        "use_sudo=\"false\"".to_owned(),
        "timeout=\"60\"".to_owned(),
    ];
    let run = as_pacemaker(Agent::ours()).lines(lines).lines(["action=monitor"]).run();
    expect_silent(&run, 0, "");
}
