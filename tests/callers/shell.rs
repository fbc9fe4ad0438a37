//! What the shells for clusters have in common: they read the metadata, show them, and make devices of which pacemaker
//! then has the fencing done.

use super::pacemaker::{expect_silent, runs};
use super::trial::Parameters;
use crate::support::agent::{Agent, names};
use crate::support::comparison::Bmc;
use crate::support::comparison::redfish::RedfishBmc;
use crate::support::installed::Node;
use crate::support::ipmi_sim::IpmiSim;

pub struct Shell {
    /// The command that describes an agent.
    pub describe: fn(&str) -> String,
    /// What it prints of an agent, among other things.
    pub described: fn(&str) -> [String; 2],
    /// The command that makes the device `fence-node1` of an agent and its parameters.
    pub create: fn(&str, &str) -> String,
    /// Whether there was nothing to say of the device, on standard error.
    pub is_content: fn(&str) -> bool,
}

impl Shell {
    #[track_caller]
    pub fn describes_every_agent(&self) {
        for name in names().iter().map(String::as_str).chain(["fence_controller"]) {
            let run = Node::new().run(&(self.describe)(name));
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
            for wanted in (self.described)(name) {
                assert!(run.stdout.contains(&wanted), "{name}: no {wanted:?}: {run:#?}");
            }
        }
    }

    #[track_caller]
    pub fn makes_devices(&self) {
        self.makes_a_device::<IpmiSim>();
        self.makes_a_device::<RedfishBmc>();
    }

    #[track_caller]
    fn makes_a_device<B: Bmc>(&self) {
        let bmc = B::start(&B::Setup::default(), true);
        let parameters: Vec<_> = Parameters::of(&bmc).lines().collect();
        let node = Node::new();
        let run = node.run(&(self.create)(B::AGENT, &parameters.join(" ")));
        assert_eq!(run.code, Some(0), "{run:#?}");
        assert!((self.is_content)(&run.stderr), "{run:#?}");

        let device = node.device("fence-node1");
        let fenced = runs(Agent::ours_called(&device.agent), &device, "off").run();
        expect_silent(&fenced, 0, "Success: Powered OFF\n");
        assert_eq!(bmc.power(), "off");
    }
}
