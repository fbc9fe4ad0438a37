//! `fence_ipmilan` against `ipmi_sim`.

use crate::support::agent::Agent;
use crate::support::ipmi_sim::IpmiSim;

#[test]
fn a_reboot_is_off_then_on() {
    let bmc = IpmiSim::start();
    Agent::ours()
        .lines(bmc.lines())
        .lines(["action=reboot"])
        .run()
        .expect(0, "Success: Rebooted\n");
    assert!(bmc.is_on());
    assert_eq!(bmc.commands(), ["set power 0", "set power 1"]);
}
