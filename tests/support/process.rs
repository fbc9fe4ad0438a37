//! Processes as the kernel has them, whatever a cluster believes.

use std::collections::BTreeSet;
use std::fs;

/// A process that there was when somebody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id, as the tests see it.
    pub id: u32,
    /// Its ids in the namespaces that it is in, the one that the tests see first.
    pub ids: Vec<u32>,
    pub name: String,
    parent: u32,
    session: u32,
    /// In ticks since the machine was started: another process with the same id has another time.
    started: u64,
}

impl Process {
    /// This process and what it has started, whatever has become an orphan since.
    pub fn below(first: u32) -> Vec<Self> {
        let all = Self::all();
        let mut found = BTreeSet::from([first]);
        // A child may have a smaller id than its parent.
        loop {
            let children = all.iter().filter(|process| found.contains(&process.parent));
            let known = found.len();
            found.extend(children.map(|process| process.id).collect::<Vec<_>>());
            if found.len() == known {
                return all.into_iter().filter(|process| found.contains(&process.id)).collect();
            }
        }
    }

    /// Those of a session, by their ids.
    pub fn of_session(session: u32) -> Vec<u32> {
        let all = Self::all().into_iter();
        all.filter(|process| process.session == session).map(|process| process.id).collect()
    }

    /// Whether it is still there, and more than an entry that its parent has not read.
    pub fn is_alive(&self) -> bool {
        Self::read(self.id).is_some_and(|process| process.started == self.started)
    }

    fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").expect("/proc");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|name| Self::read(name.parse().ok()?)).collect()
    }

    /// The process or thread with this id. `None` when there is none, or it has ended.
    pub fn read(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name may have anything in it.
        let (start, rest) = stat.rsplit_once(')')?;
        let (_, name) = start.split_once('(')?;
        // The fields from the third, counted as proc(5) does.
        let field = |number: usize| rest.split_whitespace().nth(number - 3);
        let has_ended = matches!(field(3)?, "Z" | "X");
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        (!has_ended).then_some(Self {
            id,
            ids: ids.split_whitespace().filter_map(|id| id.parse().ok()).collect(),
            name: name.to_owned(),
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
        })
    }
}
