//! What a lab could leave behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::support::process::Process;
use crate::support::wait::{PATIENCE, wait_for};

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
    /// All that is mounted.
    mounts: BTreeSet<String>,
}

impl Outside {
    pub fn look() -> Self {
        let mut files = BTreeMap::new();
        for folder in FOLDERS {
            list(Path::new(folder), &mut files);
        }
        // Others have files there, too.
        files.retain(|path, _| !path.starts_with(SHARED) || is_of_libqb(path));
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
        let mounts = mounts.lines().map(str::to_owned).collect();
        Self { files, interfaces: interfaces(), mounts }
    }

    /// Fails where it is not as it was.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        assert_eq!(Self::look(), *self, "something is left");
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

/// The namespaces that some processes are in, and the tests are not, by their names: `net:[4026531840]`. They are held:
/// otherwise the kernel would give the name of one that has ended to the next that begins.
pub struct Namespaces(BTreeMap<String, File>);

const KINDS: [&str; 5] = ["mnt", "net", "pid", "ipc", "uts"];

impl Namespaces {
    pub fn of(processes: &[Process]) -> Self {
        let own: Vec<_> = held("self").into_iter().map(|(name, _)| name).collect();
        let all = processes.iter().flat_map(|process| held(&process.id.to_string()));
        Self(all.filter(|(name, _)| !own.contains(name)).collect())
    }

    #[track_caller]
    pub fn wait_until_unused(&self) {
        let told = format!("the end of {:?}", self.users());
        wait_for(&told, PATIENCE, || self.users().is_empty().then_some(()));
    }

    /// Who is in one of them, or has a thread there.
    pub fn users(&self) -> Vec<Process> {
        let threads = numbers(Path::new("/proc")).into_iter().flat_map(|process| {
            numbers(&Path::new("/proc").join(process.to_string()).join("task"))
        });
        let is_there = |thread: &u32| {
            let name = |kind| fs::read_link(format!("/proc/{thread}/ns/{kind}")).ok();
            let mut names = KINDS.iter().filter_map(name);
            names.any(|name| name.to_str().is_some_and(|name| self.0.contains_key(name)))
        };
        // What has ended, and nobody has asked for yet, still has them.
        threads.filter(is_there).filter_map(Process::read).collect()
    }
}

fn held(process: &str) -> Vec<(String, File)> {
    let namespace = |kind: &&str| {
        let namespace = File::open(format!("/proc/{process}/ns/{kind}")).ok()?;
        let number = namespace.metadata().ok()?.ino();
        Some((format!("{kind}:[{number}]"), namespace))
    };
    KINDS.iter().filter_map(namespace).collect()
}

fn numbers(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}
