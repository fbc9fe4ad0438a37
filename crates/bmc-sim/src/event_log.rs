use std::collections::{VecDeque, vec_deque};

use crate::Event;

/// The latest events of a BMC: a ring of [`Config::events_kept`](crate::Config::events_kept), or of
/// [`RedfishConfig::events_kept`](crate::redfish::RedfishConfig::events_kept).
///
/// An event has the same index for ever: how many there were before it, those that are no longer kept included.
#[derive(Debug)]
pub struct EventLog<E = Event> {
    kept: VecDeque<E>,
    /// How many are kept at most.
    limit: usize,
    /// How many are no longer kept.
    dropped: usize,
}

/// Who asked for an event was too slow: it is no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{count} events are no longer known")]
pub struct EventsMissed {
    /// How many were missed, beginning with the one asked for.
    pub count: usize,
    /// The index of the next one that can be asked for.
    pub next: usize,
}

impl<E> EventLog<E> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { kept: VecDeque::new(), limit, dropped: 0 }
    }

    /// Those that are kept, the oldest first.
    pub fn iter(&self) -> vec_deque::Iter<'_, E> {
        self.kept.iter()
    }

    /// The latest.
    #[must_use]
    pub fn last(&self) -> Option<&E> {
        self.kept.back()
    }

    /// How many there were so far: the index that the next one will have.
    #[must_use]
    pub fn total(&self) -> usize {
        self.dropped + self.kept.len()
    }

    /// The event with this index. `None` when it has not happened yet.
    ///
    /// # Errors
    /// When it is no longer kept.
    pub fn get(&self, index: usize) -> Result<Option<&E>, EventsMissed> {
        match index.checked_sub(self.dropped) {
            Some(index) => Ok(self.kept.get(index)),
            None => Err(EventsMissed { count: self.dropped - index, next: self.dropped }),
        }
    }

    pub(crate) fn push(&mut self, event: E) {
        self.kept.push_back(event);
        if self.kept.len() > self.limit {
            self.kept.pop_front();
            self.dropped += 1;
        }
    }
}

impl<E> Extend<E> for EventLog<E> {
    fn extend<I: IntoIterator<Item = E>>(&mut self, events: I) {
        events.into_iter().for_each(|event| self.push(event));
    }
}

impl<'a, E> IntoIterator for &'a EventLog<E> {
    type Item = &'a E;
    type IntoIter = vec_deque::Iter<'a, E>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::EventKind;

    /// A log that has seen so many events, of kinds that take turns.
    fn log(limit: usize, events: usize) -> EventLog {
        let now = Instant::now();
        let mut log = EventLog::new(limit);
        let kinds = [EventKind::PowerOff, EventKind::PowerOn, EventKind::Reset];
        log.extend(kinds.into_iter().cycle().take(events).map(|kind| Event { at: now, kind }));
        log
    }

    #[test]
    fn the_latest_are_kept_under_the_index_that_they_always_had() {
        let log = log(2, 5);
        assert_eq!(log.total(), 5);
        assert_eq!(log.iter().count(), 2);
        assert_eq!(log.get(3).unwrap().unwrap().kind, EventKind::PowerOff);
        assert_eq!(log.get(4).unwrap(), log.last());
        assert_eq!(log.get(5), Ok(None), "it has not happened yet");
    }

    #[test]
    fn who_is_too_slow_is_told_how_many_it_missed() {
        let log = log(2, 5);
        assert_eq!(log.get(0), Err(EventsMissed { count: 3, next: 3 }));
        assert_eq!(log.get(2), Err(EventsMissed { count: 1, next: 3 }));
    }

    #[test]
    fn a_log_that_keeps_nothing_still_counts() {
        let log = log(0, 5);
        assert_eq!((log.total(), log.last()), (5, None));
        assert_eq!(log.get(1), Err(EventsMissed { count: 4, next: 5 }));
        assert_eq!(log.get(5), Ok(None));
    }
}
