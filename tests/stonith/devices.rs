//! Devices of different kinds in one controller, and what a fence over a session that is there costs.

use std::time::{Duration, Instant};

use bmc_sim::{EventKind, Power};
use ipmi_lan::CompletionCode;
use ipmi_lan::command::PowerControl;
use serde_json::json;

use super::{NEVER, bmc_with_one_session, ipmi};
use crate::support::certificates::{Identity, Kind};
use crate::support::controller::{NodeReply, Site, count_of, table};
use crate::support::ipmi_sim::IpmiSim;
use crate::support::redfish_server::{PASSWORD, USER};
use crate::support::sim::Sim;
use crate::support::sushy::{Front, Sushy};

#[test]
fn machines_behind_devices_of_every_kind_are_fenced_at_once() {
    let (one, two) = (IpmiSim::start(), IpmiSim::start());
    let three = Sim::start();
    let identity = Identity::new(Kind::Rsa);
    let systems = Sushy::start(Front::Own, Some(&identity), &["four", "five"]);
    let dead = Sim::start_with(|config| config.faults.silent = true);

    let site = Site::new();
    let system = |name: &str| {
        let path = systems.path(name);
        let plug = path.rsplit('/').next().expect("an id");
        table(
            &format!("targets.{name}"),
            [
                "agent=fence_redfish",
                "ip=127.0.0.1",
                &format!("ipport={}", systems.port()),
                &format!("username={USER}"),
                &format!("password={PASSWORD}"),
                "ssl_insecure=1",
                &format!("plug={plug}"),
            ],
        )
    };
    let map = [
        table("targets.one", one.lines()),
        table("targets.two", two.lines()),
        table("targets.three", three.lines()),
        table("targets.dead", dead.lines()) + "login_timeout = 1\n",
        system("four"),
        system("five"),
    ];
    let map = site.write("map.toml", &map.concat());
    let controller = site.start(&format!("agent = \"fence_ipmilan\"\nmapfile = {map:?}\n"));
    let status = controller.wait_for(|status| {
        count_of(status, "reachable") == 4 && count_of(status, "unreachable") == 1
    });
    assert_eq!(status["devices"].as_array().unwrap().len(), 5, "two systems of one device");
    let is_dead = |device: &&serde_json::Value| device["targets"] == json!(["dead"]);
    let found = status["devices"].as_array().unwrap().iter().find(is_dead).expect("it is there");
    let reason = found["reason"].as_str().expect("a reason");
    assert!(reason.contains("BMC silent"), "{reason}");

    let nodes = ["one", "two", "three", "four", "five", "dead"];
    let (replies, reached) = controller.connect().fence("reboot", &nodes);
    assert!(reached);
    assert_eq!(replies.len(), nodes.len());
    for reply in &replies {
        match (reply.node.as_str(), &reply.result) {
            ("dead", Err(reason)) => assert!(reason.contains("BMC silent"), "{reason}"),
            (_, result) => assert_eq!(*result, Ok("rebooted".to_owned()), "{reply:?}"),
        }
    }
    for bmc in [&one, &two] {
        let mut commands = bmc.commands();
        // Where it is slow to answer, it is asked again, and does it again.
        commands.dedup();
        assert_eq!(commands, ["set power 0", "set power 1"]);
    }
    assert_eq!(three.commands(), [PowerControl::PowerDown, PowerControl::PowerUp]);

    let (replies, reached) = controller.connect().fence("off", &["one", "four", "dead"]);
    assert!(reached);
    assert_eq!(replies.iter().filter(|reply| reply.result.is_ok()).count(), 2, "{replies:?}");
    assert!(!one.is_on());
    assert_eq!((systems.power("four"), systems.power("five")), ("Off".to_owned(), "On".to_owned()));
    controller.stop();
}

/// Who reads it knows nodes, and looks up their devices.
#[test]
fn the_log_names_the_nodes() {
    let (bmc, dead) = (Sim::start(), Sim::start_with(|config| config.faults.silent = true));
    let site = Site::new();
    let dead_lines = [dead.lines(), vec!["login_timeout=1".to_owned()]].concat();
    let machines = [("node1", bmc.lines()), ("node2", dead_lines)];
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&machines)));
    controller.wait_for(|status| {
        count_of(status, "reachable") == 1 && count_of(status, "unreachable") == 1
    });
    controller.fence("off", &["node1", "node2"]);
    let log = controller.log();
    let places = [&bmc, &dead].map(|bmc| format!("(fence_ipmilan {})", bmc.address()));
    let count = |begin: &str, place: &str| {
        let lines = log.lines().filter(|line| line.contains(begin) && line.ends_with(place));
        lines.count()
    };
    for (begin, place) in [
        ("node1: the device answers", &places[0]),
        ("node1: off begins", &places[0]),
        ("node1: off (", &places[0]),
        ("node2: the device cannot be used: ", &places[1]),
        ("node2: off failed: ", &places[1]),
    ] {
        assert_eq!(count(begin, place), 1, "{begin}: {log}");
    }
}

#[test]
fn each_machine_is_told_as_soon_as_it_is_known() {
    let fast = Sim::start();
    let slow = Sim::start_with(|config| config.power_delay = Duration::from_secs(2));
    let dead = Sim::start_with(|config| config.faults.silent = true);
    let site = Site::new();
    let dead_lines = [dead.lines(), vec!["login_timeout=4".to_owned()]].concat();
    let machines = [("a-dead", dead_lines), ("b-slow", slow.lines()), ("c-fast", fast.lines())];
    let controller = site.start(&ipmi(&machines));
    controller.wait_until_reachable(2);
    let mut connection = controller.connect();
    connection.send_fence("off", &["a-dead", "b-slow", "c-fast"], Duration::from_secs(30));
    let first = connection.answer().expect("an answer");
    assert_eq!(slow.power(), Power::On, "the others were not waited for");
    assert_eq!((&first["node"], &first["result"]), (&json!("c-fast"), &json!("success")));
    let (others, reached) = connection.fenced();
    let nodes: Vec<_> = others.iter().map(|reply| reply.node.as_str()).collect();
    assert_eq!((nodes, reached), (vec!["b-slow", "a-dead"], Some(true)));
}

#[test]
fn it_is_told_whether_any_device_was_reached() {
    let (dead, alive) = (Sim::start_with(|config| config.faults.silent = true), Sim::start());
    let site = Site::new();
    let dead_lines = [dead.lines(), vec!["login_timeout=1".to_owned()]].concat();
    let controller = site.start(&ipmi(&[("dead", dead_lines), ("alive", alive.lines())]));
    controller.wait_until_reachable(1);
    let unknown = NodeReply {
        node: "nobody".to_owned(),
        result: Err("this controller has no target 'nobody'".to_owned()),
    };
    let fence = |nodes: &[&str]| controller.connect().fence("off", nodes);
    assert_eq!(fence(&["nobody"]), (vec![unknown.clone()], true), "no device is to blame");
    let (replies, reached) = fence(&["dead", "nobody"]);
    assert_eq!((&replies[0], replies.len(), reached), (&unknown, 2, false));
    // The machine does not obey, but its BMC answers.
    alive.with_faults(|faults| faults.ignore_power_off = true);
    let mut connection = controller.connect();
    connection.send_fence("off", &["alive"], Duration::from_secs(3));
    let (replies, reached) = connection.fenced();
    let reason = replies[0].result.as_ref().unwrap_err();
    assert!(reason.contains("timed out waiting to power OFF: power was still ON"), "{reason}");
    assert_eq!(reached, Some(true));
}

/// Nothing but what the fencing itself takes.
#[test]
fn a_warm_off_is_one_reading_and_one_command_up_to_the_acknowledgement() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    let (before, datagrams) = (bmc.happened().len(), bmc.datagrams());
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    let acknowledged =
        |control| EventKind::ChassisControl { control, completion: CompletionCode::OK };
    assert_eq!(
        bmc.happened()[before..],
        [
            EventKind::StatusReported(Power::On),
            acknowledged(PowerControl::PowerDown),
            EventKind::PowerOff,
            EventKind::StatusReported(Power::Off),
            EventKind::StatusReported(Power::Off),
        ]
    );
    assert_eq!(bmc.datagrams().received - datagrams.received, 4);
    for _ in 0..8 {
        assert_eq!(controller.fence("on", &["node1"]), [NodeReply::success("node1", "on")]);
        assert_eq!(
            controller.fence("reboot", &["node1"]),
            [NodeReply::success("node1", "rebooted")]
        );
        assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
        assert_eq!(
            controller.fence("off", &["node1"]),
            [NodeReply::success("node1", "off already")]
        );
    }
    assert_eq!((bmc.sessions(), bmc.refusals()), ((1, 0), 0));
    controller.stop();
    assert_eq!(bmc.sessions(), (1, 1));
}

#[test]
fn to_be_asked_now_and_then_keeps_a_session() {
    let idle = Duration::from_secs(2);
    let bmc = Sim::start_with(|config| config.session_idle_timeout = idle);
    let site = Site::new();
    let controller =
        site.start(&("keepalive = 0.25\n".to_owned() + &ipmi(&[("node1", bmc.lines())])));
    let begin = Instant::now();
    let count = || {
        let asked = |event: &&EventKind| matches!(event, EventKind::StatusReported(_));
        bmc.happened().iter().filter(asked).count()
    };
    while count() < 16 || begin.elapsed() < 2 * idle {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!bmc.happened().contains(&EventKind::SessionExpired), "{:?}", bmc.happened());
    assert_eq!(bmc.sessions(), (1, 0));
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert_eq!(bmc.sessions(), (1, 0));
}

/// The parameters of the agent mean what they mean to the agent.
#[test]
fn delays_and_waits_are_the_users_and_hold_no_other_machine_up() {
    let (one, two) = (Sim::start(), Sim::start());
    let with = |bmc: &Sim, more: &str| [bmc.lines(), vec![more.to_owned()]].concat();
    let site = Site::new();
    let machines = [("node1", with(&one, "delay=2")), ("node2", with(&two, "power_wait=2"))];
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&machines)));
    controller.wait_until_reachable(2);

    let begin = Instant::now();
    let mut connection = controller.connect();
    connection.send_fence("off", &["node1", "node2"], Duration::from_secs(30));
    two.wait_for(super::is_command(PowerControl::PowerDown));
    assert_eq!(one.commands(), [], "it is held back, and the other one is not");
    let (replies, _) = connection.fenced();
    assert!(replies.iter().all(|reply| reply.result.is_ok()), "{replies:?}");
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    let after_command = |bmc: &Sim| {
        let happened = bmc.happened();
        let off = happened.iter().position(|event| *event == EventKind::PowerOff).expect("off");
        happened.len() - off - 1
    };
    assert_eq!((after_command(&one), after_command(&two)), (2, 1), "who has waited looks once");

    let begin = Instant::now();
    controller.fence("on", &["node1"]);
    assert!(begin.elapsed() < Duration::from_secs(2), "only what takes power away is delayed");
}
