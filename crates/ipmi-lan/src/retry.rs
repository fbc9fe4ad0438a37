use std::time::{Duration, Instant};

/// When a datagram that was not answered is sent again, and when that ends.
///
/// With the defaults a BMC that never answers is asked 20 times in the 5 s that a login allows it. Where every second
/// exchange fails, as on a link that loses 30 % each way, that is missed once in a million times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait for the first answer. A quarter of a second: BMCs on a healthy network answer within 20 ms, the
    /// hashes of a login cost slow ones up to 200 ms.
    pub first_interval: Duration,
    /// Wait for an answer that takes no hashes, once it is known how long this BMC takes: three times as long, within
    /// these limits and the first interval.
    pub shortest_interval: Duration,
    /// Each wait is a quarter longer than the one before, up to this. Half a second: as long as a lost datagram may
    /// hold up a fence operation. Only the first question of a login, which costs a BMC nothing, goes out at even
    /// intervals.
    pub longest_interval: Duration,
    /// For how long one message of a login is repeated before the login starts anew, with new session ids and random
    /// numbers. One second, more at a BMC that is found to be slow or has no room: many BMCs answer a message only
    /// once, so that its repetitions are in vain when the answer was lost.
    pub step_time: Duration,
    /// The same for Activate Session of IPMI 1.5. Two: many BMCs answer it only once, so that a lost answer takes a new
    /// challenge.
    pub transmissions_per_activation: u32,
    /// How many challenges of IPMI 1.5 are taken up before the password is held to be wrong: BMCs drop those without a
    /// word. Ten (6 s): on a link that loses 30 % each way every third attempt fails. Four, where nothing else was
    /// lost.
    pub activations: u32,
    /// A BMC that has not answered anything for so long is not there.
    pub silence: Duration,
    /// A login that comes no further for so long is given up, though the BMC is there.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::with_silence(Duration::from_secs(5))
    }
}

impl RetryPolicy {
    /// The default, but for how long a BMC may be silent; one that is there gets four times that.
    #[must_use]
    pub fn with_silence(silence: Duration) -> Self {
        Self {
            first_interval: Duration::from_millis(250),
            shortest_interval: Duration::from_millis(120),
            longest_interval: Duration::from_millis(500),
            step_time: Duration::from_secs(1),
            transmissions_per_activation: 2,
            activations: 10,
            silence,
            patience: silence.saturating_mul(4),
        }
    }

    /// The first wait for an answer that takes no hashes, from a BMC that once answered in this time.
    pub(crate) fn interval(&self, round_trip: Option<Duration>) -> Duration {
        round_trip.map_or(self.first_interval, |round_trip| {
            round_trip.saturating_mul(3).max(self.shortest_interval).min(self.first_interval)
        })
    }
}

/// The transmissions of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmissions {
    started: Instant,
    count: u32,
    next_at: Instant,
    interval: Duration,
    /// Whether the BMC has answered that it has no time, or no room.
    is_busy: bool,
    /// The same, since the last transmission.
    has_backed_off: bool,
}

impl Transmissions {
    /// Whatever the policy says, no flood, and no time that a clock cannot tell.
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(3600);
    /// How long a BMC that has no time, or no room, is left alone at the most.
    const LONGEST_FOR_BUSY: Duration = Duration::from_secs(2);

    /// The first one goes out now.
    pub(crate) fn start(now: Instant, interval: Duration) -> Self {
        let interval = interval.clamp(Self::SHORTEST, Self::LONGEST);
        Self {
            started: now,
            count: 1,
            next_at: now + interval,
            interval,
            is_busy: false,
            has_backed_off: false,
        }
    }

    /// Another one goes out now, after an interval as long as the one before.
    pub(crate) fn repeat_evenly(&mut self, now: Instant) {
        self.count = self.count.saturating_add(1);
        self.next_at = now + self.interval;
        self.has_backed_off = false;
    }

    /// Another one goes out now.
    pub(crate) fn repeat(&mut self, now: Instant, policy: &RetryPolicy) {
        let longest = policy.longest_interval.max(self.interval);
        self.interval = (self.interval * 5 / 4).min(longest).min(Self::LONGEST);
        self.repeat_evenly(now);
    }

    /// The BMC has answered that it has no time, or no room: it gets more each time. Once a transmission, lest somebody
    /// who forges such answers keeps us waiting.
    pub(crate) fn back_off(&mut self, now: Instant, policy: &RetryPolicy) {
        if self.has_backed_off {
            return;
        }
        self.has_backed_off = true;
        let longer = if self.is_busy { self.interval.saturating_mul(2) } else { self.interval };
        self.is_busy = true;
        self.interval =
            longer.min(Self::LONGEST_FOR_BUSY).max(policy.first_interval).min(Self::LONGEST);
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

    /// How long ago the first one went out.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// How long an answer took that came now; `None` when it may have been to any of several transmissions.
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.count == 1).then(|| self.age(now))
    }
}
