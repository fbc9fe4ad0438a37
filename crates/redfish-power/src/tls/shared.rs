//! Certificates to check against, read once for all clients that check against the same ones: those of the operating
//! system take milliseconds and a third of a megabyte, and a program may have a client for each of hundreds of BMCs.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use super::trusted::Trusted;

/// By the files and folders that they were read from.
static KNOWN: Mutex<BTreeMap<Vec<PathBuf>, Known>> = Mutex::new(BTreeMap::new());

/// A file that was changed so recently, in whole seconds, may be changed once more and look the same: file systems
/// count time in ticks.
pub(super) const FRESH: Duration = Duration::from_secs(2);

struct Known {
    /// How the places looked before they were read.
    looks: Vec<Look>,
    trusted: Arc<Trusted>,
}

/// What a file or folder is, but for what is in it: with something else in it, it looks otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    device: u64,
    inode: u64,
    length: u64,
    /// In seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What `read` has made of these files and folders, now or before, if they look the same still.
pub(super) fn read_once<E>(
    places: Vec<PathBuf>,
    read: impl FnOnce() -> Result<Trusted, E>,
) -> Result<Arc<Trusted>, E> {
    read_once_by(SystemTime::now(), places, read)
}

pub(super) fn read_once_by<E>(
    now: SystemTime,
    places: Vec<PathBuf>,
    read: impl FnOnce() -> Result<Trusted, E>,
) -> Result<Arc<Trusted>, E> {
    // Kept until they are read: others who want the same wait for it.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Before they are read: a change that comes in between is seen the next time.
    let looks = looks(&places).ok().filter(|looks| !looks.iter().any(|look| look.is_fresh(now)));
    match (known.get(&places), &looks) {
        (Some(known), Some(looks)) if known.looks == *looks => {
            return Ok(Arc::clone(&known.trusted));
        }
        _ => _ = known.remove(&places),
    }
    let trusted = Arc::new(read()?);
    if let Some(looks) = looks {
        known.insert(places, Known { looks, trusted: Arc::clone(&trusted) });
    }
    Ok(trusted)
}

/// Of the files, and of the folders with the files in them.
fn looks(places: &[PathBuf]) -> io::Result<Vec<Look>> {
    let mut looks = Vec::new();
    for place in places {
        looks.push(Look::of(place)?);
        if place.is_dir() {
            for entry in fs::read_dir(place)? {
                // A link that leads nowhere is no certificate.
                looks.extend(Look::of(&entry?.path()));
            }
        }
    }
    looks.sort_unstable();
    Ok(looks)
}

impl Look {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        let changed = u64::try_from(self.changed.0).unwrap_or_default();
        let age = now.duration_since(UNIX_EPOCH + Duration::from_secs(changed));
        // One from the future is of a clock gone astray, and no younger than others.
        age.is_ok_and(|age| age < FRESH)
    }
}
