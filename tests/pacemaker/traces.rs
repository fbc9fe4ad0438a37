//! What a lab could leave behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::process::Process;

/// Where corosync and pacemaker have their files.
const FOLDERS: [&str; 8] = [
    "/etc/corosync",
    "/etc/pacemaker",
    "/var/lib/corosync",
    "/var/lib/pacemaker",
    "/var/log/pacemaker",
    "/var/log/cluster",
    "/run/netns",
    SHARED,
];

/// Where the library that both talk by has its buffers.
const SHARED: &str = "/dev/shm";

/// The machine outside of all labs, as far as a lab could change it.
#[derive(Debug, PartialEq, Eq)]
pub struct Outside {
    files: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
    interfaces: BTreeSet<String>,
}

impl Outside {
    pub fn look() -> Self {
        let mut files = BTreeMap::new();
        for folder in FOLDERS {
            list(Path::new(folder), &mut files);
        }
        // Others have files there, too.
        files.retain(|path, _| !path.starts_with(SHARED) || is_of_libqb(path));
        Self { files, interfaces: interfaces() }
    }

    /// Fails where it is not as it was, or something is mounted in the folder.
    #[track_caller]
    pub fn assert_unchanged(&self, folder: &Path) {
        assert_eq!(Self::look(), *self, "something is left");
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
        let folder = folder.to_str().expect("text");
        let left: Vec<_> = mounts.lines().filter(|line| line.contains(folder)).collect();
        assert!(left.is_empty(), "{left:?} are left");
    }
}

fn list(folder: &Path, files: &mut BTreeMap<PathBuf, (u64, Option<SystemTime>)>) {
    // What there is not has no files.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            list(&entry.path(), files);
        }
        files.insert(entry.path(), (metadata.len(), metadata.modified().ok()));
    }
}

fn is_of_libqb(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"qb-"))
}

/// Their names.
fn interfaces() -> BTreeSet<String> {
    let table = fs::read_to_string("/proc/self/net/dev").expect("/proc");
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// The namespaces that some processes are in, and the tests are not.
pub struct Namespaces(BTreeSet<PathBuf>);

const KINDS: [&str; 5] = ["mnt", "net", "pid", "ipc", "uts"];

impl Namespaces {
    pub fn of(processes: &[Process]) -> Self {
        let links = |id: &str| KINDS.map(|kind| fs::read_link(format!("/proc/{id}/ns/{kind}")));
        let all = processes.iter().flat_map(|process| links(&process.id.to_string()));
        let own: Vec<_> = links("self").into_iter().filter_map(Result::ok).collect();
        Self(all.filter_map(Result::ok).filter(|link| !own.contains(link)).collect())
    }

    /// Who is in one of them, or has a thread there.
    pub fn users(&self) -> Vec<Process> {
        let threads = numbers(Path::new("/proc")).into_iter().flat_map(|process| {
            numbers(&Path::new("/proc").join(process.to_string()).join("task"))
        });
        let is_there = |thread: &u32| {
            let link = |kind: &str| fs::read_link(format!("/proc/{thread}/ns/{kind}")).ok();
            KINDS.iter().filter_map(|kind| link(kind)).any(|link| self.0.contains(&link))
        };
        // What has ended, and nobody has asked for yet, still has them.
        threads.filter(is_there).filter_map(Process::read).collect()
    }
}

fn numbers(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}
