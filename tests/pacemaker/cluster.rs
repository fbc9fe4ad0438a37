//! Nodes with corosync and pacemaker in a lab, and BMCs that switch them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use bmc_sim::Power;

use super::bmc::Bmc;
use super::cib::{Cib, Primitive};
use super::lab::{Answer, Inside, Lab, Setup, stage};
use crate::support::process::Process;
use crate::support::wait::{PATIENCE, wait_for};

/// A cluster of nodes called node1, node2 and so on. When a test fails, it tells what went on in them.
pub struct Cluster {
    nodes: Vec<String>,
    // In the order in which they go: the BMCs are in the lab.
    _account: Account,
    bmcs: Vec<Bmc>,
    lab: Lab,
}

/// What a machine or a service has told the journal of the lab, after it was so.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub node: String,
    /// Such as `power off`, or `service started`.
    pub what: String,
}

impl Cluster {
    /// A cluster with so many nodes, all of them online, in which everything runs that there is in the configuration.
    pub fn start(setup: Setup, nodes: usize, cib: &Cib) -> Self {
        let lab = setup.resource_agent("lab", "service", stage("service")).start();
        let nodes: Vec<_> = (1..=nodes).map(|number| format!("node{number}")).collect();
        for node in &nodes {
            write_disk(&lab, node, &corosync_conf(nodes.len()), &cib.to_xml());
        }
        let _account = Account { lab: lab.clone(), nodes: nodes.clone() };
        let bmcs = nodes.iter().map(|node| Bmc::start(lab.clone(), node)).collect();
        let cluster = Self { nodes, _account, bmcs, lab };
        for bmc in &cluster.bmcs {
            bmc.set_power(Power::On);
        }
        cluster.wait_until_settled();
        cluster
    }

    /// A service that is to be in the cluster once: `ocf:lab:service`, in any lab with a cluster. It tells the journal
    /// `ID started` and `ID stopped`, or `ID collided` when it was started while it ran elsewhere.
    pub fn service(id: &str) -> Primitive {
        Primitive::ocf(id, "lab", "service")
    }

    /// Ends it; fails where anything is left of it.
    #[track_caller]
    pub fn end(self) {
        drop(self.bmcs);
        self.lab.end();
    }

    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    pub fn bmc(&mut self, node: &str) -> &mut Bmc {
        let index = self.nodes.iter().position(|known| known == node).expect("a node");
        &mut self.bmcs[index]
    }

    /// Runs a command on a node.
    #[track_caller]
    pub fn run(&self, node: &str, words: &[&str]) -> Answer {
        let first = self.lab.first_of(node).expect("the node is on").ids[1].to_string();
        let enter = ["nsenter", "--target", &first, "--all", "--"];
        self.lab.run(&[&enter, words].concat())
    }

    /// Runs a command on a node that has to succeed.
    #[track_caller]
    pub fn must(&self, node: &str, words: &[&str]) -> String {
        let answer = self.run(node, words);
        assert_eq!(answer.code, Some(0), "{words:?} on {node}: {answer:?}");
        answer.stdout
    }

    /// All that runs on a node; nothing, when it is off. The first is the first process of its operating system.
    pub fn processes(&self, node: &str) -> Vec<Process> {
        let Some(first) = self.lab.first_of(node) else { return Vec::new() };
        let mut processes = Process::below(first.id);
        processes.sort_by_key(|process| process.id != first.id);
        processes
    }

    /// The log of pacemaker on a node, since the cluster was started.
    pub fn log(&self, node: &str) -> String {
        self.lab.log_of(node)
    }

    /// What has been told so far, the first first.
    pub fn journal(&self) -> Vec<Entry> {
        self.lab.journal()
    }

    /// Where a resource runs.
    pub fn place_of(&self, resource: &str) -> Option<String> {
        let nodes = self.nodes.iter().filter(|node| self.lab.first_of(node).is_some());
        let answers =
            nodes.map(|node| self.run(node, &["crm_resource", "--locate", "--resource", resource]));
        answers
            .filter_map(|answer| {
                answer.stdout.trim().rsplit_once(": ").map(|(_, node)| node.trim().to_owned())
            })
            .next()
    }

    /// Comes back when all nodes see each other.
    #[track_caller]
    pub fn wait_until_online(&self) {
        self.wait_until(&["UNCLEAN", "pending"]);
    }

    /// Comes back when all nodes see each other, and everything runs.
    #[track_caller]
    pub fn wait_until_settled(&self) {
        self.wait_until(&["UNCLEAN", "pending", "Stopped", "Starting", "Stopping"]);
    }

    /// All nodes see each other, and nothing is any of this.
    #[track_caller]
    fn wait_until(&self, unsettled: &[&str]) {
        let online = format!("Online: [ {} ]", self.nodes.join(" "));
        for node in &self.nodes {
            wait_for(&format!("{online} on {node}, none of {unsettled:?}"), PATIENCE, || {
                let status = self.run(node, &["crm_mon", "--one-shot", "--inactive"]).stdout;
                let is_settled = !unsettled.iter().any(|word| status.contains(word));
                (status.contains(&online) && is_settled).then_some(())
            });
        }
    }
}

impl Inside {
    /// The first process of a node; none, when it is off.
    fn first_of(&self, node: &str) -> Option<Process> {
        let id = fs::read_to_string(self.folder().join(node).join("pid")).ok()?;
        let id = id.trim().parse().ok()?;
        self.processes().into_iter().find(|process| process.ids.get(1) == Some(&id))
    }

    fn log_of(&self, node: &str) -> String {
        let log = self.folder().join(node).join("disk/var/log/pacemaker/pacemaker.log");
        fs::read_to_string(log).unwrap_or_default()
    }

    fn journal_as_text(&self) -> String {
        fs::read_to_string(self.folder().join("journal")).unwrap_or_default()
    }

    fn journal(&self) -> Vec<Entry> {
        let text = self.journal_as_text();
        let entry = |line: &str| {
            let (_time, rest) = line.split_once(' ')?;
            let (node, what) = rest.split_once(' ')?;
            Some(Entry { node: node.to_owned(), what: what.to_owned() })
        };
        text.lines().map(|line| entry(line).unwrap_or_else(|| panic!("{line}"))).collect()
    }
}

/// What a node has on its disk before it is switched on for the first time.
fn write_disk(lab: &Inside, node: &str, corosync_conf: &str, cib: &str) {
    let disk = lab.folder().join(node).join("disk");
    for place in ["etc/corosync", "etc/pacemaker", "var/lib/corosync", "var/log"] {
        fs::create_dir_all(disk.join(place)).expect("a folder");
    }
    fs::write(disk.join("etc/corosync/corosync.conf"), corosync_conf).expect("a file");
    let pacemaker = ["blackbox", "cib", "cores", "pengine"]
        .map(|name| disk.join("var/lib/pacemaker").join(name));
    let [_, cibs, ..] = &pacemaker;
    for folder in pacemaker.iter().chain([&disk.join("var/log/pacemaker")]) {
        fs::create_dir_all(folder).expect("a folder");
        give_to_pacemaker(folder);
    }
    let file = cibs.join("cib.xml");
    fs::write(&file, cib).expect("a file");
    give_to_pacemaker(&file);
}

fn give_to_pacemaker(path: &Path) {
    let given = Command::new("chown").arg("hacluster:haclient").arg(path).status();
    assert!(
        given.expect("chown").success(),
        "no user hacluster: run ./tests/run, which installs pacemaker"
    );
}

fn corosync_conf(nodes: usize) -> String {
    let node = |number| {
        format!(
            "node {{\n name: node{number}\n nodeid: {number}\n ring0_addr: 10.77.0.{number}\n}}\n"
        )
    };
    let list: String = (1..=nodes).map(node).collect();
    let two = u8::from(nodes == 2);
    // A scheduling class and a cgroup of its own are not what a namespace keeps to itself.
    format!(
        "totem {{\n version: 2\n cluster_name: lab\n transport: knet\n token: 1000\n\
         crypto_cipher: none\n crypto_hash: none\n}}\n\
         system {{\n sched_rr: no\n move_to_root_cgroup: no\n}}\n\
         logging {{\n to_stderr: no\n to_syslog: no\n to_logfile: yes\n logfile: /var/log/corosync.log\n}}\n\
         quorum {{\n provider: corosync_votequorum\n two_node: {two}\n}}\n\
         nodelist {{\n{list}}}\n"
    )
}

/// Tells what went on, when a test fails.
struct Account {
    lab: Inside,
    nodes: Vec<String>,
}

impl Drop for Account {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        eprintln!("journal:\n{}", self.lab.journal_as_text());
        for node in &self.nodes {
            let read = |name: &str| fs::read_to_string(self.lab.folder().join(node).join(name));
            eprintln!("{node}: {}", read("console").unwrap_or_default());
            let log = self.lab.log_of(node);
            let is_of_note = |line: &&str| !line.contains("info: ");
            let lines: Vec<_> = log.lines().filter(is_of_note).collect();
            eprintln!("{}", lines[lines.len().saturating_sub(80)..].join("\n"));
        }
    }
}
