//! fenced and fence_node, of the cluster manager cman.
//!
//! What is configured for the node comes first, then its name, then what is configured for the device, `agent` among
//! it: all on standard input. What the agent prints goes into a pipe that is read only when it has ended; its exit code
//! counts.

use super::trial::{Caller, Parameters};
use crate::support::agent::{Agent, Run};
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::ipmi_sim::IpmiSim;

const FENCED: Caller = Caller { call, believes: |run| run.code == Some(0) };

fn call(agent: Agent, device: &Parameters, action: Option<&str>) -> Agent {
    let name = agent.program().file_name().unwrap().to_str().unwrap().to_owned();
    agent
        .lines(action.map(|action| format!("option={action}")))
        .lines(["nodename=node2".to_owned(), format!("agent={name}")])
        .lines(device.by_old_names().lines())
        .through("sh", &["-c", "exec \"$0\" 2>&1"])
}

/// In cluster.conf, the action is that of the agent unless the device says `action` (of old, `option`).
#[test]
fn fenced_fences() {
    FENCED.fences::<IpmiSim>(None);
    FENCED.fences::<RedfishBmc>(None);
}

/// The old name of `action`, which the Python agents of today do not know: they reboot.
#[test]
fn fenced_of_old_switches_off() {
    switches_off_by_option::<IpmiSim>();
    switches_off_by_option::<RedfishBmc>();
}

fn switches_off_by_option<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), true);
    let call = call(Agent::ours_called(B::AGENT), &Parameters::of(&bmc), Some("off"));
    // Of old it also sent the device's name.
    call.lines(["name=bmc2"]).run().expect(0, "Success: Powered OFF\n");
    assert_eq!((bmc.commands().as_str(), bmc.power().as_str()), ("off", "off"));
}

/// `unfence` has `action="on"`; the status is read for `fence_node -S`.
#[test]
fn fence_node_unfences_and_asks() {
    unfences_and_asks::<IpmiSim>();
    unfences_and_asks::<RedfishBmc>();
}

fn unfences_and_asks<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), false);
    let run = |action: &str| -> Run {
        let lines = [format!("action={action}")];
        call(Agent::ours_called(B::AGENT).lines(lines), &Parameters::of(&bmc), None).run()
    };
    run("status").expect(2, "Status: OFF\n");
    run("on").expect(0, "Success: Powered ON\n");
    run("status").expect(0, "Status: ON\n");
    assert_eq!(bmc.commands(), "on");
}
