//! How many requests and TLS handshakes an action of `fence_redfish` takes: the numbers of docs/performance.md, held. A
//! BMC answers slowly, and a handshake costs it more than anything else here.

use bmc_sim::Power;
use bmc_sim::redfish::{Counts, Credentials, PublishedResets};

use crate::support::agent::Agent;
use crate::support::redfish_sim::RedfishSim;

const SYSTEM: &str = "systems_uri=/redfish/v1/Systems/1";

#[test]
fn an_action_takes_one_handshake_and_few_requests() {
    use PublishedResets::{ActionInfo, AllowableValues};
    for (action, published, most, most_without_path) in [
        ("status", AllowableValues, 1, 3),
        ("monitor", AllowableValues, 1, 3),
        ("on", AllowableValues, 3, 5),
        ("off", AllowableValues, 4, 6),
        ("reboot", AllowableValues, 6, 8),
        ("status", ActionInfo, 1, 3),
        ("reboot", ActionInfo, 7, 9),
    ] {
        for (lines, most) in [(&[SYSTEM][..], most), (&[], most_without_path)] {
            let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
                config.systems[0].published_resets = published;
            });
            if action == "on" {
                bmc.set_power("1", Power::Off);
            }
            let agent = Agent::at(env!("CARGO_BIN_EXE_fence_redfish")).lines(bmc.lines());
            let run = agent.lines(lines).lines([format!("action={action}")]).run();
            assert_eq!(run.code, Some(0), "{run:#?}");
            let Counts { connections, handshakes, requests, sessions_open } = bmc.counts();
            let asked = bmc.requests();
            assert_eq!((connections, handshakes, sessions_open), (1, 1, 0), "{action}: {asked:#?}");
            assert!(requests <= most, "{action}, {published:?}, {lines:?}: {asked:#?}");
            assert!(asked.iter().all(|request| request.credentials == Credentials::Basic));
        }
    }
}
