//! Several systems behind one service.

use bmc_sim::redfish::{AnswerFault, RedfishConfig, RedfishSystem, Requests};

use super::case::{Case, Group, case, status};

pub fn group() -> Group {
    Group { heading: "Several systems", cases: cases() }
}

fn nodes(config: &mut RedfishConfig) {
    config.systems = ["Node0", "Node1", "Node2"].map(RedfishSystem::new).into();
}

fn same_names(config: &mut RedfishConfig) {
    nodes(config);
    for system in &mut config.systems {
        system.name = "System".to_owned();
    }
}

fn pages(config: &mut RedfishConfig) {
    nodes(config);
    config.page_size = 1;
}

fn baseboard_first(config: &mut RedfishConfig) {
    config.systems.insert(0, RedfishSystem::hgx_baseboard());
}

fn several(words: &str, change: fn(&mut RedfishConfig)) -> Case {
    case(words, change).system("Node1")
}

fn cases() -> Vec<Case> {
    let three = || several("has three systems", nodes);
    let listed = "the service has several systems, and none was chosen: 'Node0' (name 'System Node0', UUID '";
    let uuid = RedfishSystem::new("Node1").uuid;
    let mut cases = vec![
        three().fails(listed).resets(0),
        three().asked("status").fails(listed),
        three().with(&["plug=node1"]).fails(
            "the service has several systems, and 'node1' is not the name of exactly one: 'Node0'",
        ),
        several("has three systems of the same name", same_names)
            .with(&["plug=System"])
            .fails("'System' is not the name of exactly one"),
    ];
    let names = ["Node1", "System Node1", &uuid, "host-Node1.example", "SN-Node1"];
    cases.extend(names.map(|name| three().with(&[&format!("plug={name}")]).resets(1)));
    cases.extend([
        three().with(&["port=Node1"]).asked("reboot").resets(2),
        three().with(&["systems_uri=/redfish/v1/Systems/Node1"]).asked("reboot"),
        three()
            .with(&["systems_uri=/redfish/v1/Systems/Node1", "plug=Node0"])
            .remark("the path counts"),
        several("has three systems, one on each page", pages).with(&["plug=Node1"]),
        several("has three systems, one on each page", pages).fails(listed),
        several("has three systems, one on each page; the last page is answered 500", |config| {
            pages(config);
            let last = Requests::Path("/redfish/v1/Systems".into());
            config.faults.answers = vec![AnswerFault::every(last, status(500)).after(2)];
        })
        .with(&["plug=Node1"])
        .impatient()
        .fails("BMC failed: listing the systems")
        .remark("one may be missed that is called so, too"),
        several("has three systems, one of which is answered 500", |config| {
            nodes(config);
            let sick = Requests::Path("/redfish/v1/Systems/Node2".into());
            config.faults.answers = vec![AnswerFault::every(sick, status(500))];
        })
        .with(&["plug=Node1"])
        .impatient()
        .fails("BMC failed: reading the system: GET /redfish/v1/Systems/Node2 was answered 500"),
        several("has three systems", nodes).asked("monitor").system(""),
        case("has a baseboard that cannot be reset before its system", baseboard_first)
            .asked("reboot"),
        case("has a baseboard that cannot be reset before its system", baseboard_first)
            .with(&["plug=db1"])
            .remark("with one system that can be reset, `plug` is not looked at"),
        case("has a baseboard that cannot be reset before its system", baseboard_first)
            .with(&["plug=HGX_Baseboard_0"])
            .fails("/redfish/v1/Systems/HGX_Baseboard_0 cannot be reset")
            .remark("the name of one does not choose the other"),
    ]);
    cases
}
