//! What the foreign Redfish servers have in common: they are programs with a port and a folder.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::peers::folder_of;

/// The user that all servers know, and its password.
pub const USER: &str = "admin";
pub const PASSWORD: &str = "secret";

/// A Python server on a busy machine takes some seconds to begin.
const LONGEST_START: Duration = Duration::from_secs(30);
/// Who has not ended by then is killed.
const LONGEST_STOP: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// A running server, with a folder for its files. It is stopped when dropped.
pub struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts it in the folder, and comes back when it answers.
    #[track_caller]
    pub fn start(folder: TempDir, mut command: Command, answers: impl Fn() -> bool) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log");
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the server starts: run ./tests/run, which installs it");
        let mut process = Self { child, folder };
        let deadline = Instant::now() + LONGEST_START;
        while !answers() {
            let has_ended = process.child.try_wait().expect("a child can be waited for");
            let is_late = Instant::now() > deadline;
            assert!(has_ended.is_none() && !is_late, "{command:?}: {}", process.log());
            thread::sleep(LOOK);
        }
        process
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Process {
    /// Asks it to end first, so that it can end its own workers.
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let deadline = Instant::now() + LONGEST_STOP;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Python with a program of the environment that `tests/run` makes of `tests/redfish-requirements.txt`.
pub fn python(program: &str) -> Command {
    let bin = folder_of("REDFISH_VENV").join("bin");
    let mut command = Command::new(bin.join("python"));
    command.arg(bin.join(program));
    command
}

/// Whether anybody takes connections there. It costs less than to start curl.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The body that a server gives for a GET, asked by curl. Empty when there is none.
pub fn curl(url: &str) -> String {
    let credentials = format!("{USER}:{PASSWORD}");
    let output = Command::new("curl")
        .args(["--silent", "--insecure", "--location", "--max-time", "10", "--user", &credentials])
        .arg(url)
        .output()
        .expect("curl starts: run ./tests/run, which installs it");
    String::from_utf8(output.stdout).expect("text")
}

/// The value of a string in a JSON text, where the name stands only once.
pub fn string_in<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{name}\""))?;
    rest.split('"').nth(1)
}
