//! The end of a controller in good order, and SIGHUP.

use std::fs;
use std::time::{Duration, Instant};

use bmc_sim::Power;
use ipmi_lan::command::PowerControl;
use serde_json::json;

use super::{NEVER, ipmi, is_command};
use crate::support::controller::{NodeReply, PATIENCE, Site};
use crate::support::sim::Sim;

#[test]
fn it_gives_everything_back_at_each_way_to_end_it() {
    let bmc = Sim::start();
    let site = Site::new();
    let config = NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())]);
    for (number, signal) in ["TERM", "INT", ""].into_iter().enumerate() {
        let controller = site.start(&config);
        controller.wait_until_reachable(1);
        let begin = Instant::now();
        let mut idle = controller.connect();
        match signal {
            "" => assert_eq!(controller.ask(json!({"request": "stop"}))["reply"], "stopping"),
            signal => controller.signal(signal),
        }
        assert!(controller.end().success(), "{signal}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert_eq!(idle.answer(), None);
        assert_eq!(bmc.sessions(), (number + 1, number + 1), "{signal}");
        assert!(!site.socket().exists());
    }
}

#[test]
fn a_fence_that_is_under_way_is_finished_and_told() {
    let bmc = Sim::start_with(|config| config.power_delay = Duration::from_secs(3));
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    let mut under_way = controller.connect();
    under_way.send_fence("off", &["node1"], PATIENCE);
    bmc.wait_for(is_command(PowerControl::PowerDown));
    let mut waiting = controller.connect();
    waiting.send_fence("on", &["node1"], PATIENCE);
    controller.status();
    controller.signal("TERM");
    controller.signal("TERM");
    let (replies, reached) = waiting.fenced();
    let reason = replies[0].result.as_ref().unwrap_err();
    assert_eq!(reason, "the controller gives the device back; nothing was done");
    assert_eq!(reached, Some(true));
    assert_eq!(under_way.fenced(), (vec![NodeReply::success("node1", "off")], Some(true)));
    assert!(controller.end().success());
    assert_eq!((bmc.power(), bmc.sessions()), (Power::Off, (1, 1)));
    assert_eq!(bmc.commands(), [PowerControl::PowerDown]);
}

#[test]
fn a_fence_that_does_not_come_to_its_end_does_not_hold_it_up() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let site = Site::new();
    let lines = [bmc.lines(), vec!["power_timeout=60".to_owned()]].concat();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", lines)])));
    controller.wait_until_reachable(1);
    let mut under_way = controller.connect();
    under_way.send_fence("off", &["node1"], 3 * PATIENCE);
    bmc.wait_for(is_command(PowerControl::PowerDown));
    let begin = Instant::now();
    controller.signal("TERM");
    let (replies, _) = under_way.fenced();
    let reason = replies[0].result.as_ref().unwrap_err();
    assert_eq!(reason, "the controller gives the device back; the power state is not known");
    assert!(controller.end().success());
    assert!(begin.elapsed() < Duration::from_secs(16), "{:?}", begin.elapsed());
    assert_eq!(bmc.sessions(), (1, 1));
}

/// Devices that are being given back when the end comes are given back all the same.
#[test]
fn what_was_just_given_back_is_given_back_at_the_end() {
    let (one, two) = (Sim::start(), Sim::start());
    let site = Site::new();
    let map = |bmc: &Sim| crate::support::controller::table("targets.node1", bmc.lines());
    let path = site.write("map.toml", &map(&one));
    let config = format!("{NEVER}agent = \"fence_ipmilan\"\nmapfile = {path:?}\n");
    for round in 1..=3 {
        site.write("map.toml", &map(&one));
        let controller = site.start(&config);
        controller.wait_until_reachable(1);
        site.replace("map.toml", &map(&two));
        assert_eq!(controller.ask(json!({"request": "reload"}))["reply"], "targets");
        controller.stop();
        assert_eq!(one.sessions(), (round, round));
    }
    let (opened, closed) = two.sessions();
    assert_eq!(opened, closed);
}

#[test]
fn sighup_reads_the_targets_anew() {
    let bmc = Sim::start();
    let site = Site::new();
    let text = crate::support::controller::table("targets.node1", bmc.lines());
    let path = site.write("map.toml", &text);
    let config = format!("{NEVER}agent = \"fence_ipmilan\"\nmapfile = {path:?}\n");
    let controller = site.start(&config);
    controller.wait_until_reachable(1);
    site.replace("map.toml", &text.replace("node1", "node2"));
    controller.signal("HUP");
    controller.wait_for(|status| status["devices"][0]["targets"] == json!(["node2"]));
    assert!(controller.log().contains("SIGHUP"), "{}", controller.log());
    assert_eq!(bmc.sessions(), (1, 0));
    controller.stop();
}

/// What only a restart can take over is not passed over in silence.
#[test]
fn sighup_tells_of_a_configuration_that_takes_a_restart() {
    let bmc = Sim::start();
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    let started = fs::read_to_string(site.path("test.toml")).expect("its configuration");
    let hang_up = |text: &str, words: &str| {
        site.write("test.toml", text);
        let heard = controller.log().len();
        controller.signal("HUP");
        controller.wait_for(|_| controller.log()[heard..].contains(words));
        // It answers when it has said all that it has to say.
        controller.status();
    };
    let restart = "changes of it take a restart";
    hang_up(&started, "SIGHUP");
    assert!(!controller.log().contains(restart), "{}", controller.log());
    hang_up(&format!("verbose_level = 1\n{started}"), restart);
    hang_up(&started.replace("node1", "node2"), restart);
    let broken = "would not start again: ";
    hang_up(&format!("hostlist\n{started}"), broken);
    // As it was, it is nothing to tell of.
    hang_up(&started, "SIGHUP");
    let told = |words: &str| controller.log().matches(words).count();
    assert_eq!((told(restart), told(broken)), (2, 1), "{}", controller.log());
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    controller.stop();
}
