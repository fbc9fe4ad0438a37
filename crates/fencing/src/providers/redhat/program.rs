use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::AgentError;
use crate::process::{self, Ended};
use crate::work::{Caller, Works};
use crate::{Action, Error};

/// A program's way to be called.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) words: Words,
}

/// The words of an agent for what all agents have; those of old have words of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// The parameter that names the action: `action`, or `option`.
    pub(super) action: &'static str,
    /// `on`, or `enable`.
    pub(super) on: &'static str,
    /// `off`, or `disable`.
    pub(super) off: &'static str,
}

impl Words {
    pub(super) fn of(&self, action: Action) -> &'static str {
        match action {
            Action::On => self.on,
            Action::Off => self.off,
            action => action.name(),
        }
    }
}

/// What looks like an agent, by name, and what turned out to be none.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: BTreeMap<String, PathBuf>,
    pub(super) failures: Vec<(String, Error)>,
}

/// Where agents are looked for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) directories: Vec<PathBuf>,
    /// Their names, where not all are wanted.
    pub(super) only: Option<BTreeSet<String>>,
}

impl Search {
    /// Looks for agents. Of several with the same name the first counts.
    pub(super) fn find(&self) -> Found {
        let mut found = Found::default();
        if self.only.as_ref().is_some_and(BTreeSet::is_empty) {
            return found;
        }
        for directory in &self.directories {
            let added = fs::read_dir(directory).and_then(|mut entries| {
                entries.try_for_each(|entry| self.add(&mut found, &entry?))
            });
            if let Err(error) = added {
                let name = directory.display().to_string();
                found.failures.push((name, AgentError::Directory(error).into()));
            }
        }
        found.candidates.retain(|name, path| {
            let is_program = is_executable(path);
            if !is_program {
                found.failures.push((name.clone(), AgentError::NotExecutable.into()));
            }
            is_program
        });
        found
    }

    fn add(&self, found: &mut Found, entry: &DirEntry) -> io::Result<()> {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_wanted = self.only.as_ref().is_none_or(|only| only.contains(&name));
        if name.starts_with("fence_") && is_wanted {
            found.candidates.entry(name).or_insert_with(|| entry.path());
        }
        Ok(())
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The program in a clean environment: what it does should not depend on who calls.
pub(super) fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8");
    command
}

/// Runs the program, see [`process::run`]. Its end is waited for behind the caller's back, too.
pub(super) async fn run(
    command: Command,
    input: Zeroizing<Vec<u8>>,
    deadline: Instant,
    works: &Works,
) -> Result<Ended, Error> {
    if Instant::now() >= deadline {
        // It might do by half what it is asked for.
        return Ok(Ended::default());
    }
    let work = |mut caller: Caller<io::Result<Ended>>| async move {
        let ended = process::run(command, input, deadline, caller.gone()).await;
        caller.answer(ended);
    };
    // Only a program that not even SIGKILL ends takes longer.
    let ended = timeout_at(deadline, works.run(work)).await.unwrap_or(Ok(Ok(Ended::default())));
    Ok(ended?.map_err(AgentError::Run)?)
}
