use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What has set out, and has not arrived.
#[derive(Debug)]
pub(crate) struct UnderWay<T> {
    /// By the time of arrival; by a number, where that is the same.
    parcels: BTreeMap<(Instant, u64), T>,
    next_number: u64,
    limit: usize,
}

impl<T> UnderWay<T> {
    /// There may be so many at once; more are lost, as those are that do not fit the queue of a router.
    pub(crate) fn new(limit: usize) -> Self {
        Self { parcels: BTreeMap::new(), next_number: 0, limit }
    }

    /// What would arrive later than an [`Instant`] can say never will.
    pub(crate) fn insert(&mut self, now: Instant, delay: Duration, parcel: T) {
        let arrival = now.checked_add(delay).filter(|_| self.parcels.len() < self.limit);
        if let Some(arrival) = arrival {
            self.next_number += 1;
            self.parcels.insert((arrival, self.next_number), parcel);
        }
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.parcels.keys().next().map(|(arrival, _)| *arrival)
    }

    /// Takes the next one that has arrived by now.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<T> {
        let first = self.parcels.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
