use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::FarmError;

/// Descriptors for all else that the process will open.
const SPARE: usize = 64;

/// Sees to it that the process may open a socket for each of so many BMCs: it raises its limit as far as it must, its
/// own ("soft") one first, then that of the administrator ("hard"), which only root may.
pub(super) fn provide(count: usize) -> Result<(), FarmError> {
    let needed = count.saturating_add(open_files()).saturating_add(SPARE);
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current.filter(|current| *current < needed) else { return Ok(()) };
    let limit =
        Rlimit { current: Some(needed), maximum: maximum.map(|maximum| maximum.max(needed)) };
    setrlimit(Resource::Nofile, limit).map_err(|source| FarmError::Descriptors {
        count,
        needed,
        allowed: maximum.unwrap_or(current),
        source: source.into(),
    })
}

/// How many the process has now; as good as none, where that is not to be known.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
