//! How far the work is, on a terminal.

use std::env;
use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Work;

/// A bar on standard error, or nothing where nobody would see one.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Nothing.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// A bar for so many hosts, if the options and the terminal want one.
    pub(crate) fn new(hosts: usize, options: &Work) -> Self {
        // Whoever pipes JSON into a program watches that one.
        let is_for_program = options.json && !io::stdout().is_terminal();
        if hosts < 2 || options.no_progress || is_for_program || !can_draw() {
            return Self::hidden();
        }
        let length = u64::try_from(hosts).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("[{bar:30}] {pos} of {len} hosts, {elapsed}{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self { bar }
    }

    /// One host more is known.
    pub(crate) fn count(&self, failed: usize) {
        if failed > 0 {
            self.bar.set_message(format!(", {failed} failed"));
        }
        self.bar.inc(1);
    }

    /// Writes something while the bar stands aside.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A terminal that can go back in its line.
fn can_draw() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb")
}
