//! Deadlines of all clients. A deadline that moves later (keep alive, with every packet) costs
//! nothing: its old entry comes up, is seen to be early, and is put back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use catena_types::Moment;

/// The entries, earliest first. `(when, slot, epoch)`; the epoch tells clients of one slot apart.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Moment, u32, u32)>>,
}

impl Timers {
    pub(crate) fn add(&mut self, when: Moment, slot: u32, epoch: u32) {
        self.heap.push(Reverse((when, slot, epoch)));
    }

    /// The next entry that has come due.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<(Moment, u32, u32)> {
        let Reverse(entry) = *self.heap.peek()?;
        if entry.0 > now {
            return None;
        }
        self.heap.pop();
        Some(entry)
    }

    /// The earliest entry.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.heap.peek().map(|Reverse(entry)| entry.0)
    }
}
