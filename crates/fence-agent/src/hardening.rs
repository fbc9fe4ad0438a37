//! What keeps secrets inside, and bugs harmless.

use std::panic::PanicHookInfo;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// A core dump would hold the password. It also keeps other processes of the same user from reading ours.
///
/// Where the system refuses, fencing is still worth more than this.
pub fn forbid_core_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Logs a bug by its place alone: the message of a panic may hold a secret.
pub(crate) fn report_panic(panic: &PanicHookInfo<'_>) {
    match panic.location() {
        Some(place) => log::error!("Failed: a bug in the agent, at {place}"),
        None => log::error!("Failed: a bug in the agent"),
    }
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;
    use crate::testing::{PASSWORD, keep_logs, take_logs};

    #[test]
    fn a_bug_is_logged_by_its_place_and_without_its_message() {
        keep_logs();
        panic::set_hook(Box::new(report_panic));
        panic::catch_unwind(|| panic!("{PASSWORD}")).unwrap_err();
        let _ = panic::take_hook();
        let logs = take_logs();
        assert_eq!(logs.lines().count(), 1);
        assert!(logs.contains(" ERROR: Failed: a bug in the agent, at "), "{logs}");
        assert!(!logs.contains(PASSWORD), "{logs}");
    }
}
