//! A program in a pseudo-terminal, as a person sees it.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::termios::{LocalFlags, tcgetattr};
use pty_process::Size;
use pty_process::blocking::{self, Pty};

/// How long a test waits for something to be shown.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program on a screen of 24 lines of 150 letters. It is killed if the test gives it up.
pub struct Terminal {
    child: Child,
    keyboard: Arc<Pty>,
    shown: Receiver<Vec<u8>>,
    screen: Vec<u8>,
    /// How much of the screen was waited for.
    read: usize,
}

impl Terminal {
    /// Starts a program there, with the environment that it has.
    pub fn start(command: Command) -> Self {
        Self::start_after(b"", command)
    }

    /// The same, with keys that were typed before the program started.
    pub fn start_after(keys: &[u8], command: Command) -> Self {
        let (pty, pts) = blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(24, 150)).expect("its size");
        (&pty).write_all(keys).expect("a keyboard");
        let child = blocking::Command::from(command).spawn(pts).expect("the program starts");
        let pty = Arc::new(pty);
        let (sender, shown) = channel();
        let reader = Arc::clone(&pty);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // When nobody has the terminal open any more, reading fails.
            while let Ok(length @ 1..) = (&*reader).read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard: pty, shown, screen: Vec::new(), read: 0 }
    }

    /// Waits until this is shown, behind what was waited for before.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unread = &self.screen[self.read..];
            let mut windows = unread.windows(words.len());
            if let Some(place) = windows.position(|window| window == words.as_bytes()) {
                self.read += place + words.len();
                return self;
            }
            let Ok(more) =
                self.shown.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            else {
                panic!("{words:?} is not shown: {:?}", String::from_utf8_lossy(&self.screen));
            };
            self.screen.extend(more);
        }
    }

    /// Waits until keys are not shown any more: a prompt is there a moment before.
    #[track_caller]
    pub fn wait_until_keys_are_hidden(&mut self) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        let are_shown = || {
            let modes = tcgetattr(&*self.keyboard).expect("a terminal").local_flags;
            modes.contains(LocalFlags::ECHO)
        };
        while are_shown() {
            assert!(Instant::now() < deadline, "keys are shown");
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) -> &mut Self {
        self.type_keys(format!("{line}\n").as_bytes())
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&mut self) -> &mut Self {
        self.type_keys(b"\x03")
    }

    fn type_keys(&mut self, keys: &[u8]) -> &mut Self {
        (&*self.keyboard).write_all(keys).expect("a keyboard");
        self
    }

    /// Waits for its end: the exit code, and all that was shown.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        let (status, screen) = self.wait();
        let code = status.code().unwrap_or_else(|| panic!("it ended by {status}: {screen:?}"));
        (code, screen)
    }

    /// Waits for its end, which is a signal.
    #[track_caller]
    pub fn end_by_signal(mut self) {
        let (status, screen) = self.wait();
        assert!(status.signal().is_some(), "it ended by {status}: {screen:?}");
    }

    #[track_caller]
    fn wait(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(more) =
            self.shown.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.screen.extend(more);
        }
        let screen = String::from_utf8_lossy(&self.screen).into_owned();
        assert!(Instant::now() < deadline, "it does not end: {screen:?}");
        (self.child.wait().expect("it has ended"), screen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
