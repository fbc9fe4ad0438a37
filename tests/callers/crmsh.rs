//! crmsh reads the metadata: it shows them, and checks by them what an administrator writes.

use super::pacemaker::{expect_silent, runs};
use super::trial::Parameters;
use crate::metadata::NAMES;
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::installed::Node;
use crate::support::ipmi_sim::IpmiSim;

#[test]
fn crmsh_describes_every_agent() {
    for name in NAMES.iter().chain(&["fence_controller"]) {
        let run = Node::new().run(&format!("crm ra info stonith:{name}"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
        for wanted in [&format!("stonith:{name}")[..], "\npcmk_host_list"] {
            assert!(run.stdout.contains(wanted), "{name}: no {wanted:?}: {run:#?}");
        }
    }
}

#[test]
fn crmsh_makes_a_device_with_which_pacemaker_fences() {
    makes_a_device::<IpmiSim>();
    makes_a_device::<RedfishBmc>();
}

fn makes_a_device<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), true);
    let parameters: Vec<_> = Parameters::of(&bmc).lines().collect();
    let node = Node::new();
    let run = node.run(&format!(
        "crm configure primitive fence-node1 stonith:{} params {} pcmk_host_list=node1 op monitor interval=60s",
        B::AGENT,
        parameters.join(" ")
    ));
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(!run.stderr.contains("fence-node1"), "it has nothing to say of the device: {run:#?}");

    let fenced = runs(&node.device("fence-node1"), "off").run();
    expect_silent(&fenced, 0, "Success: Powered OFF\n");
    assert_eq!(bmc.power(), "off");
}

#[test]
fn crmsh_tells_what_is_wrong_with_a_device() {
    let device = "stonith:fence_ipmilan params ip=10.0.0.5 username=a password=b colour=red";
    let run = Node::new().run(&format!("crm configure primitive fence-node1 {device}"));
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.stderr.contains("parameter \"colour\" is not known"), "{run:#?}");
}
