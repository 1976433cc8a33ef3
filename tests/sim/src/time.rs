//! Virtual time: an agenda of what happens when. Time passes only from one entry to the next.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use catena_types::Moment;

/// What the wall clock shows when time begins, in milliseconds since 1970.
pub(crate) const EPOCH_MS: u64 = 1_696_374_425_000;

/// Milliseconds.
pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Microseconds.
pub(crate) const fn us(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// What is to happen, earliest first; what is due at the same moment, in the order it was added.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    now: Moment,
    count: u64,
    heap: BinaryHeap<Entry<E>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: Moment,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    /// An empty agenda; time begins after zero, which stands for "never happened" in places.
    pub(crate) fn new() -> Self {
        Self {
            now: Moment::from_nanos(1_000_000_000),
            count: 0,
            heap: BinaryHeap::new(),
        }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// Adds an event; one in the past happens now.
    pub(crate) fn at(&mut self, at: Moment, event: E) {
        self.count += 1;
        self.heap.push(Entry {
            at: at.max(self.now),
            number: self.count,
            event,
        });
    }

    /// Adds an event `after` from now.
    pub(crate) fn after(&mut self, after: Duration, event: E) {
        self.at(self.now.plus(after), event);
    }

    /// Goes on to the next event, unless that is later than `until`.
    pub(crate) fn next(&mut self, until: Moment) -> Option<E> {
        if self.heap.peek()?.at > until {
            return None;
        }
        let entry = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }

    /// Lets time pass to `until` if nothing happens before.
    pub(crate) fn skip_to(&mut self, until: Moment) {
        self.now = self.now.max(until);
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its greatest first.
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_and_time_with_them() {
        let mut agenda = Agenda::new();
        let start = agenda.now();
        agenda.after(ms(2), "second");
        agenda.after(ms(1), "first");
        agenda.after(ms(2), "third");
        let soon = start.plus(ms(1));
        assert_eq!(agenda.next(soon), Some("first"));
        assert_eq!(agenda.next(soon), None);
        assert_eq!(agenda.next(Moment::NEVER), Some("second"));
        assert_eq!(agenda.now(), start.plus(ms(2)));
        assert_eq!(agenda.next(Moment::NEVER), Some("third"));
        assert_eq!(agenda.next(Moment::NEVER), None);
    }
}
