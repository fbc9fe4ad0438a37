//! dlm_controld, with a dlm.conf of its own.
//!
//! The words of the lines `device` and `connect` come line by line on standard input, then `node`, if there is none
//! among them, then `fail_time`, or for unfencing `action=on`. What the agent prints is thrown away; its exit code
//! counts.

use super::trial::{Caller, Parameters};
use crate::support::agent::Agent;
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::ipmi_sim::IpmiSim;

const DLM: Caller = Caller {
    call: |agent, device, action| {
        let action = action.map(|action| format!("action={action}"));
        throw_away(agent.lines(device.lines()).lines(action).lines([
            "node=2",
            "port=2",
            "fail_time=1760000000",
        ]))
    },
    believes: |run| run.code == Some(0),
};

fn throw_away(agent: Agent) -> Agent {
    agent.through("sh", &["-c", "exec \"$0\" >/dev/null 2>&1"])
}

#[test]
fn dlm_controld_fences() {
    DLM.fences::<IpmiSim>(None);
    DLM.fences::<RedfishBmc>(None);
    DLM.fences::<IpmiSim>(Some("off"));
    DLM.fences::<RedfishBmc>(Some("off"));
}

/// `fence_all` has no line `connect`.
#[test]
fn dlm_controld_fences_every_node_by_one_device() {
    const FENCE_ALL: Caller = Caller {
        call: |agent, device, _| {
            throw_away(agent.lines(device.lines()).lines(["node=2", "fail_time=1760000000"]))
        },
        ..DLM
    };
    FENCE_ALL.fences::<IpmiSim>(None);
    FENCE_ALL.fences::<RedfishBmc>(None);
}

#[test]
fn dlm_controld_unfences() {
    unfences::<IpmiSim>();
    unfences::<RedfishBmc>();
}

fn unfences<B: Bmc>() {
    let bmc = B::start(&B::Setup::default(), false);
    let agent = Agent::ours_called(B::AGENT).lines(Parameters::of(&bmc).lines());
    throw_away(agent.lines(["node=1", "action=on"])).run().expect(0, "");
    assert_eq!((bmc.commands().as_str(), bmc.power().as_str()), ("on", "on"));
}
