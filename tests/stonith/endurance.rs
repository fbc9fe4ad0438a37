//! A controller that runs for a long time.

use std::time::Duration;

use serde_json::json;

use crate::support::controller::{Controller, NodeReply, Site};
use crate::support::farm::Bmcs;
use crate::support::wait::{PATIENCE, wait_for};

/// What five devices are asked in a day, each every 20 seconds, and a hundred fences among it: what grew with each of them
/// would have grown by much.
const KEEP_ALIVES: u64 = 5 * 24 * 3600 / 20;
const FENCES: usize = 100;

/// Its memory in KiB, and its descriptors, without those of connections that it is just about to close.
fn at_rest(controller: &Controller) -> (u64, usize) {
    let sizes = (0..20).map(|_| {
        std::thread::sleep(Duration::from_millis(5));
        controller.size()
    });
    sizes.min_by_key(|(_, descriptors)| *descriptors).expect("some")
}

#[test]
fn memory_and_descriptors_are_the_same_after_a_day() {
    let bmcs = Bmcs::start(5);
    let site = Site::new();
    let hosts: Vec<_> =
        (1..=5).map(|number| format!("node{number}={}", bmcs.host(number))).collect();
    let config = format!(
        "keepalive = 0.01\nagent = \"fence_ipmilan\"\nhostlist = \"{}\"\n\
         [parameters]\nusername = \"admin\"\npassword = \"secret\"\nlanplus = true\n",
        hosts.join(" ")
    );
    let controller = site.start(&config);
    controller.wait_until_reachable(5);
    let mut first = None;
    for fence in 0..FENCES {
        let node = format!("node{}", fence % 5 + 1);
        let command = if fence / 5 % 2 == 0 { "off" } else { "on" };
        assert_eq!(controller.fence(command, &[&node]), [NodeReply::success(&node, command)]);
        controller.ask(json!({"request": "status", "probe": true}));
        let wanted = KEEP_ALIVES * (fence as u64 + 1) / FENCES as u64;
        wait_for("keep-alives", PATIENCE, || (bmcs.datagrams() >= wanted).then_some(()));
        if fence == FENCES / 10 {
            first = Some(at_rest(&controller));
        }
    }
    let (memory, descriptors) = at_rest(&controller);
    let (first_memory, first_descriptors) = first.expect("it was measured");
    assert_eq!(descriptors, first_descriptors);
    assert!(memory <= first_memory + 512, "{first_memory} KiB, then {memory} KiB");
    assert!((1..=5).all(|number| bmcs.sessions(number).1 == 0), "no session was lost");
    controller.stop();
}
