//! Locks that die with the process that holds them, on files in the run directory.
//!
//! They are record locks of POSIX: the kernel takes them back when the process ends, however it ends; programs that
//! it starts do not get them; and whoever finds one taken can ask the kernel for the process that has it, so that no
//! file with a process id can be stale. The files stay: a name that is unlinked could be locked twice.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};

/// A lock that is held. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Only this file of the process may ever be opened: the kernel gives a record lock back with the first
    /// descriptor of its file that is closed.
    _file: File,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process has it.
    #[error("{holder} has locked {}", .path.display())]
    Taken { path: PathBuf, holder: Holder },
    #[error("cannot lock {}: {reason}", .path.display())]
    Io { path: PathBuf, reason: io::Error },
}

/// The process that holds a lock. One that is in a PID namespace which cannot be seen from here, such as another
/// container, has no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder(pub(crate) Option<Pid>);

impl Lock {
    /// Takes a lock, if nobody has it.
    pub(crate) fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |reason| LockError::Io { path: path.to_owned(), reason };
        let file = open(OpenOptions::new().write(true).create(true), path).map_err(failed)?;
        // Who has it may end between the two questions.
        for _ in 0..Self::ATTEMPTS {
            match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::AGAIN | Errno::ACCESS) => {}
                Err(error) => return Err(failed(error.into())),
            }
            if let Some(holder) = holder_of(&file).map_err(failed)? {
                return Err(LockError::Taken { path: path.to_owned(), holder });
            }
        }
        Err(failed(io::ErrorKind::WouldBlock.into()))
    }

    const ATTEMPTS: u32 = 10;
}

/// Who holds the lock, if anybody does.
pub(crate) fn holder(path: &Path) -> io::Result<Option<Holder>> {
    match open(OpenOptions::new().write(true), path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => holder_of(&file?),
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Another user's link in the directory must not lead us to another file.
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    options.mode(0o600).custom_flags(no_follow).open(path)
}

fn holder_of(file: &File) -> io::Result<Option<Holder>> {
    let found = fcntl_getlk(file, &Flock::from(FlockType::WriteLock))?;
    Ok(found.map(|lock| Holder(lock.pid)))
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {}", pid.as_raw_nonzero()),
            None => f.write_str("a process of another container (PID namespace)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn nobody_holds_a_lock_that_was_never_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(&folder.path().join("lock")).unwrap(), None);
    }

    /// A process of its own, because a process does not stand in its own way.
    #[test]
    fn another_process_is_told_who_has_it_until_that_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let script = "import fcntl, sys, time\n\
                      file = open(sys.argv[1], 'w')\n\
                      fcntl.lockf(file, fcntl.LOCK_EX)\n\
                      print('locked', flush=True)\n\
                      time.sleep(60)";
        let mut other = Command::new("python3")
            .args(["-c", script, path.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(other.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        let pid = Pid::from_raw(other.id().cast_signed());
        assert_eq!(holder(&path).unwrap(), Some(Holder(pid)));
        let taken = Lock::take(&path).unwrap_err();
        assert!(taken.to_string().starts_with(&format!("process {} has locked", other.id())));
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(holder(&path).unwrap(), None);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (link, elsewhere) = (folder.path().join("lock"), folder.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        assert!(matches!(Lock::take(&link), Err(LockError::Io { .. })));
        assert!(!elsewhere.exists());
    }
}
