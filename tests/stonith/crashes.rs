//! The controller is killed in the middle of what it does.

use std::time::Duration;

use bmc_sim::{NetworkConfig, Power};
use serde_json::json;

use super::{behind, ipmi};
use crate::support::agent::send_signal;
use crate::support::controller::{PATIENCE, Site};
use crate::support::sim::Sim;

/// Whatever moment it is, who asked hears the truth or nothing, and the next one begins.
#[test]
fn killed_at_any_moment_it_has_told_no_success_that_is_none() {
    let bmc = Sim::start_with(|config| {
        config.max_sessions = 1000;
        config.power_delay = Duration::from_millis(100);
    });
    let network = NetworkConfig { delay: Duration::from_millis(10), ..NetworkConfig::default() };
    let link = bmc.link(network);
    let site = Site::new();
    let config = ipmi(&[("node1", behind(&link, &bmc))]);
    let (mut silent, mut successes, mut begun) = (0, 0, 0);
    // A fence with its login takes about half a second here; the steps have no common measure with anything in it.
    for round in 0..24_u64 {
        bmc.set_power(Power::On);
        let commands = bmc.commands().len();
        let controller = site.start(&config);
        if round % 3 == 0 {
            controller.wait_until_reachable(1);
        }
        let mut connection = controller.connect();
        connection.send_fence("off", &["node1"], PATIENCE);
        let id = controller.id();
        let moment = Duration::from_millis(round * 37 % 600);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment);
            send_signal(id, "KILL");
        });
        let (replies, end) = connection.fenced();
        let was_off = bmc.power() == Power::Off;
        match replies.first().map(|reply| &reply.result) {
            Some(Ok(_)) => {
                assert!(was_off, "a success that is none, killed after {moment:?}");
                successes += 1;
            }
            Some(Err(reason)) => panic!("killed after {moment:?}: {reason}"),
            None => {
                assert_eq!(end, None);
                silent += 1;
            }
        }
        killer.join().expect("it is sent");
        controller.kill();
        begun += usize::from(bmc.commands().len() > commands);
    }
    // That there were all kinds of moments.
    assert!(silent > 0 && begun > 0, "{silent} silent, {successes} successes, {begun} begun");

    bmc.set_power(Power::On);
    let controller = site.start(&config);
    assert!(controller.fence("off", &["node1"])[0].result.is_ok());
    assert_eq!(controller.ask(json!({"request": "power", "node": "node1"}))["state"], "off");
}
