//! A place for a cluster: namespaces in which our agents stand where pacemaker looks for them, and which take with them
//! whatever is in them when they end.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use nix::sched::{CloneFlags, setns};
use tempfile::TempDir;

use super::traces::{Namespaces, Outside};
use crate::support::agent::{names, program};
use crate::support::launcher::Launcher;
use crate::support::process::Process;
use crate::support::wait::{LOOK, PATIENCE, wait_for};

/// What there will be in a lab.
pub struct Setup {
    folder: TempDir,
}

/// Namespaces of its own: processes, mounts, network, IPC, host name. They end with the thread that started it,
/// whatever becomes of that.
pub struct Lab {
    inside: Inside,
    outermost: Child,
    outside: Outside,
    /// The last to go: who is in there has files in it.
    _folder: TempDir,
}

/// What is needed to do something in a lab.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The first process, as it is seen from outside.
    first: u32,
    folder: PathBuf,
}

/// What a command in a lab came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Setup {
    /// A lab with our agents, under all their names.
    pub fn new() -> Self {
        // Not in /tmp: the agents are large, and links to them cost nothing.
        let folder =
            tempfile::Builder::new().prefix("lab-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.expect("a temporary folder");
        // pacemaker has a user of its own.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its own folder");
        for name in ["sbin", "ocf"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        names().iter().fold(Self { folder }, |setup, name| setup.agent(name, program(name)))
    }

    /// With this program as a fence agent, in the place of the one that has the name, if any.
    pub fn agent(self, name: &str, program: impl AsRef<Path>) -> Self {
        self.put(Path::new("sbin").join(name), program.as_ref())
    }

    /// With this program as the resource agent `ocf:provider:name`.
    pub fn resource_agent(self, provider: &str, name: &str, program: impl AsRef<Path>) -> Self {
        self.put(Path::new("ocf").join(provider).join(name), program.as_ref())
    }

    /// With a link to one of these fence agents, or what else was put there, as the resource agent `ocf:provider:name`.
    pub fn linked_resource_agent(self, provider: &str, name: &str, target: &str) -> Self {
        let folder = self.folder.path().join("ocf").join(provider);
        fs::create_dir_all(&folder).expect("a folder");
        symlink(Path::new("/usr/sbin").join(target), folder.join(name)).expect("a link");
        self
    }

    fn put(self, place: PathBuf, program: &Path) -> Self {
        let place = self.folder.path().join(place);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        // One that was put there before.
        let _ = fs::remove_file(&place);
        let program = program.canonicalize().expect("a program");
        fs::hard_link(&program, &place)
            .or_else(|_| fs::copy(&program, &place).map(drop))
            .expect("a copy of it");
        self
    }

    /// With a file in its folder, which is /mnt in there.
    pub fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).expect("a file");
        self
    }

    pub fn start(self) -> Lab {
        let outside = Outside::look();
        let folder = self.folder;
        let log = File::create(folder.path().join("log")).expect("a log");
        let mut outermost = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL"])
            .arg(stage("lab"))
            .arg(folder.path())
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("setpriv starts");
        let read = |name: &str| fs::read_to_string(folder.path().join(name));
        let first = wait_for("a lab", PATIENCE, || {
            let ended = outermost.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "no lab: {}", read("log").unwrap_or_default());
            read("ready").ok()?.trim().parse().ok()
        });
        let inside = Inside { first, folder: folder.path().to_owned() };
        Lab { inside, outermost, outside, _folder: folder }
    }
}

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A script of ours that is run in a lab.
pub fn stage(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pacemaker/stage").join(name)
}

impl Lab {
    /// Ends it; fails where anything is left of it.
    #[track_caller]
    pub fn end(mut self) {
        let namespaces = Namespaces::of(&self.processes());
        let left = self.kill();
        assert!(left.is_empty(), "they do not end: {left:?}");
        namespaces.wait_until_unused();
        self.outside.assert_unchanged();
    }

    /// Gives those that were not to be killed.
    fn kill(&mut self) -> Vec<Process> {
        // As long as it runs, the id of the first process is not another one's.
        if !matches!(self.outermost.try_wait(), Ok(None)) {
            return Vec::new();
        }
        let mut processes = self.processes();
        // All others end with the first, and when it sees that, the one outside.
        let first = self.inside.first.to_string();
        let _ = Command::new("kill").args(["-KILL", &first]).status();
        let deadline = Instant::now() + PATIENCE;
        while !processes.is_empty() && Instant::now() < deadline {
            thread::sleep(LOOK);
            processes.retain(Process::is_alive);
        }
        let _ = self.outermost.kill();
        let _ = self.outermost.wait();
        processes
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Where it does not end, a test that succeeds has found out.
        self.kill();
    }
}

impl std::ops::Deref for Lab {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.inside
    }
}

impl Inside {
    /// What stays when the lab has ended, for as long as its value.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of the first process in there.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// All that runs in there; not what the tests have just started in it.
    pub fn processes(&self) -> Vec<Process> {
        Process::below(self.first)
    }

    /// What starts a program in there, which ends when the test ends it or ends itself.
    pub fn launcher(&self) -> Launcher {
        let first = self.first.to_string();
        let words =
            ["nsenter", "--target", &first, "--all", "--", "setpriv", "--pdeathsig", "KILL"];
        Launcher::new(words)
    }

    /// Runs a command in there. It may have no other environment than this, and a minute.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Answer {
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "60"]).args(words);
        let output = self
            .launcher()
            .launch(&command)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .expect("nsenter starts");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Answer {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Runs a command in there that has to succeed.
    #[track_caller]
    pub fn must(&self, words: &[&str]) -> String {
        let answer = self.run(words);
        assert_eq!(answer.code, Some(0), "{words:?}: {answer:?}");
        answer.stdout
    }

    /// The sockets of its network, as the kernel tells of them: `tcp` or `udp`.
    pub fn sockets(&self, table: &str) -> String {
        fs::read_to_string(format!("/proc/{}/net/{table}", self.first)).expect("the lab's network")
    }

    /// Does something with the sockets of the lab's network. What is started in a thread or a process of its own stays
    /// there.
    pub fn in_network<T>(&self, work: impl FnOnce() -> T) -> T {
        let network = |process: &str| File::open(format!("/proc/{process}/ns/net"));
        let way_back = WayBack(network("thread-self").expect("a network"));
        let network = network(&self.first.to_string()).expect("the lab's network");
        setns(network, CloneFlags::CLONE_NEWNET).expect("root may go there");
        let result = work();
        drop(way_back);
        result
    }
}

/// The thread may have other tests to run, even where this one has failed.
struct WayBack(File);

impl Drop for WayBack {
    fn drop(&mut self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("it was here before");
    }
}

/// Several labs side by side: most of what is done in one is to wait.
pub fn at_once<T: Send>(items: impl IntoIterator<Item = T>, scene: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for item in items {
            scope.spawn(|| scene(item));
        }
    });
}
