//! Which messages have come, and which have come twice, late, or not at all.

use std::collections::VecDeque;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// For the first time.
    New,
    /// For the first time, after a later one of its publisher.
    Late,
    /// Not for the first time.
    Duplicate,
    /// It was never sent.
    Foreign,
}

/// Who has to see the messages of a publisher in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Each subscriber gets every message it subscribes to, in order.
    EachSubscriber,
    /// The subscribers share the messages, or topics differ: each comes once, in any order.
    Any,
}

/// Counts of what arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Different messages, once for each subscriber that is to get them.
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) foreign: u64,
}

/// Keeps the books of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    order: Order,
    publishers: usize,
    /// By subscriber and publisher, or by publisher alone.
    streams: Vec<Sequence>,
    counts: Counts,
}

impl Tally {
    pub(crate) fn new(publishers: usize, subscribers: usize, order: Order) -> Self {
        let streams = match order {
            Order::EachSubscriber => publishers * subscribers,
            Order::Any => publishers,
        };
        Self {
            order,
            publishers,
            streams: vec![Sequence::default(); streams],
            counts: Counts::default(),
        }
    }

    /// Books a message. `sent` is how many its publisher has sent so far.
    #[inline]
    pub(crate) fn arrive(
        &mut self,
        subscriber: usize,
        publisher: usize,
        sequence: u32,
        sent: u32,
    ) -> Arrival {
        let stream = match self.order {
            Order::EachSubscriber => subscriber * self.publishers + publisher,
            Order::Any => publisher,
        };
        let stream = match self.streams.get_mut(stream) {
            Some(stream) if publisher < self.publishers && sequence < sent => stream,
            _ => {
                self.counts.foreign += 1;
                return Arrival::Foreign;
            }
        };
        let arrival = match stream.arrive(sequence) {
            Arrival::Late if self.order == Order::Any => Arrival::New,
            arrival => arrival,
        };
        match arrival {
            Arrival::New => self.counts.delivered += 1,
            Arrival::Late => {
                self.counts.delivered += 1;
                self.counts.reordered += 1;
            }
            Arrival::Duplicate => self.counts.duplicates += 1,
            Arrival::Foreign => self.counts.foreign += 1,
        }
        arrival
    }

    pub(crate) const fn order(&self) -> Order {
        self.order
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many have not come, of so many that were to come.
    pub(crate) const fn lost(&self, expected: u64) -> u64 {
        expected.saturating_sub(self.counts.delivered)
    }
}

/// Which numbers of a stream have come. Nearly always all up to one number, which costs no memory.
#[derive(Clone, Debug, Default)]
struct Sequence {
    /// All below have come.
    floor: u32,
    /// One above the highest that has come.
    end: u32,
    /// A bit for each number from `floor` on, in words; empty while nothing is missing.
    above: VecDeque<u64>,
    /// The number of the first bit.
    first: u32,
}

const BITS: u32 = u64::BITS;

impl Sequence {
    #[inline]
    fn arrive(&mut self, number: u32) -> Arrival {
        if number == self.floor && self.above.is_empty() {
            self.floor += 1;
            self.end = self.floor;
            return Arrival::New;
        }
        self.arrive_apart(number)
    }

    /// Something is missing, or this one came before.
    fn arrive_apart(&mut self, number: u32) -> Arrival {
        if number < self.floor {
            return Arrival::Duplicate;
        }
        if self.above.is_empty() {
            self.first = self.floor;
        }
        let offset = number - self.first;
        let (word, bit) = ((offset / BITS) as usize, 1_u64 << (offset % BITS));
        if word >= self.above.len() {
            self.above.resize(word + 1, 0);
        }
        let Some(word) = self.above.get_mut(word) else {
            return Arrival::Foreign;
        };
        if *word & bit != 0 {
            return Arrival::Duplicate;
        }
        *word |= bit;
        let arrival = if number >= self.end {
            self.end = number + 1;
            Arrival::New
        } else {
            Arrival::Late
        };
        self.settle();
        arrival
    }

    /// Moves the floor up over what has come.
    fn settle(&mut self) {
        while self.above.front() == Some(&u64::MAX) {
            self.above.pop_front();
            self.first += BITS;
        }
        let come = self.above.front().map_or(0, |word| word.trailing_ones());
        self.floor = self.first + come;
        if self.floor == self.end {
            self.above.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clean_run_is_clean() {
        let mut tally = Tally::new(2, 3, Order::EachSubscriber);
        for sequence in 0..100 {
            for subscriber in 0..3 {
                for publisher in 0..2 {
                    let arrival = tally.arrive(subscriber, publisher, sequence, sequence + 1);
                    assert_eq!(arrival, Arrival::New);
                }
            }
        }
        let expected = Counts {
            delivered: 600,
            ..Counts::default()
        };
        assert_eq!(tally.counts(), expected);
        assert_eq!(tally.lost(600), 0);
    }

    /// What has been planted is found: one lost, one doubled at once, one doubled much later, one
    /// late, one that nobody sent, one of a publisher that does not exist.
    #[test]
    fn planted_faults_are_noticed() {
        for order in [Order::EachSubscriber, Order::Any] {
            let mut tally = Tally::new(1, 1, order);
            for sequence in 0..1_000 {
                match sequence {
                    500 => {}
                    600 => {
                        tally.arrive(0, 0, 601, 1_000);
                        tally.arrive(0, 0, 600, 1_000);
                    }
                    601 => {}
                    _ => {
                        tally.arrive(0, 0, sequence, 1_000);
                    }
                }
            }
            assert_eq!(tally.arrive(0, 0, 999, 1_000), Arrival::Duplicate);
            assert_eq!(tally.arrive(0, 0, 3, 1_000), Arrival::Duplicate);
            assert_eq!(tally.arrive(0, 0, 1_000, 1_000), Arrival::Foreign);
            assert_eq!(tally.arrive(0, 9, 0, 1_000), Arrival::Foreign);
            let expected = Counts {
                delivered: 999,
                duplicates: 2,
                reordered: u64::from(order == Order::EachSubscriber),
                foreign: 2,
            };
            assert_eq!(tally.counts(), expected);
            assert_eq!(tally.lost(1_000), 1);
        }
    }

    #[test]
    fn a_duplicate_to_another_subscriber_of_a_group_is_one() {
        let mut tally = Tally::new(1, 2, Order::Any);
        assert_eq!(tally.arrive(0, 0, 0, 1), Arrival::New);
        assert_eq!(tally.arrive(1, 0, 0, 1), Arrival::Duplicate);
    }

    #[test]
    fn a_hole_that_is_filled_leaves_nothing_behind() {
        let mut sequence = Sequence::default();
        for number in (1..1_000).chain([0]) {
            sequence.arrive(number);
        }
        assert_eq!((sequence.floor, sequence.above.len()), (1_000, 0));
        assert_eq!(sequence.arrive(1_000), Arrival::New);
    }

    proptest! {
        /// Any arrivals are judged as by a set of all that came before.
        #[test]
        fn arrivals_are_judged_as_by_a_set(numbers in prop::collection::vec(0_u32..300, 0..600)) {
            let mut sequence = Sequence::default();
            let mut seen = std::collections::BTreeSet::new();
            for number in numbers {
                let highest = seen.last().copied();
                let expected = match (seen.insert(number), highest) {
                    (false, _) => Arrival::Duplicate,
                    (true, Some(highest)) if number < highest => Arrival::Late,
                    (true, _) => Arrival::New,
                };
                prop_assert_eq!(sequence.arrive(number), expected);
            }
        }
    }
}
