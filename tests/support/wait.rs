//! Waiting for what should be so in a moment.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that is only a matter of a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often somebody looks.
pub const LOOK: Duration = Duration::from_millis(50);

/// Looks again and again, until there is something.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for {limit:?} in vain: {what}");
        thread::sleep(LOOK);
    }
}
