//! A lab leaves nothing, however it ends. (Each of the other tests sees to that at its own end, too.)

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::{env, fs, thread};

use tempfile::TempDir;

use super::bmc::Protocol::Ipmi;
use super::cib::Cib;
use super::cluster::Cluster;
use super::lab::Setup;
use super::traces::{Namespaces, Outside};
use crate::support::agent::Agent;
use crate::support::process::Process;
use crate::support::wait::{PATIENCE, wait_for};

/// What there was of a lab.
struct Remains {
    outside: Outside,
    processes: Vec<Process>,
    namespaces: Namespaces,
}

impl Remains {
    /// Of a process and all that it has started, a lab with a node among it.
    fn of(outside: Outside, first: u32) -> Self {
        let processes = Process::below(first);
        let is_there = |name| processes.iter().any(|process| process.name == name);
        assert!(is_there("corosync") && is_there("pacemakerd"), "{processes:?}");
        let namespaces = Namespaces::of(&processes);
        assert!(!namespaces.users().is_empty());
        Self { outside, processes, namespaces }
    }

    /// Comes back when all is gone but the folder.
    fn wait_until_gone(&self) {
        wait_for("the end of all processes", PATIENCE, || {
            (!self.processes.iter().any(Process::is_alive)).then_some(())
        });
        self.namespaces.wait_until_unused();
        self.outside.assert_unchanged();
    }
}

fn cluster() -> Cluster {
    let cib = Cib::new().run(&Ipmi.device("node1")).run(&Cluster::service("service"));
    Cluster::start(Setup::new(), 1, &cib)
}

#[test]
fn nothing_is_left_of_a_test_that_fails() {
    let outside = Outside::look();
    let (tell, told) = channel();
    let (go_on, may_go_on) = channel();
    let test = thread::spawn(move || {
        let cluster = cluster();
        let lab = cluster.lab();
        tell.send((lab.folder().to_owned(), lab.first())).expect("a listener");
        may_go_on.recv().expect("somebody has looked at it");
        panic!("a test that fails, which is no failure");
    });
    let (folder, first) = told.recv().expect("a lab");
    let remains = Remains::of(outside, first);
    go_on.send(()).expect("a test");
    test.join().expect_err("it failed");
    remains.wait_until_gone();
    assert!(!folder.exists());
}

/// Says to a test that it is the one to be killed, and where to tell what is to be gone.
const VICTIM: &str = "LAB_TO_BE_KILLED";

#[test]
fn nothing_but_a_folder_is_left_of_a_test_that_is_killed() {
    if let Some(place) = env::var_os(VICTIM) {
        wait_to_be_killed(Path::new(&place));
    }
    let outside = Outside::look();
    let temporary = TempDir::new().expect("a folder");
    let place = tempfile::NamedTempFile::new().expect("a file");
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let mut victim = Agent::at(env::current_exe().expect("its own path"))
        .arguments([
            "--exact",
            "pacemaker::cleanup::nothing_but_a_folder_is_left_of_a_test_that_is_killed",
        ])
        .environment(VICTIM, &text(place.path()))
        .environment("TMPDIR", &text(temporary.path()))
        .start();
    let folder = wait_for("a lab", PATIENCE, || {
        assert!(victim.is_running(), "it has ended by itself");
        let folder = fs::read_to_string(place.path()).expect("its file");
        folder.strip_suffix('\n').map(PathBuf::from)
    });
    let remains = Remains::of(outside, victim.id());
    victim.signal("KILL");
    victim.finish();
    remains.wait_until_gone();
    fs::remove_dir_all(&folder).expect("what is left");
    let left: Vec<_> = fs::read_dir(&temporary).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

fn wait_to_be_killed(place: &Path) -> ! {
    let cluster = cluster();
    fs::write(place, format!("{}\n", cluster.lab().folder().display())).expect("its file");
    loop {
        thread::park();
    }
}
