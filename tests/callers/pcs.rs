//! pcs reads the metadata: it shows them, and checks by them what an administrator writes.

use super::pacemaker::{expect_silent, runs};
use super::trial::Parameters;
use crate::metadata::NAMES;
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::installed::Node;
use crate::support::ipmi_sim::IpmiSim;

#[test]
fn pcs_describes_every_agent() {
    for name in NAMES.iter().chain(&["fence_controller"]) {
        let run = Node::new().run(&format!("pcs stonith describe {name}"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
        for wanted in [&format!("{name} - ")[..], "\n  pcmk_host_list"] {
            assert!(run.stdout.contains(wanted), "{name}: no {wanted:?}: {run:#?}");
        }
    }
}

#[test]
fn pcs_makes_a_device_with_which_pacemaker_fences() {
    makes_a_device::<IpmiSim>();
    makes_a_device::<RedfishBmc>();
}

fn makes_a_device<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), true);
    let parameters: Vec<_> = Parameters::of(&bmc).lines().collect();
    let node = Node::new();
    let create = format!(
        "pcs -f cib.xml stonith create fence-node1 {} {} pcmk_host_list=node1",
        B::AGENT,
        parameters.join(" ")
    );
    let run = node.run(&create);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");

    let fenced = runs(&node.device("fence-node1"), "off").run();
    expect_silent(&fenced, 0, "Success: Powered OFF\n");
    assert_eq!(bmc.power(), "off");
}

#[test]
fn pcs_tells_what_is_wrong_with_a_device() {
    for (device, code, told) in [
        (
            "fence_ipmilan ip=10.0.0.5 username=a password=b colour=red",
            1,
            "invalid stonith option 'colour'",
        ),
        ("fence_redfish ip=10.0.0.5 password=b", 1, "stonith option 'username' or 'login'"),
        ("fence_ilo4 ipaddr=10.0.0.5 username=a password=b", 0, "'ipaddr' is deprecated"),
        ("fence_redfish ip=10.0.0.6 username=a password=b action=off", 1, "'action'"),
        (
            "fence_ipmilan ip=10.0.0.7 username=a password=b cipher=99 --agent-validation",
            1,
            "ERROR: Failed: cipher: '99' is no cipher suite",
        ),
    ] {
        let create = format!("pcs -f cib.xml stonith create fence-node1 {device}");
        let run = Node::new().run(&create);
        assert_eq!(run.code, Some(code), "{device}: {run:#?}");
        assert!(run.stderr.contains(told), "{device}: {run:#?}");
    }
}
