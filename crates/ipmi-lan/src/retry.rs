use std::time::{Duration, Instant};

/// When a datagram that was not answered is sent again, and when that ends.
///
/// With the defaults an unanswered datagram goes out after 0, 0.25, 0.63, 1.19, 2.03, 3.3 and 5.2 s, then every
/// 2 s: six times in the 5 s of silence that a login allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait for the first answer. A quarter of a second: BMCs on a healthy network answer within 20 ms, the
    /// hashes of a login cost slow ones up to 200 ms.
    pub first_interval: Duration,
    /// Each wait is half as long again as the one before, up to this. Two seconds: longer waits would let a fence
    /// operation of 20 s hang on two or three losses.
    pub longest_interval: Duration,
    /// How many times one message of a login is sent before the login starts anew, with new session ids and random
    /// numbers, and with first intervals twice as long. Four (2 s the first time): a BMC that lost the thread of a login
    /// never answers its next message.
    pub transmissions_per_step: u32,
    /// A login that comes no further for so long is given up.
    pub silence: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_interval: Duration::from_millis(250),
            longest_interval: Duration::from_secs(2),
            transmissions_per_step: 4,
            silence: Duration::from_secs(5),
        }
    }
}

/// The transmissions of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmissions {
    count: u32,
    next_at: Instant,
    interval: Duration,
}

impl Transmissions {
    /// The first one goes out now.
    pub(crate) fn start(now: Instant, policy: &RetryPolicy, restarts: u32) -> Self {
        // A login that had to start anew may have met a slow BMC, whose answers crossed our repetitions.
        let interval =
            policy.first_interval.saturating_mul(1 << restarts.min(8)).min(policy.longest_interval);
        Self { count: 1, next_at: now + interval, interval }
    }

    /// Another one goes out now.
    pub(crate) fn repeat(&mut self, now: Instant, policy: &RetryPolicy) {
        self.count += 1;
        self.interval = (self.interval * 3 / 2).min(policy.longest_interval);
        self.next_at = now + self.interval;
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.next_at
    }

    pub(crate) fn next_at(&self) -> Instant {
        self.next_at
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}
