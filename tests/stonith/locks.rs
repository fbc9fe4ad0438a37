//! One controller of a name, and one for a device.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use super::ipmi;
use crate::support::controller::{INSTANCE, NodeReply, Site};
use crate::support::sim::Sim;

#[test]
fn a_second_controller_of_the_same_name_is_told_who_runs() {
    let bmc = Sim::start();
    let site = Site::new();
    let config = ipmi(&[("node1", bmc.lines())]);
    let first = site.start(&config);
    let second = site.start_called(INSTANCE, &config);
    assert_eq!(second.end().code(), Some(1));
    let told = format!("process {} has locked", first.id());
    assert!(first.log().contains(&told), "{}", first.log());
    // The first one is none the worse for it.
    assert_eq!(first.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    let id = first.id();
    first.kill();
    let third = site.start(&config);
    assert_ne!(third.id(), id);
    assert_eq!(third.fence("on", &["node1"]), [NodeReply::success("node1", "on")]);
}

#[test]
fn a_device_belongs_to_one_controller_until_that_ends_or_is_killed() {
    let bmc = Sim::start_with(|config| config.max_sessions = 2);
    let site = Site::new();
    let config = ipmi(&[("node1", bmc.lines())]);
    // The same BMC by other words: another node, another agent of the same protocol.
    let others = [
        ipmi(&[("node2", bmc.lines())]),
        ipmi(&[("node1", bmc.lines())]).replace("fence_ipmilan", "fence_ilo4"),
    ];
    let first = site.start(&config);
    first.wait_until_reachable(1);
    for (number, config) in others.iter().enumerate() {
        let other = site.start_called(&format!("other{number}"), config);
        let id = first.id();
        let log = site.path(&format!("other{number}.log"));
        assert_eq!(other.end().code(), Some(1));
        let log = std::fs::read_to_string(log).expect("a log");
        let told = format!("another controller on this machine uses it: process {id} has locked");
        assert!(log.contains(&told), "{log}");
    }
    assert_eq!(bmc.sessions(), (1, 0));
    first.kill();
    let mut other = site.start_called("other0", &others[0]);
    other.wait_until_it_listens();
    assert_eq!(other.fence("off", &["node2"]), [NodeReply::success("node2", "off")]);
    other.stop();
    assert_eq!(site.start(&config).fence("on", &["node1"]), [NodeReply::success("node1", "on")]);
}

/// Where the lock cannot be had, that is not somebody else's doing.
#[test]
fn a_lock_that_cannot_be_opened_is_not_taken_for_another_controller() {
    let bmc = Sim::start();
    let site = Site::new();
    let lock = format!("device-ipmi%20127.0.0.1:{}.lock", bmc.address().port());
    for folder in [site.run_directory(), site.run_directory().join(&lock)] {
        DirBuilder::new().mode(0o700).create(folder).expect("a folder");
    }
    let controller = site.start_called(INSTANCE, &ipmi(&[("node1", bmc.lines())]));
    assert_eq!(controller.end().code(), Some(1));
    let log = std::fs::read_to_string(site.path("test.log")).expect("a log");
    assert!(
        log.contains("it is not known whether another controller uses it: cannot lock"),
        "{log}"
    );
    assert!(log.contains(&lock) && log.contains("Is a directory"), "{log}");
    assert_eq!(bmc.sessions(), (0, 0));
}
