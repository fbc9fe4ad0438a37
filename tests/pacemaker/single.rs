//! One node: a cluster is not needed to see that pacemaker starts and watches what it is told to.

use super::bmc::Protocol::{Ipmi, Redfish};
use super::cib::Cib;
use super::cluster::Cluster;
use super::lab::Setup;
use crate::support::wait::{PATIENCE, wait_for};

#[test]
fn a_node_watches_its_devices_and_its_service() {
    let watched = |name: &str| Cluster::service(name).operation("monitor", "2s", "20s");
    let cib = Cib::new()
        .run(&Ipmi.device("node1").operation("monitor", "2s", "20s"))
        .run(&Redfish.device("node1").operation("monitor", "2s", "20s"))
        .run(&watched("service"));
    let mut cluster = Cluster::start(Setup::new(), 1, &cib);
    for protocol in [Ipmi, Redfish] {
        let id = protocol.device_id("node1");
        assert_eq!(cluster.place_of(&id).as_deref(), Some("node1"));
        cluster.bmc("node1").change_password(protocol);
        wait_for("the device to fail", PATIENCE, || cluster.place_of(&id).is_none().then_some(()));
    }
    assert_eq!(cluster.place_of("service").as_deref(), Some("node1"));
    cluster.end();
}
