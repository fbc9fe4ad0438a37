//! A lab leaves nothing, however it ends. (Each of the other tests sees to that at its own end, too.)

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use super::bmc::Protocol::Ipmi;
use super::cib::Cib;
use super::cluster::Cluster;
use super::lab::{PATIENCE, Setup, wait_for};
use super::process::Process;
use super::traces::{Namespaces, Outside};

/// What there was of a lab.
struct Remains {
    outside: Outside,
    folder: PathBuf,
    processes: Vec<Process>,
    namespaces: Namespaces,
}

impl Remains {
    /// Of a process and all that it has started, a lab with a node among it.
    fn of(outside: Outside, folder: &Path, first: u32) -> Self {
        let processes = Process::below(first);
        let is_there = |name| processes.iter().any(|process| process.name == name);
        assert!(is_there("corosync") && is_there("pacemakerd"), "{processes:?}");
        let namespaces = Namespaces::of(&processes);
        assert!(!namespaces.users().is_empty());
        Self { outside, folder: folder.to_owned(), processes, namespaces }
    }

    /// Comes back when all is gone but the folder.
    fn wait_until_gone(&self) {
        wait_for("the end of all processes", PATIENCE, || {
            let is_alive = self.processes.iter().any(Process::is_alive);
            (!is_alive && self.namespaces.users().is_empty()).then_some(())
        });
        self.outside.assert_unchanged(&self.folder);
    }
}

fn cluster() -> Cluster {
    let cib = Cib::new().run(&Ipmi.device("node1")).run(&Cluster::service("service"));
    Cluster::start(Setup::new(), 1, &cib)
}

#[test]
fn nothing_is_left_of_a_test_that_fails() {
    let outside = Outside::look();
    let (tell, told) = std::sync::mpsc::channel();
    let test = thread::spawn(move || {
        let cluster = cluster();
        let lab = cluster.lab();
        tell.send((lab.folder().to_owned(), lab.processes()[0].id)).expect("a listener");
        panic!("a test that fails, which is no failure");
    });
    let (folder, first) = told.recv().expect("a lab");
    let remains = Remains::of(outside, &folder, first);
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
    let place = tempfile::NamedTempFile::new().expect("a file");
    let mut victim = Command::new(env::current_exe().expect("its own path"))
        .args([
            "--exact",
            "pacemaker::cleanup::nothing_but_a_folder_is_left_of_a_test_that_is_killed",
        ])
        .env(VICTIM, place.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let folder = wait_for("a lab", PATIENCE, || {
        let folder = fs::read_to_string(place.path()).expect("its file");
        folder.strip_suffix('\n').map(PathBuf::from)
    });
    let remains = Remains::of(outside, &folder, victim.id());
    victim.kill().expect("a child can be killed");
    victim.wait().expect("a child can be waited for");
    remains.wait_until_gone();
    fs::remove_dir_all(&folder).expect("what is left");
}

fn wait_to_be_killed(place: &Path) -> ! {
    let cluster = cluster();
    fs::write(place, format!("{}\n", cluster.lab().folder().display())).expect("its file");
    loop {
        thread::park();
    }
}
