//! Runs a fence agent as its callers do.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// No agent run of these tests takes longer; one that hangs is killed and fails its test.
const LONGEST_RUN: Duration = Duration::from_secs(60);

/// The built program that has this name, or one more of its names.
pub fn program(name: &str) -> &'static str {
    match name {
        "fence_redfish" => env!("CARGO_BIN_EXE_fence_redfish"),
        "fence_controller" => env!("CARGO_BIN_EXE_fence_controller"),
        "stonith-controller" => env!("CARGO_BIN_EXE_stonith-controller"),
        _ => env!("CARGO_BIN_EXE_fence_ipmilan"),
    }
}

/// All names that our fence agents for BMCs have.
pub fn names() -> Vec<String> {
    fencing::agents::all().iter().map(|definition| definition.agent.name.to_string()).collect()
}

/// What a run of an agent came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// One way to run an agent: the program, its arguments and environment, what comes on standard input.
#[derive(Clone, Debug)]
pub struct Agent {
    program: PathBuf,
    arguments: Vec<String>,
    input: String,
    environment: Vec<(String, String)>,
}

impl Agent {
    /// Our `fence_ipmilan`.
    pub fn ours() -> Self {
        Self::at(program("fence_ipmilan"))
    }

    /// Our `fence_redfish`.
    pub fn redfish() -> Self {
        Self::at(program("fence_redfish"))
    }

    /// Ours, under one of its names.
    pub fn ours_called(name: &str) -> Self {
        let program = Path::new(program(name));
        let link: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Another thread or an earlier run may have made it already.
        let _ = symlink(program, &link);
        assert_eq!(link.canonicalize().ok(), program.canonicalize().ok(), "{}", link.display());
        Self::at(link)
    }

    /// Ours, under one of its names, in a folder where everybody may run it: the build folder may be private.
    pub fn for_anybody(folder: &TempDir, name: &str) -> Self {
        let copied = folder.path().join(name);
        // Another process copies it: a file that this one has open for writing cannot be run while another test starts
        // a program, which inherits it.
        let copy = Command::new("cp").arg(program(name)).arg(&copied).status();
        assert!(copy.expect("cp starts").success());
        for path in [folder.path(), &copied] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        Self::at(copied)
    }

    /// Debian's, in Python, under one of its names.
    pub fn python(name: &str) -> Self {
        let program = Path::new("/usr/sbin").join(name);
        assert!(program.exists(), "{} is not there: run ./tests/run", program.display());
        Self::at(program)
    }

    /// Any program.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            input: String::new(),
            environment: Vec::new(),
        }
    }

    /// The path of what is run.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// More of standard input, as it is.
    pub fn text(mut self, text: &str) -> Self {
        self.input.push_str(text);
        self
    }

    /// More lines for standard input.
    pub fn lines(mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for line in lines {
            self.input.push_str(line.as_ref());
            self.input.push('\n');
        }
        self
    }

    /// More arguments for the command line.
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The agent through another program, which gets the agent and its arguments as further arguments: `setpriv`, or a
    /// shell with a script.
    pub fn through(mut self, program: &str, arguments: &[&str]) -> Self {
        let agent = std::mem::replace(&mut self.program, program.into());
        let mut all: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        all.push(agent.to_str().expect("a path that is text").to_owned());
        all.append(&mut self.arguments);
        self.arguments = all;
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, with no more environment than pacemaker gives, ready to be spawned.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self) -> Run {
        self.start().finish()
    }

    /// Starts it, hands it its input, and lets it run while the test looks on.
    pub fn start(&self) -> Running {
        let started = Instant::now();
        let mut child = self.command().spawn().expect("the agent starts");
        // A child that reads no input closes the pipe; that is its right.
        let _ = child.stdin.take().expect("stdin is a pipe").write_all(self.input.as_bytes());
        Running { child: Some(child), started }
    }
}

/// An agent that runs. It is killed if the test gives it up.
pub struct Running {
    child: Option<Child>,
    started: Instant,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it was not finished").id()
    }

    pub fn is_running(&mut self) -> bool {
        let child = self.child.as_mut().expect("it was not finished");
        child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Sends it a signal, by the signal's name without SIG.
    pub fn signal(&self, name: &str) {
        send_signal(self.id(), name);
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Run {
        let child = self.child.take().expect("it was not finished");
        let pid = child.id();
        let (finished, watch) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if watch.recv_timeout(LONGEST_RUN).is_err() {
                send_signal(pid, "KILL");
            }
        });
        let Output { status, stdout, stderr } = child.wait_with_output().expect("the agent ends");
        let _ = finished.send(());
        watchdog.join().expect("the watchdog ends");
        Run {
            code: status.code(),
            stdout: String::from_utf8(stdout).expect("stdout is text"),
            stderr: String::from_utf8(stderr).expect("stderr is text"),
            took: self.started.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.child.as_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a process a signal, by the signal's name without SIG.
pub fn send_signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
}

impl Run {
    /// Asserts exit code and standard output, showing everything when they differ.
    #[track_caller]
    pub fn expect(&self, code: i32, stdout: &str) -> &Self {
        assert!(
            self.code == Some(code) && self.stdout == stdout,
            "wanted {code} {stdout:?}: {self:#?}"
        );
        self
    }

    /// Asserts a failure: exit code 1, nothing on standard output, one line on standard error, with these words.
    #[track_caller]
    pub fn expect_failure(&self, words: &str) -> &Self {
        self.expect(1, "");
        assert_eq!(self.stderr.lines().count(), 1, "one line a failure: {self:#?}");
        assert!(self.stderr.contains(words), "wanted {words:?}: {self:#?}");
        self
    }
}
