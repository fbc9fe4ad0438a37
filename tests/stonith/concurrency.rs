//! Many who ask at once.

use std::thread;
use std::time::Duration;

use bmc_sim::Power;
use ipmi_lan::command::PowerControl;
use serde_json::json;

use super::{NEVER, ipmi};
use crate::support::controller::{Connection, Controller, NodeReply, PATIENCE, Site};
use crate::support::farm::Bmcs;
use crate::support::sim::Sim;

const MANY: usize = 64;

/// A machine, and its controller.
fn one() -> (Sim, Site, Controller) {
    let bmc = Sim::start();
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    (bmc, site, controller)
}

/// Somebody who asks for this, and whose request was read.
#[track_caller]
fn asking(controller: &Controller, command: &str) -> Connection {
    let mut connection = controller.connect();
    connection.send_fence(command, &["node1"], PATIENCE);
    // Served after it has come.
    controller.status();
    connection
}

/// The same, of a BMC that answers nothing until it is told to; the command was begun.
#[track_caller]
fn holding_up(controller: &Controller, bmc: &Sim, command: &str) -> Connection {
    bmc.with_faults(|faults| faults.silent = true);
    let before = bmc.datagrams().received;
    let connection = asking(controller, command);
    controller.wait_for(|_| bmc.datagrams().received > before);
    connection
}

fn go_on(bmc: &Sim) {
    bmc.with_faults(|faults| faults.silent = false);
}

#[test]
fn what_64_ask_for_before_it_is_begun_is_done_once() {
    use PowerControl::{PowerDown, PowerUp};
    let (bmc, _site, controller) = one();
    let mut first = holding_up(&controller, &bmc, "reboot");
    let mut others: Vec<_> = (0..MANY).map(|_| asking(&controller, "reboot")).collect();
    go_on(&bmc);
    for connection in others.iter_mut().chain([&mut first]) {
        assert_eq!(connection.fenced().0, [NodeReply::success("node1", "rebooted")]);
    }
    assert_eq!(bmc.commands(), [PowerDown, PowerUp, PowerDown, PowerUp]);
}

#[test]
fn commands_to_a_machine_keep_their_order() {
    use PowerControl::{PowerDown, PowerUp};
    let (bmc, _site, controller) = one();
    let mut first = holding_up(&controller, &bmc, "off");
    let done = ["off already", "on", "off", "off", "on"];
    let mut others = ["off", "on", "off", "off", "on"].map(|command| asking(&controller, command));
    go_on(&bmc);
    for (connection, done) in others.iter_mut().zip(done) {
        assert_eq!(connection.fenced().0, [NodeReply::success("node1", done)]);
    }
    assert_eq!(first.fenced().0, [NodeReply::success("node1", "off")]);
    assert_eq!(bmc.commands(), [PowerDown, PowerUp, PowerDown, PowerUp]);
}

#[test]
fn what_nobody_waits_for_any_more_is_not_begun_and_what_was_begun_is_finished() {
    let (bmc, _site, controller) = one();
    let first = holding_up(&controller, &bmc, "off");
    let second = asking(&controller, "on");
    drop((first, second));
    controller.status();
    go_on(&bmc);
    let power = controller.ask(json!({"request": "power", "node": "node1"}));
    assert_eq!(power["state"], "off", "it was begun, and is read behind it");
    assert_eq!(bmc.commands(), [PowerControl::PowerDown]);
}

#[test]
fn what_does_not_get_its_turn_in_time_is_told_so_and_not_done() {
    let (bmc, _site, controller) = one();
    let mut first = holding_up(&controller, &bmc, "off");
    let mut second = controller.connect();
    second.send_fence("reboot", &["node1"], Duration::from_millis(300));
    let reason = second.fenced().0.remove(0).result.expect_err("there is no time for it");
    assert!(reason.ends_with("earlier commands to the same device; nothing was done"), "{reason}");
    go_on(&bmc);
    assert_eq!(first.fenced().0, [NodeReply::success("node1", "off")]);
    controller.status();
    assert_eq!((bmc.power(), bmc.commands()), (Power::Off, vec![PowerControl::PowerDown]));
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
