//! Targets that change while the controller runs: a file that is written anew, and machines that a device lists.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::RedfishSystem;
use ipmi_lan::command::PowerControl;
use serde_json::{Value, json};

use super::programs::{PLUGS, install};
use super::{NEVER, bmc_with_one_session, is_command};
use crate::support::controller::{Controller, NodeReply, PATIENCE, Site, nodes_of, table};
use crate::support::redfish_sim::RedfishSim;
use crate::support::sim::Sim;

/// A file with these machines.
fn map(machines: &[(&str, &Sim)]) -> String {
    let tables = machines.iter().map(|(node, bmc)| table(&format!("targets.{node}"), bmc.lines()));
    tables.collect()
}

fn start(site: &Site, map: &str) -> Controller {
    let path = site.write("map.toml", map);
    site.start(&format!("{NEVER}agent = \"fence_ipmilan\"\nmapfile = {path:?}\n"))
}

fn targets(controller: &Controller) -> Value {
    controller.ask(json!({"request": "targets"}))
}

#[track_caller]
fn assert_targets(controller: &Controller, nodes: &[&str], generation: u64) {
    let targets = targets(controller);
    assert_eq!(nodes_of(&targets), nodes, "{targets:#}");
    assert_eq!(targets["generation"], generation, "{targets:#}");
    assert_eq!(targets.get("trouble"), None, "{targets:#}");
}

#[test]
fn machines_come_go_and_move_with_the_file() {
    let (one, two, three) =
        (bmc_with_one_session(), bmc_with_one_session(), bmc_with_one_session());
    let site = Site::new();
    let controller = start(&site, &map(&[("node1", &one), ("node2", &two)]));
    controller.wait_until_reachable(2);
    assert_targets(&controller, &["node1", "node2"], 1);

    // Added, by a file in the place of the other one.
    site.replace("map.toml", &map(&[("node1", &one), ("node2", &two), ("node3", &three)]));
    assert_targets(&controller, &["node1", "node2", "node3"], 2);
    assert_eq!(controller.fence("off", &["node3"]), [NodeReply::success("node3", "off")]);
    assert_eq!((one.sessions(), two.sessions()), ((1, 0), (1, 0)), "the others go on");

    // Gone, by a text in the place of the other one.
    site.write("map.toml", &map(&[("node1", &one), ("node3", &three)]));
    assert_targets(&controller, &["node1", "node3"], 3);
    let replies = controller.fence("off", &["node2"]);
    assert_eq!(replies[0].result, Err("this controller has no target 'node2'".to_owned()));
    wait_until(|| two.sessions() == (1, 1));
    assert_eq!(two.power(), Power::On);

    // Moved to another BMC.
    site.replace("map.toml", &map(&[("node1", &two), ("node3", &three)]));
    assert_targets(&controller, &["node1", "node3"], 4);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert_eq!((one.power(), two.power()), (Power::On, Power::Off));
    wait_until(|| one.sessions() == (1, 1));
    assert_eq!(two.sessions(), (2, 1));

    // Exchanged with each other: the devices are the same, and so are their sessions.
    site.replace("map.toml", &map(&[("node1", &three), ("node3", &two)]));
    assert_targets(&controller, &["node1", "node3"], 5);
    assert_eq!(controller.fence("on", &["node1"]), [NodeReply::success("node1", "on")]);
    assert_eq!((two.power(), three.power()), (Power::Off, Power::On));
    assert_eq!((two.sessions(), three.sessions()), ((2, 1), (1, 0)));

    // The same again.
    site.replace("map.toml", &map(&[("node1", &three), ("node3", &two)]));
    assert_targets(&controller, &["node1", "node3"], 5);
    assert_eq!([&one, &two, &three].map(|bmc| bmc.refusals()), [0, 0, 0]);
    controller.stop();
    assert_eq!((two.sessions(), three.sessions()), ((2, 2), (1, 1)));
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "it does not come true");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_change_is_told_once_to_who_watches() {
    let bmc = Sim::start();
    let site = Site::new();
    let controller = start(&site, &map(&[("node1", &bmc)]));
    let watch = || controller.ask(json!({"request": "status", "watch": true}))["changed"].clone();
    let look = || controller.status()["changed"].clone();
    assert_eq!((watch(), watch()), (json!(false), json!(false)));
    site.replace("map.toml", &map(&[("node2", &bmc)]));
    assert_eq!((look(), look()), (json!(true), json!(true)));
    assert_eq!((watch(), watch(), look()), (json!(true), json!(false), json!(false)));
}

#[test]
fn a_file_that_is_broken_keeps_the_targets_of_before() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let good = map(&[("node1", &bmc)]);
    let controller = start(&site, &good);
    controller.wait_until_reachable(1);
    let path = site.path("map.toml");
    for (text, trouble) in [
        ("[targets.node1\n", "map.toml, line 1: "),
        // What it is for a moment, where it is not exchanged but written anew.
        ("", "the file of targets names no node"),
        ("[targets.\"no de\"]\nip = \"127.0.0.1\"\n", "'no de' is no name of a node"),
        ("[targets.node1]\nipport = 623\n", "node1: you have to enter the fence address"),
        ("[targets.node1]\nip = \"127.0.0.1\"\ncipher = \"4\"\n", "xRC4"),
        (
            "[targets.node1]\nagent = \"fence_nobody\"\n",
            "the fence agent 'fence_nobody' is not there",
        ),
        (
            "[targets.a]\nip = \"127.0.0.1\"\n[targets.b]\nip = \"127.0.0.1\"\n",
            "a and b are the same machine",
        ),
        (
            "[targets.a]\nip = \"127.0.0.1\"\n[targets.b]\nip = \"127.0.0.1\"\nlanplus = true\n",
            "two different sets of parameters (by a and b)",
        ),
    ] {
        site.replace("map.toml", text);
        let targets = targets(&controller);
        let found = targets["trouble"].as_str().unwrap_or_else(|| panic!("{text}: {targets:#}"));
        assert!(found.contains(trouble), "{found}");
        assert_eq!((nodes_of(&targets), &targets["generation"]), (vec!["node1"], &json!(1)));
        assert_eq!(controller.status()["trouble"], targets["trouble"]);
        site.write("map.toml", &good);
        assert_targets(&controller, &["node1"], 1);
    }
    fs::remove_file(&path).expect("it is there");
    let targets = targets(&controller);
    assert!(targets["trouble"].as_str().expect("trouble").contains("cannot read"), "{targets}");
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    site.write("map.toml", &good);
    assert_targets(&controller, &["node1"], 1);
    assert_eq!((bmc.sessions(), bmc.refusals()), ((1, 0), 0), "nothing of that touched the device");
}

/// What has failed for a moment is tried again, although the file is the same.
#[test]
fn a_program_that_did_not_answer_for_a_moment_is_asked_again() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let (folder, plugs) = (site.path("agents"), site.write("plugs", "node2 on\n"));
    let sick = site.write("sick", "");
    let test = format!("#!/bin/sh\n[ ! -e {} ] || exit 1", sick.display());
    install(&folder, "fence_plugs", &PLUGS.replacen("#!/bin/sh", &test, 1));
    let lines = ["agent=fence_plugs", "ip=pdu", &format!("plugs={}", plugs.display())];
    let one = map(&[("node1", &bmc)]);
    let two = site.write("two.toml", &(one.clone() + &table("targets.node2", lines)));
    let path = site.path("map.toml");
    symlink(site.write("one.toml", &one), &path).expect("a link");
    let controller = site.start(&format!(
        "{NEVER}agent = \"fence_ipmilan\"\nagent_directories = [{folder:?}]\nmapfile = {path:?}\n"
    ));
    controller.wait_until_reachable(1);
    // A file that has just been written would be read once more anyway.
    let written = fs::metadata(&two).and_then(|file| file.modified()).expect("it is there");
    wait_until(|| written.elapsed().is_ok_and(|age| age > Duration::from_millis(200)));
    symlink(two, site.path("new")).expect("a link");
    fs::rename(site.path("new"), path).expect("renamed");
    let trouble = targets(&controller)["trouble"].clone();
    assert!(trouble.as_str().expect("trouble").contains("'fence_plugs' is not there"), "{trouble}");
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    fs::remove_file(sick).expect("it is there");
    controller.wait_for(|status| status["generation"] == 2 && status.get("trouble").is_none());
    assert_targets(&controller, &["node1", "node2"], 2);
    let done = NodeReply::success("node2", "off, as the agent says");
    assert_eq!(controller.fence("off", &["node2"]), [done]);
    assert_eq!(bmc.sessions(), (1, 0));
}

#[test]
fn a_fence_that_is_under_way_is_not_disturbed_by_a_change() {
    let bmc = Sim::start_with(|config| {
        config.max_sessions = 1;
        config.power_delay = Duration::from_millis(200);
    });
    let other = Sim::start();
    let site = Site::new();
    let controller = start(&site, &map(&[("node1", &bmc)]));
    controller.wait_until_reachable(1);

    let mut first = controller.connect();
    first.send_fence("off", &["node1"], PATIENCE);
    bmc.wait_for(is_command(PowerControl::PowerDown));
    // For as long as the test takes.
    bmc.with_faults(|faults| faults.silent = true);
    // What waits for the device has not begun.
    let mut second = controller.connect();
    second.send_fence("on", &["node1"], PATIENCE);
    controller.status();
    // Other parameters: another session; back to the old ones: a third. Then the node is gone.
    let changed = map(&[("node1", &bmc)]) + "power_timeout = 15\n";
    for text in [&changed, &map(&[("node1", &bmc)]), &changed, &map(&[("node2", &other)])] {
        site.replace("map.toml", text);
        assert_eq!(targets(&controller).get("trouble"), None);
    }
    bmc.with_faults(|faults| faults.silent = false);
    assert_eq!(first.fenced().0, [NodeReply::success("node1", "off")]);
    let moved = "the targets have changed meanwhile, and with them this one; nothing was done";
    assert_eq!(second.fenced().0[0].result, Err(moved.to_owned()));
    assert_eq!(bmc.power(), Power::Off);
    wait_until(|| bmc.sessions() == (1, 1));
    assert_eq!(bmc.refusals(), 0, "{:?}", bmc.happened());
}

/// What is then said of the name would be taken for the new machine.
#[test]
fn a_machine_that_is_another_one_before_it_is_off_is_no_success() {
    let slow = Sim::start_with(|config| config.power_delay = Duration::from_millis(200));
    let other = Sim::start();
    let site = Site::new();
    let controller = start(&site, &map(&[("node1", &slow)]));
    controller.wait_until_reachable(1);
    let mut asking = controller.connect();
    asking.send_fence("off", &["node1"], PATIENCE);
    slow.wait_for(is_command(PowerControl::PowerDown));
    slow.with_faults(|faults| faults.silent = true);
    site.replace("map.toml", &map(&[("node1", &other)]));
    assert_eq!(targets(&controller).get("trouble"), None);
    slow.with_faults(|faults| faults.silent = false);
    let told = asking.fenced().0;
    let reason = told[0].result.as_ref().expect_err("it is another machine");
    assert!(reason.contains("it is another one now"), "{reason}");
    assert_eq!((slow.power(), other.power()), (Power::Off, Power::On));
}

#[test]
fn a_device_with_other_parameters_never_has_two_sessions() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let controller = start(&site, &map(&[("node1", &bmc)]));
    for round in 0..10 {
        site.replace(
            "map.toml",
            &format!("{}power_timeout = {}\n", map(&[("node1", &bmc)]), 20 + round % 3),
        );
        let command = if round % 2 == 0 { "off" } else { "on" };
        let done = controller.fence(command, &["node1"]);
        assert_eq!(done, [NodeReply::success("node1", command)], "{}", controller.log());
    }
    assert_eq!(bmc.refusals(), 0, "{:?}", bmc.happened());
    controller.stop();
    let (opened, closed) = bmc.sessions();
    assert_eq!(opened, closed);
}

#[test]
fn systems_that_a_redfish_service_lists_are_targets_and_come_and_go() {
    let systems = |ids: &[&str]| ids.iter().map(|id| RedfishSystem::new(id)).collect::<Vec<_>>();
    let service =
        RedfishSim::start_at("127.0.0.1:0", |config| config.systems = systems(&["a", "b"]));
    let address = service.address().to_string();
    let site = Site::new();
    let config = "keepalive = 0.2\nagent = \"fence_redfish\"\n".to_owned()
        + &table("parameters", service.lines())
        + "login_timeout = 1\npower_timeout = 3\n";
    let controller = site.start(&config);
    let is = |nodes: &'static [&str], generation: u64| {
        move |status: &Value| {
            status["generation"] == generation && status["devices"][0]["targets"] == json!(nodes)
        }
    };
    // Their host names are the names of the nodes.
    controller.wait_for(is(&["host-a.example", "host-b.example"], 1));
    assert_eq!(
        controller.fence("off", &["host-b.example"]),
        [NodeReply::success("host-b.example", "off")]
    );
    assert_eq!((service.power("a"), service.power("b")), (Some(Power::On), Some(Power::Off)));
    let targets = controller.ask(json!({"request": "targets", "states": true}));
    let states: Vec<_> = [0, 1].map(|index| targets["targets"][index]["state"].clone()).into();
    assert_eq!(states, ["on", "off"], "{targets:#}");

    drop(service);
    controller.wait_until_reachable(0);
    assert_targets(&controller, &["host-a.example", "host-b.example"], 1);
    let service = RedfishSim::start_at(&address, |config| config.systems = systems(&["b", "c"]));
    controller.wait_for(is(&["host-b.example", "host-c.example"], 2));
    assert_eq!(
        controller.fence("off", &["host-c.example"]),
        [NodeReply::success("host-c.example", "off")]
    );
    assert_eq!((service.power("b"), service.power("c")), (Some(Power::On), Some(Power::Off)));
    let replies = controller.fence("off", &["host-a.example"]);
    assert_eq!(replies[0].result, Err("this controller has no target 'host-a.example'".to_owned()));
}

#[test]
fn plugs_that_a_program_lists_are_targets_and_come_and_go() {
    let site = Site::new();
    let folder = site.path("agents");
    install(&folder, "fence_plugs", PLUGS);
    let plugs = site.write("plugs", "node1 on\nnode2 on\n");
    let config = format!(
        "keepalive = 0.2\nagent = \"fence_plugs\"\nagent_directories = [{folder:?}]\n\
         [parameters]\nip = \"pdu\"\nplugs = {plugs:?}\n"
    );
    let controller = site.start(&config);
    controller.wait_for(|status| status["generation"] == 1);
    assert_targets(&controller, &["node1", "node2"], 1);
    assert_eq!(
        controller.fence("off", &["node2"]),
        [NodeReply::success("node2", "off, as the agent says")]
    );
    assert_eq!(fs::read_to_string(&plugs).expect("a file"), "node1 on\nnode2 off\n");

    site.write("plugs", "node1 on\nnode3 off\n");
    controller.wait_for(|status| status["generation"] == 2);
    assert_targets(&controller, &["node1", "node3"], 2);
    let targets = controller.ask(json!({"request": "targets", "states": true}));
    assert_eq!(targets["targets"][1]["state"], "off", "{targets:#}");

    // One that cannot be told from another one, and one that is no name.
    let trouble = "which has no name of its own";
    for text in ["node1 on\nnode1 on\n", "no=de on\n"] {
        site.write("plugs", text);
        let is_told =
            |status: &Value| status["trouble"].as_str().is_some_and(|told| told.contains(trouble));
        controller.wait_for(is_told);
        assert_eq!(nodes_of(&self::targets(&controller)), ["node1", "node3"]);
    }
    site.write("plugs", "node1 on\nnode3 off\n");
    controller.wait_for(|status| status.get("trouble").is_none());
    assert_targets(&controller, &["node1", "node3"], 2);
}

/// A file of targets may name a device that somebody else uses now.
#[test]
fn a_device_that_another_controller_uses_is_taken_when_that_one_has_gone() {
    let (one, two) = (Sim::start(), bmc_with_one_session());
    let site = Site::new();
    let mut other = site.start_called("other", &super::ipmi(&[("node2", two.lines())]));
    other.wait_until_it_listens();
    other.wait_until_reachable(1);
    let controller = start(&site, &map(&[("node1", &one)]));
    controller.wait_until_reachable(1);
    site.replace("map.toml", &map(&[("node1", &one), ("node2", &two)]));
    let told = targets(&controller);
    let trouble = told["trouble"].as_str().expect("trouble");
    assert!(trouble.contains(&format!("process {} has locked", other.id())), "{trouble}");
    assert_eq!(nodes_of(&told), ["node1"]);
    other.kill();
    two.restart();
    assert_targets(&controller, &["node1", "node2"], 2);
    assert_eq!(controller.fence("off", &["node2"]), [NodeReply::success("node2", "off")]);
}
