//! Many who ask at once.

use std::thread;
use std::time::Duration;

use bmc_sim::Power;
use ipmi_lan::command::PowerControl;
use serde_json::json;

use super::{NEVER, ipmi, is_command};
use crate::support::controller::{Connection, Controller, NodeReply, PATIENCE, Site};
use crate::support::farm::Bmcs;
use crate::support::sim::Sim;

const MANY: usize = 64;

/// A machine that takes a while, and its controller.
fn slow() -> (Sim, Site, Controller) {
    let bmc = Sim::start_with(|config| config.power_delay = Duration::from_secs(1));
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    (bmc, site, controller)
}

/// A request that was read, whatever becomes of it: the next request of the connection is behind it.
#[track_caller]
fn sent(controller: &Controller, command: &str) -> Connection {
    let mut connection = controller.connect();
    connection.send_fence(command, &["node1"], PATIENCE);
    // Served after it was accepted, and so after what had come before.
    controller.status();
    controller.status();
    connection
}

#[test]
fn what_64_ask_for_before_it_is_begun_is_done_once() {
    use PowerControl::{PowerDown, PowerUp};
    let (bmc, _site, controller) = slow();
    let mut first = sent(&controller, "reboot");
    bmc.wait_for(is_command(PowerDown));
    let mut others: Vec<_> = (0..MANY).map(|_| sent(&controller, "reboot")).collect();
    assert_eq!(bmc.commands(), [PowerDown], "all of them wait");
    for connection in others.iter_mut().chain([&mut first]) {
        assert_eq!(connection.fenced().0, [NodeReply::success("node1", "rebooted")]);
    }
    assert_eq!(bmc.commands(), [PowerDown, PowerUp, PowerDown, PowerUp]);
    assert_eq!(bmc.sessions(), (1, 0));
}

#[test]
fn commands_to_a_machine_keep_their_order() {
    use PowerControl::{PowerDown, PowerUp};
    let (bmc, _site, controller) = slow();
    let mut first = sent(&controller, "off");
    bmc.wait_for(is_command(PowerDown));
    let done = ["off already", "on", "off", "off", "on"];
    let mut others = ["off", "on", "off", "off", "on"].map(|command| sent(&controller, command));
    for (connection, done) in others.iter_mut().zip(done) {
        assert_eq!(connection.fenced().0, [NodeReply::success("node1", done)]);
    }
    assert_eq!(first.fenced().0, [NodeReply::success("node1", "off")]);
    assert_eq!(bmc.commands(), [PowerDown, PowerUp, PowerDown, PowerUp]);
}

#[test]
fn what_nobody_waits_for_any_more_is_not_begun_and_what_was_begun_is_finished() {
    use PowerControl::{PowerDown, PowerUp};
    let (bmc, _site, controller) = slow();
    let first = sent(&controller, "off");
    bmc.wait_for(is_command(PowerDown));
    let second = sent(&controller, "on");
    drop((first, second));
    let power = || controller.ask(json!({"request": "power", "node": "node1"}))["state"].clone();
    assert_eq!(power(), "off", "it was begun, and is read behind it");
    assert_eq!(bmc.commands(), [PowerDown]);

    let third = sent(&controller, "reboot");
    // It is off, and goes on.
    bmc.wait_for(is_command(PowerUp));
    drop(third);
    assert_eq!(power(), "on");
    assert_eq!((bmc.power(), bmc.commands()), (Power::On, vec![PowerDown, PowerUp]));
}

#[test]
fn what_does_not_get_its_turn_in_time_is_told_so_and_not_done() {
    let (bmc, _site, controller) = slow();
    bmc.with_faults(|faults| faults.ignore_power_off = true);
    let mut first = controller.connect();
    first.send_fence("off", &["node1"], Duration::from_secs(4));
    bmc.wait_for(is_command(PowerControl::PowerDown));
    let mut second = controller.connect();
    second.send_fence("on", &["node1"], Duration::from_millis(300));
    let reason = second.fenced().0.remove(0).result.expect_err("there is no time for it");
    assert!(reason.ends_with("earlier commands to the same device; nothing was done"), "{reason}");
    assert_eq!(bmc.power(), Power::On);
    let reason = first.fenced().0.remove(0).result.expect_err("it does not obey");
    assert!(reason.contains("timed out waiting to power OFF"), "{reason}");
    let is_on = |control: &PowerControl| *control == PowerControl::PowerUp;
    assert!(!bmc.commands().iter().any(is_on), "{:?}", bmc.commands());
}

#[test]
fn of_64_machines_each_is_fenced_for_who_asks_for_it() {
    let bmcs = Bmcs::start_with(MANY, |config| config.max_sessions = 1);
    let nodes: Vec<_> = (1..=MANY).map(|number| format!("node{number}")).collect();
    let hosts: Vec<_> =
        (1..=MANY).map(|number| format!("node{number}={}", bmcs.host(number))).collect();
    let site = Site::new();
    let config = format!(
        "{NEVER}agent = \"fence_ipmilan\"\nhostlist = \"{}\"\n\
         [parameters]\nusername = \"admin\"\npassword = \"secret\"\nlanplus = true\n",
        hosts.join(", ")
    );
    let controller = site.start(&config);
    controller.wait_until_reachable(MANY);
    thread::scope(|scope| {
        for node in &nodes {
            let mut connection = controller.connect();
            scope.spawn(move || {
                let done = connection.fence("off", &[node]);
                assert_eq!(done, (vec![NodeReply::success(node, "off")], true));
            });
        }
    });
    assert_eq!(bmcs.on(), [false; MANY]);
    // All of them in one request.
    let all: Vec<_> = nodes.iter().map(String::as_str).collect();
    let (mut replies, reached) = controller.connect().fence("on", &all);
    replies.sort_by_key(|reply| nodes.iter().position(|node| *node == reply.node));
    let expected: Vec<_> = nodes.iter().map(|node| NodeReply::success(node, "on")).collect();
    assert_eq!((replies, reached), (expected, true));
    assert!((1..=MANY).all(|number| bmcs.sessions(number) == (1, 0)));
    controller.stop();
    assert!((1..=MANY).all(|number| bmcs.sessions(number) == (1, 1)));
}
