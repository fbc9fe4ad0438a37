//! A resource of a cluster: a controller, and the agent that it is started and asked by.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::agent::{Agent, Run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stonith-controller");

/// The daemon is stopped when this is dropped.
pub struct Resource {
    folder: TempDir,
    name: String,
    instance: String,
    environment: Vec<(String, String)>,
}

impl Resource {
    /// One whose agent is called by this name.
    pub fn called(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        symlink(PROGRAM, folder.path().join(name)).expect("a link");
        Self {
            folder,
            name: name.to_owned(),
            instance: "fencing:0".to_owned(),
            environment: Vec::new(),
        }
    }

    /// The same with one more parameter, or another value of it.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &str, value: &str) {
        let variable = format!("OCF_RESKEY_{name}");
        self.environment.retain(|(known, _)| *known != variable);
        self.environment.push((variable, value.to_owned()));
    }

    /// Where it keeps its files.
    pub fn run_directory(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub fn socket(&self) -> PathBuf {
        self.run_directory().join(format!("{}.sock", self.instance))
    }

    /// A file beside them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes such a file, for its owner only.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let new = self.path("new");
        fs::write(&new, text).expect("a file");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("its mode");
        fs::rename(&new, &path).expect("its name");
        path
    }

    /// The agent, ready to be called for this.
    pub fn agent(&self, action: &str) -> Agent {
        let agent = Agent::at(self.folder.path().join(&self.name)).arguments([action]);
        self.environment()
            .into_iter()
            .fold(agent, |agent, (name, value)| agent.environment(&name, &value))
    }

    /// The environment of the agent, but for what all programs have.
    pub fn environment(&self) -> Vec<(String, String)> {
        let run_directory = self.run_directory().to_str().expect("a path that is text").to_owned();
        let mut environment = self.environment.clone();
        environment.push(("OCF_RESOURCE_INSTANCE".to_owned(), self.instance.clone()));
        if !environment.iter().any(|(name, _)| name == "OCF_RESKEY_run_directory") {
            environment.push(("OCF_RESKEY_run_directory".to_owned(), run_directory));
        }
        environment
    }

    pub fn run(&self, action: &str) -> Run {
        self.agent(action).run()
    }

    /// The agent with so much time, as the cluster tells it.
    pub fn within(&self, time: Duration, action: &str) -> Agent {
        let milliseconds = time.as_millis().to_string();
        self.agent(action).environment("OCF_RESKEY_CRM_meta_timeout", &milliseconds)
    }

    /// The agent that is to fence these, separated by commas.
    pub fn fencing(&self, nodes: &str) -> Agent {
        self.agent("fence").environment("OCF_RESKEY_STONITH_NODES", nodes)
    }

    #[track_caller]
    pub fn start(&self) {
        self.run("start").expect(0, "");
    }

    /// The daemon's process id, by its own word.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        let status = Command::new(PROGRAM)
            .args(["status", &self.instance, "--json", "--run-directory"])
            .arg(self.run_directory())
            .output()
            .expect("the program runs");
        let status: serde_json::Value =
            serde_json::from_slice(&status.stdout).unwrap_or_else(|_| panic!("{status:?}"));
        status["pid"].as_u64().expect("a process id") as u32
    }

    /// Sends the daemon a signal, by its name without SIG.
    #[track_caller]
    pub fn signal(&self, name: &str) -> u32 {
        let pid = self.pid();
        send(pid, name);
        pid
    }
}

pub fn send(pid: u32, signal: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// Whether there is such a process, and it has not ended.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A place where others can run it: the tests' own may be closed to them.
pub fn for_everybody(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = |path: &Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
    };
    let program = folder.path().join(name);
    fs::copy(PROGRAM, &program).expect("a copy");
    open(folder.path());
    open(&program);
    (folder, program)
}

impl Drop for Resource {
    fn drop(&mut self) {
        let run = self.within(Duration::from_secs(10), "stop").run();
        if !std::thread::panicking() {
            run.expect(0, "");
        }
    }
}
