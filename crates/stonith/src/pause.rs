//! When what has failed is tried again.

use std::time::Duration;

/// How long what has failed is left alone: ever longer.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    silences: u32,
    denials: u32,
}

impl Pause {
    pub(crate) const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);
    /// One that refuses our user or password is asked less often: BMCs lock users out.
    const FIRST_AFTER_DENIAL: Duration = Duration::from_secs(30);
    const LONGEST_AFTER_DENIAL: Duration = Duration::from_secs(600);

    pub(crate) fn note(&mut self, is_denied: bool) {
        let counter = if is_denied { &mut self.denials } else { &mut self.silences };
        *counter = counter.saturating_add(1);
    }

    pub(crate) fn is_for_denial(&self) -> bool {
        self.denials > 0
    }

    pub(crate) fn length(&self) -> Option<Duration> {
        let (count, first, longest) = match (self.denials, self.silences) {
            (0, 0) => return None,
            (0, silences) => (silences, Self::FIRST, Self::LONGEST),
            (denials, _) => (denials, Self::FIRST_AFTER_DENIAL, Self::LONGEST_AFTER_DENIAL),
        };
        Some(first.saturating_mul(1 << (count - 1).min(16)).min(longest))
    }
}
