//! A node is lost to the cluster, with all that runs on it going on; and what must come of that, judged by processes.

use std::process::Command;

use super::cluster::{Cluster, Entry};
use crate::support::process::Process;
use crate::support::wait::{PATIENCE, wait_for};

/// How a node is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its cluster software ends at once, and nothing else.
    Crash,
    /// It is cut from the ring. To itself it is the other node that is lost.
    Cut,
    /// Its power fails: all of it ends.
    PowerLoss,
}

/// A lost node, on which the service was.
#[derive(Debug)]
pub struct Loss {
    node: String,
    survivor: String,
    /// How many entries there were in the journal.
    journal: usize,
    /// How many lines the survivor had in its log.
    log: usize,
    /// What goes on, on the lost node.
    processes: Vec<Process>,
}

/// The service that the nodes have one of.
pub const SERVICE: &str = "service";

impl Loss {
    /// The cluster loses the node, on which the service is.
    #[track_caller]
    pub fn begin(cluster: &mut Cluster, node: &str, failure: Failure) -> Self {
        assert_eq!(cluster.place_of(SERVICE).as_deref(), Some(node), "where the service is");
        let survivor = if node == "node1" { "node2" } else { "node1" };
        let mut loss = Self {
            node: node.to_owned(),
            survivor: survivor.to_owned(),
            journal: cluster.journal().len(),
            log: cluster.log(survivor).lines().count(),
            processes: Vec::new(),
        };
        match failure {
            Failure::Crash => crash(cluster, node),
            Failure::Cut => cut(cluster, node),
            Failure::PowerLoss => cluster.bmc(node).set_power(bmc_sim::Power::Off),
        }
        loss.processes = cluster.processes(node);
        let goes_on = loss.processes.iter().filter(|process| process.name == "sleep").count();
        // That of the operating system and that of the service.
        assert_eq!(goes_on, if failure == Failure::PowerLoss { 0 } else { 2 }, "{loss:#?}");
        loss
    }

    /// Comes back when the survivor has started the service, or has tried to.
    #[track_caller]
    pub fn wait_for_service(&self, cluster: &Cluster) {
        let is_there = |entry: &Entry| self.is_start(entry) || self.is_collision(entry);
        let look = || self.since(cluster).iter().any(is_there).then_some(());
        wait_for(&format!("the service on {}", self.survivor), PATIENCE, look);
    }

    /// Comes back when the survivor has heard so many times that its fencing has failed.
    #[track_caller]
    pub fn wait_for_failures(&self, cluster: &Cluster, count: usize) {
        let failed = format!("Peer {} was not terminated", self.node);
        let look = || (self.log(cluster).matches(&failed).count() >= count).then_some(());
        wait_for(&format!("{failed}, {count} times"), PATIENCE, look);
    }

    /// What the survivor has logged since.
    pub fn log(&self, cluster: &Cluster) -> String {
        let log = cluster.log(&self.survivor);
        log.lines().skip(self.log).collect::<Vec<_>>().join("\n")
    }

    /// Whether the service was started, and by then nothing of the lost node was left.
    pub fn verdict(&self, cluster: &Cluster) -> Result<(), String> {
        let entries = self.since(cluster);
        let count =
            |wanted: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| wanted(entry)).count();
        let place = |wanted: &dyn Fn(&Entry) -> bool| entries.iter().position(wanted);
        let is_off = |entry: &Entry| entry.what == "power off" && entry.node == self.node;
        let is_other_off = |entry: &Entry| entry.what == "power off" && entry.node == self.survivor;
        let alive: Vec<_> = self.processes.iter().filter(|process| process.is_alive()).collect();
        let complaint = if count(&|entry| self.is_collision(entry)) > 0 {
            "the service was started while it ran elsewhere"
        } else if !alive.is_empty() {
            "the lost node is alive"
        } else if place(&|entry| self.is_start(entry)).is_none() {
            "the service is not there"
        } else if count(&is_off) != 1 {
            "the lost node was not switched off once"
        } else if place(&is_off) > place(&|entry| self.is_start(entry)) {
            "the service was started before the lost node was off"
        } else if count(&is_other_off) > 0 {
            "the survivor was switched off"
        } else {
            return Ok(());
        };
        Err(format!("{complaint}: {entries:#?}, alive: {alive:#?}"))
    }

    /// Fails where the lost node has been switched, or the service started: as long as nobody can fence, nobody may.
    #[track_caller]
    pub fn assert_nothing_happened(&self, cluster: &Cluster) {
        let entries = self.since(cluster);
        assert!(entries.is_empty(), "{entries:#?}");
        assert!(self.processes.iter().all(Process::is_alive), "{:#?}", self.processes);
    }

    fn since(&self, cluster: &Cluster) -> Vec<Entry> {
        cluster.journal().split_off(self.journal)
    }

    fn is_start(&self, entry: &Entry) -> bool {
        entry.node == self.survivor && entry.what == format!("{SERVICE} started")
    }

    fn is_collision(&self, entry: &Entry) -> bool {
        entry.what == format!("{SERVICE} collided")
    }
}

fn crash(cluster: &Cluster, node: &str) {
    let is_cluster = |process: &Process| {
        process.name.starts_with("corosync") || process.name.starts_with("pacemaker")
    };
    wait_for("the end of the cluster software", PATIENCE, || {
        let mut processes = cluster.processes(node);
        processes.retain(is_cluster);
        let ids = processes.iter().map(|process| process.id.to_string());
        // All at once, so that none has time to do something about it; some may end by themselves meanwhile.
        let _ = Command::new("kill").arg("-KILL").args(ids).output();
        processes.is_empty().then_some(())
    });
}

fn cut(cluster: &Cluster, node: &str) {
    cluster.lab().must(&["ip", "link", "set", &format!("ring-{node}"), "down"]);
}
