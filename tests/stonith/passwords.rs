//! A device that does not let the controller in.

use std::thread;
use std::time::Duration;

use bmc_sim::redfish::RedfishEventKind;
use bmc_sim::{EventKind, User};
use serde_json::{Value, json};

use super::ipmi;
use crate::support::controller::{Controller, NodeReply, Site, table};
use crate::support::redfish_sim::{PASSWORD, RedfishSim};
use crate::support::sim::Sim;

fn is_denied(words: &str) -> impl Fn(&Value) -> bool {
    move |status| status["devices"][0]["reason"].as_str().is_some_and(|told| told.contains(words))
}

/// What cluster managers ask for again and again.
fn look_often(controller: &Controller) {
    for _ in 0..10 {
        let status = controller.ask(json!({"request": "status", "probe": true}));
        assert_eq!(status["devices"][0]["state"], "unreachable");
        let power = controller.ask(json!({"request": "power", "node": "node1"}));
        let reason = power["reason"].as_str().expect("a reason");
        assert!(reason.contains("it is asked again in"), "{reason}");
        let targets = controller.ask(json!({"request": "targets", "states": true}));
        assert_eq!(targets["targets"][0].get("state"), None, "{targets}");
    }
}

#[test]
fn a_wrong_password_of_a_bmc_is_told_and_tried_seldom() {
    let bmc = Sim::start_with(|config| {
        config.users = vec![User::administrator("admin", "another").unwrap()];
    });
    let tried = || {
        let asked = |event: &&EventKind| {
            matches!(event, EventKind::LoginAbandoned { .. } | EventKind::SessionRefused { .. })
        };
        bmc.happened().iter().filter(asked).count()
    };
    let site = Site::new();
    let map = site.write("map.toml", &table("targets.node1", bmc.lines()));
    let config = format!("keepalive = 0.1\nagent = \"fence_ipmilan\"\nmapfile = {map:?}\n");
    let controller = site.start(&config);
    controller.wait_for(is_denied("wrong password"));
    let datagrams = bmc.datagrams().received;
    look_often(&controller);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(bmc.datagrams().received, datagrams, "{} logins", tried());

    // Who fences means it.
    let replies = controller.fence("off", &["node1"]);
    let reason = replies[0].result.as_ref().unwrap_err();
    assert!(reason.contains("wrong password"), "{reason}");
    assert!(bmc.datagrams().received > datagrams);

    // Something may be new.
    let datagrams = bmc.datagrams().received;
    controller.signal("HUP");
    controller.wait_for(|_| bmc.datagrams().received > datagrams);
    let lines = bmc.lines().into_iter().map(|line| line.replace("=secret", "=another"));
    site.replace("map.toml", &table("targets.node1", lines));
    controller.wait_until_reachable(1);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
}

#[test]
fn a_wrong_password_of_a_redfish_service_is_told_and_tried_seldom() {
    let service = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let refused = || {
        let is_refusal =
            |event: &&RedfishEventKind| matches!(event, RedfishEventKind::LoginRefused { .. });
        service.happened().iter().filter(is_refusal).count()
    };
    let site = Site::new();
    let lines = [service.lines(), vec!["agent=fence_redfish".to_owned()]].concat();
    let good = table("targets.node1", lines);
    let map = site.write("map.toml", &good.replace(PASSWORD, "wrong"));
    let config = format!("keepalive = 0.1\nagent = \"fence_ipmilan\"\nmapfile = {map:?}\n");
    let controller = site.start(&config);
    controller.wait_for(is_denied("wrong credentials"));
    let before = refused();
    look_often(&controller);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(refused(), before);
    assert!(before <= 3, "{before}");
    site.replace("map.toml", &good);
    controller.wait_until_reachable(1);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
}

#[test]
fn a_user_that_is_unknown_is_told_as_such() {
    let bmc = Sim::start();
    let lines = bmc.lines().into_iter().map(|line| line.replace("=admin", "=nobody")).collect();
    let site = Site::new();
    let controller = site.start(&ipmi(&[("node1", lines)]));
    controller.wait_for(is_denied("unknown user"));
    let (replies, reached) = controller.connect().fence("off", &["node1"]);
    assert!(replies[0].result.as_ref().unwrap_err().contains("unknown user"), "{replies:?}");
    assert!(!reached);
}
