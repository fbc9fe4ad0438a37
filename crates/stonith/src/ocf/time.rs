//! How long an action may take.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::LONGEST_TIME;

/// The time of an action: the cluster kills an agent that takes longer than it said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    begin: Instant,
    end: Instant,
}

impl Time {
    /// What is kept for printing, and for being slow.
    const MARGIN: Duration = Duration::from_secs(1);

    /// From now on this long, in all.
    pub(super) fn of(limit: Duration) -> Self {
        let begin = Instant::now();
        let limit = limit.min(LONGEST_TIME);
        Self { begin, end: begin + limit.saturating_sub(Self::MARGIN.min(limit / 10)) }
    }

    /// When it must be over.
    pub(super) fn end(self) -> Instant {
        self.end
    }

    /// What is left.
    pub(super) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// When this many hundredths of it are over.
    pub(super) fn part(self, hundredths: u32) -> Instant {
        self.begin + (self.end - self.begin) / 100 * hundredths
    }

    /// So long before the end, but with three quarters of the time at least before it.
    pub(super) fn before_end(self, kept: Duration) -> Instant {
        self.end - kept.min((self.end - self.begin) / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn something_is_kept_for_the_end_however_short_it_is() {
        let long = Time::of(Duration::from_secs(60));
        assert_eq!(long.left(), Duration::from_secs(59));
        assert_eq!(long.end() - long.before_end(Duration::from_secs(5)), Duration::from_secs(5));
        let short = Time::of(Duration::from_secs(1));
        assert_eq!(short.left(), Duration::from_millis(900));
        assert_eq!(short.part(50) - Instant::now(), Duration::from_millis(450));
        let kept = short.end() - short.before_end(Duration::from_secs(5));
        assert_eq!(kept, Duration::from_millis(225));
        assert_eq!(Time::of(Duration::ZERO).left(), Duration::ZERO);
    }
}
