//! `fencectl`, as people and their scripts call it.

mod agents;
mod confirmation;
mod inventory;
mod pages;
mod power;
mod secrets;
mod status;
mod terminal;
mod usage;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::agent::{Agent, Run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencectl");

/// The built program, with no more environment than a path.
fn fencectl(arguments: &[&str]) -> Agent {
    Agent::at(PROGRAM).arguments(arguments.iter().copied())
}

/// The same, with user and password of the simulated BMCs.
fn logged_in(arguments: &[&str]) -> Agent {
    fencectl(arguments).arguments(["-u", "admin"]).environment("FENCECTL_PASSWORD", "secret")
}

/// The columns of a table, without its heading.
fn rows(run: &Run) -> Vec<Vec<&str>> {
    run.stdout.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

/// The first columns of a table: host and result.
fn results(run: &Run) -> Vec<(&str, &str)> {
    rows(run).iter().map(|row| (row[0], row[1])).collect()
}

/// Asserts a failure before anything was done: exit code 1, nothing on standard output, one line with these words.
#[track_caller]
fn expect_refusal(run: &Run, words: &str) {
    run.expect_failure(words);
    assert!(run.stderr.starts_with("fencectl: "), "{run:#?}");
}

/// Files of a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file that only its owner may read.
    fn write(&self, name: &str, text: &str) -> String {
        self.write_with_mode(name, text, 0o600)
    }

    fn write_with_mode(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        as_text(&path)
    }
}

fn as_text(path: &Path) -> String {
    path.to_str().expect("a path that is text").to_owned()
}
