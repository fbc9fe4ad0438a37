//! By what a file can be seen to have changed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a file is, but for its text: another text has another one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// The times of the last change of its text and of its permissions, in seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of a file that is there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }

    /// Whether the file was changed so recently that another change might look the same: file systems count time in
    /// ticks.
    pub(super) fn is_fresh(&self) -> bool {
        const TICK: Duration = Duration::from_millis(50);
        let (seconds, nanoseconds) = self.changed;
        let changed = u64::try_from(seconds).ok().zip(u32::try_from(nanoseconds).ok());
        let changed = changed.map(|(seconds, rest)| UNIX_EPOCH + Duration::new(seconds, rest));
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age < TICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_has_another_stamp_and_one_of_just_now_is_not_relied_upon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(Stamp::of(&path), None);
        fs::write(&path, "a").unwrap();
        let first = Stamp::of(&path).unwrap();
        assert!(first.is_fresh());
        assert!(!Stamp { changed: (1, 0), ..first }.is_fresh());
        assert!(!Stamp { changed: (i64::MAX / 2, 0), ..first }.is_fresh(), "a clock gone astray");
        fs::write(&path, "ab").unwrap();
        assert_ne!(Stamp::of(&path), Some(first));
    }
}
