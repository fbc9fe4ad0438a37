//! The STONITH controller, run as its users run it, and asked over its socket without any code of ours.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::agent::{Agent, program, send_signal};

/// How long a test waits for what should happen at once, on a machine that does many other things as well.
pub const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);
/// The name of every controller here, but for those that a test names otherwise.
pub const INSTANCE: &str = "test";

/// A folder with the files of controllers: their configurations, sockets, locks and logs.
pub struct Site {
    folder: TempDir,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("stonith-").tempdir();
        Self { folder: folder.expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the sockets and locks are.
    pub fn run_directory(&self) -> PathBuf {
        self.path("run")
    }

    pub fn socket(&self) -> PathBuf {
        self.run_directory().join(format!("{INSTANCE}.sock"))
    }

    /// Writes a file that nobody else may read, in place.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its owner's");
        path
    }

    /// Puts a file in the place of another one, as careful programs do.
    pub fn replace(&self, name: &str, text: &str) {
        let new = self.write(&format!("{name}.new"), text);
        fs::rename(new, self.path(name)).expect("renamed");
    }

    /// A controller with this configuration, and the directory for its socket; it is waited for until it listens.
    #[track_caller]
    pub fn start(&self, configuration: &str) -> Controller {
        let mut controller = self.start_called(INSTANCE, configuration);
        controller.wait_until_it_listens();
        controller
    }

    /// A controller of another name, or one that may not begin.
    pub fn start_called(&self, instance: &str, configuration: &str) -> Controller {
        self.start_with(instance, configuration, |_| {})
    }

    /// One in another environment.
    pub fn start_with(
        &self,
        instance: &str,
        configuration: &str,
        change: impl FnOnce(&mut Command),
    ) -> Controller {
        let directory = format!("run_directory = {:?}\n", self.run_directory());
        let config = self.write(&format!("{instance}.toml"), &(directory + configuration));
        let log = self.path(&format!("{instance}.log"));
        let file = File::options().append(true).create(true).open(&log).expect("a log");
        let mut command = Command::new(program("stonith-controller"));
        command
            .args(["run", "--config"])
            .arg(config)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file);
        change(&mut command);
        let child = command.spawn().expect("the controller starts");
        let socket = self.run_directory().join(format!("{instance}.sock"));
        Controller { child, socket, log }
    }

    /// `fence_controller` for the controllers here.
    pub fn agent(&self) -> Agent {
        let directory = self.run_directory();
        Agent::at(program("fence_controller"))
            .lines([format!("run_directory={}", directory.display())])
    }
}

/// A controller that runs. It is killed if the test gives it up.
pub struct Controller {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Controller {
    #[track_caller]
    pub fn wait_until_it_listens(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.child.try_wait().expect("a child can be waited for");
            let connected = UnixStream::connect(&self.socket);
            // Its own process: one that was killed before may have left a socket that another one listens on.
            if ended.is_none() && connected.is_ok() {
                return;
            }
            assert!(ended.is_none() && Instant::now() < deadline, "{}", self.log());
            thread::sleep(LOOK);
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Comes back when it takes connections again.
    #[track_caller]
    pub fn wait_for_place(&self) {
        let deadline = Instant::now() + PATIENCE;
        let is_free = || {
            let mut connection = self.connect();
            connection.send_if_listening(json!({"request": "status"}));
            connection.answer().is_some_and(|answer| answer["reply"] == "status")
        };
        while !is_free() {
            assert!(Instant::now() < deadline, "{}", self.log());
            thread::sleep(LOOK);
        }
    }

    pub fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn end(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            thread::sleep(LOOK);
        }
    }

    /// Has it stop in good order.
    #[track_caller]
    pub fn stop(self) {
        self.signal("TERM");
        assert!(self.end().success());
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::to(&self.socket)
    }

    /// The answer to one request, on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: Value) -> Value {
        self.connect().ask(request)
    }

    #[track_caller]
    pub fn status(&self) -> Value {
        self.ask(json!({"request": "status"}))
    }

    /// Comes back when its status is as wanted.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{status:#}\n{}", self.log());
            thread::sleep(LOOK);
        }
    }

    /// Comes back when so many of its devices have answered.
    #[track_caller]
    pub fn wait_until_reachable(&self, count: usize) -> Value {
        self.wait_for(|status| count_of(status, "reachable") == count)
    }

    /// Fences these nodes; the answers in their order, without the last one.
    #[track_caller]
    pub fn fence(&self, command: &str, nodes: &[&str]) -> Vec<NodeReply> {
        self.connect().fence(command, nodes).0
    }

    /// Its memory in KiB, and how many descriptors it has open.
    pub fn size(&self) -> (u64, usize) {
        let process = Path::new("/proc").join(self.id().to_string());
        let status = fs::read_to_string(process.join("status")).expect("it runs");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let memory = memory.trim().strip_suffix(" kB").expect("kB").parse().expect("a number");
        (memory, fs::read_dir(process.join("fd")).expect("it runs").count())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many devices of a status are so.
pub fn count_of(status: &Value, state: &str) -> usize {
    let devices = status["devices"].as_array().expect("devices");
    devices.iter().filter(|device| device["state"] == state).count()
}

/// The names of the machines in a list.
pub fn nodes_of(targets: &Value) -> Vec<&str> {
    let targets = targets["targets"].as_array().expect("targets");
    targets.iter().map(|target| target["node"].as_str().expect("a name")).collect()
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReply {
    pub node: String,
    /// What was done, or why not.
    pub result: Result<String, String>,
}

/// A connection to a controller.
pub struct Connection {
    pub stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Connection {
    #[track_caller]
    pub fn to(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let answers = BufReader::new(stream.try_clone().expect("another descriptor"));
        Self { stream, answers }
    }

    /// Sends a request, with the version.
    #[track_caller]
    pub fn send(&mut self, request: Value) {
        assert!(self.send_if_listening(request), "it reads");
    }

    /// The same, where the other side may have hung up already; whether it has not.
    pub fn send_if_listening(&mut self, mut request: Value) -> bool {
        request["version"] = json!(1);
        self.stream.write_all(format!("{request}\n").as_bytes()).is_ok()
    }

    /// The next answer; `None` when it hangs up.
    #[track_caller]
    pub fn answer(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
            // A controller that is killed while it writes leaves a part of a line.
            Ok(_) if !line.ends_with('\n') => None,
            Ok(_) => {
                let answer: Value = serde_json::from_str(&line).expect("JSON");
                assert_eq!(answer["version"], 1, "{line}");
                Some(answer)
            }
        }
    }

    #[track_caller]
    pub fn ask(&mut self, request: Value) -> Value {
        self.send(request);
        self.answer().expect("an answer")
    }

    #[track_caller]
    pub fn send_fence(&mut self, command: &str, nodes: &[&str], within: Duration) {
        let within = u64::try_from(within.as_millis()).expect("a number");
        self.send(
            json!({"request": "fence", "command": command, "nodes": nodes, "within_ms": within}),
        );
    }

    /// The answers to a request to fence, in their order, and whether a device was reached; `None` where it hangs up
    /// before the last one.
    #[track_caller]
    pub fn fenced(&mut self) -> (Vec<NodeReply>, Option<bool>) {
        let mut replies = Vec::new();
        while let Some(answer) = self.answer() {
            match answer["reply"].as_str() {
                Some("node") => replies.push(node_reply(&answer)),
                Some("end") => return (replies, answer["reached"].as_bool()),
                _ => panic!("{answer}"),
            }
        }
        (replies, None)
    }

    #[track_caller]
    pub fn fence(&mut self, command: &str, nodes: &[&str]) -> (Vec<NodeReply>, bool) {
        self.send_fence(command, nodes, PATIENCE);
        let (replies, reached) = self.fenced();
        (replies, reached.expect("a last line"))
    }
}

#[track_caller]
fn node_reply(answer: &Value) -> NodeReply {
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let result = match answer["result"].as_str() {
        Some("success") => Ok(text("done").expect("what was done")),
        Some("failed") => Err(text("reason").expect("a reason")),
        _ => panic!("{answer}"),
    };
    NodeReply { node: text("node").expect("a node"), result }
}

impl NodeReply {
    pub fn success(node: &str, done: &str) -> Self {
        Self { node: node.to_owned(), result: Ok(done.to_owned()) }
    }
}

/// A table of TOML with these `name=value` lines, such as those of a simulated BMC.
pub fn table(name: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let values = lines.into_iter().map(|line| {
        let (name, value) = line.as_ref().split_once('=').expect("name=value");
        format!("{name} = {value:?}\n")
    });
    format!("[{name}]\n{}", values.collect::<String>())
}
