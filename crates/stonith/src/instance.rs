//! The names of controllers, and where their files are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest;

/// Where controllers keep their sockets and locks, where nobody says otherwise. It is empty after a start of the
/// machine.
pub const RUN_DIRECTORY: &str = "/run/stonith-controller";

/// What the name of a controller's mark ends with.
const MARK: &str = ".known";
/// How the names of the locks of devices begin.
const DEVICE: &str = "device-";
/// What those of locks end with.
const LOCK: &str = ".lock";
/// No file system has longer names.
const LONGEST_FILE_NAME: usize = 255;

/// The name of a controller: one resource instance of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceName(String);

/// Why a text is no name of a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a controller has 1 to {MOST} letters, digits, or '-', '_', '.', ':', '@', and does not begin with '.' or '{DEVICE}'",
    MOST = InstanceName::MOST
)]
pub struct InvalidName;

impl InstanceName {
    /// So that the path of its socket, which takes no more than 107 bytes, has room for a directory.
    const MOST: usize = 48;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
        let is_name = (1..=Self::MOST).contains(&text.len())
            && text.chars().all(is_fine)
            && !text.starts_with('.')
            && !text.starts_with(DEVICE);
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
    }
}

impl TryFrom<String> for InstanceName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<InstanceName> for String {
    fn from(name: InstanceName) -> Self {
        name.0
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the files of the controllers of this machine are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunDirectory(PathBuf);

impl RunDirectory {
    /// This directory; it need not exist yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The socket that a controller listens on.
    #[must_use]
    pub fn socket(&self, instance: &InstanceName) -> PathBuf {
        self.0.join(format!("{instance}.sock"))
    }

    /// The file that a controller keeps locked as long as it lives.
    pub(crate) fn instance_lock(&self, instance: &InstanceName) -> PathBuf {
        self.0.join(format!("{instance}{LOCK}"))
    }

    /// The file that a controller keeps locked as long as it uses a device.
    pub(crate) fn device_lock(&self, device: &str) -> PathBuf {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        // Two devices have two names: each lock has its own file.
        let name = device.bytes().map(|byte| match byte {
            byte if is_plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02x}"),
        });
        let mut name: String = name.collect();
        if name.len() > LONGEST_FILE_NAME - DEVICE.len() - LOCK.len() {
            let hash = digest::of(device.as_bytes());
            // '~' is in no name that is short enough.
            name.truncate(LONGEST_FILE_NAME - DEVICE.len() - LOCK.len() - 1 - hash.len());
            name = format!("{name}~{hash}");
        }
        self.0.join(format!("{DEVICE}{name}{LOCK}"))
    }

    /// The file that tells that a controller of this name has listened here. It stays when that ends: who means "the
    /// only one" does not suddenly mean another one.
    pub(crate) fn mark(&self, instance: &InstanceName) -> PathBuf {
        self.0.join(format!("{instance}{MARK}"))
    }

    /// The controllers that have listened here since the machine was started, in alphabetical order; whether they still
    /// do is another matter.
    ///
    /// # Errors
    /// When the directory cannot be read; one that is not there is empty.
    pub fn instances(&self) -> std::io::Result<Vec<InstanceName>> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(MARK));
            names.extend(stem.and_then(|stem| stem.parse::<InstanceName>().ok()));
        }
        names.sort();
        Ok(names)
    }
}

impl Default for RunDirectory {
    fn default() -> Self {
        Self::new(RUN_DIRECTORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_of_a_path_and_no_more() {
        for name in ["fencing", "fencing:0", "rack-1_b.example", "a@b"] {
            assert_eq!(name.parse::<InstanceName>().unwrap().to_string(), name);
        }
        let long = "a".repeat(49);
        for name in ["", ".", "..", "device-a", "a/b", "../a", ".hidden", "a b", "a\n", "ä", &long]
        {
            assert!(name.parse::<InstanceName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_device_cannot_lead_out_of_the_directory() {
        let run = RunDirectory::new("/run/x");
        let lock = run.device_lock("ipmi ../../etc/passwd");
        assert_eq!(lock, Path::new("/run/x/device-ipmi%20..%2f..%2fetc%2fpasswd.lock"));
        assert_ne!(run.device_lock("ipmi ä:623"), run.device_lock("ipmi ö:623"));
    }

    #[test]
    fn a_device_with_a_long_name_has_a_lock_of_its_own_too() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDirectory::new(folder.path());
        let mut locks = std::collections::BTreeSet::new();
        for length in [242, 243, 244, 245, 300, 5000] {
            for last in ["a", "b", "ä", "~"] {
                let device = "x".repeat(length - last.len()) + last;
                let lock = run.device_lock(&device);
                crate::lock::Lock::take(&lock).unwrap();
                assert!(locks.insert(lock), "{length} {last}");
            }
        }
        let short = run.device_lock(&"x".repeat(243));
        assert_eq!(short.file_name().unwrap().len(), LONGEST_FILE_NAME);
        assert!(!short.to_str().unwrap().contains('~'));
    }
}
