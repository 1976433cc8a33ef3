//! The memory that the partitions of this node share: each has a part that no other takes, and
//! comes for more when that is full. The messages of one topic are all in one partition, as are
//! keys of the state store that belong together; it so has most of the node's memory while others
//! need little.

use std::sync::atomic::{AtomicU64, Ordering};

use catena_partition::{Held, Settings};

/// The part of an equal share that stays a partition's own: one that others have crowded out can
/// still do with that.
const OWN_PART: u64 = 4;

/// Steps in which all that is shared is given out.
const STEPS: u64 = 64;

/// What the partitions share.
#[derive(Debug)]
pub(crate) struct Shared {
    messages: Memory,
    entries: Memory,
}

impl Shared {
    /// What so many partitions with these settings share.
    pub(crate) fn new(settings: &Settings, partitions: u16) -> Self {
        Self {
            messages: Memory::new(settings.memory_bytes_max, partitions),
            entries: Memory::new(settings.store.bytes_max, partitions),
        }
    }

    /// What there is for this.
    #[inline]
    pub(crate) fn of(&self, held: Held) -> &Memory {
        match held {
            Held::Messages => &self.messages,
            Held::Entries => &self.entries,
        }
    }
}

/// Memory for one purpose: what is not given out.
#[derive(Debug)]
pub(crate) struct Memory {
    left: AtomicU64,
    own: u64,
    step: u64,
}

impl Memory {
    /// The memory of so many partitions with an equal share each, in bytes by their accounting.
    pub(crate) fn new(share: u64, partitions: u16) -> Self {
        let own = share / OWN_PART;
        let shared = (share - own).saturating_mul(u64::from(partitions));
        Self {
            left: AtomicU64::new(shared),
            own,
            step: (shared / STEPS).max(1),
        }
    }

    /// What each partition has from the beginning and never gives back.
    pub(crate) fn own(&self) -> u64 {
        self.own
    }

    /// Takes one step more, or what is left of it; 0 if nothing is.
    pub(crate) fn take(&self) -> u64 {
        let more = |left: u64| (left > 0).then(|| left - left.min(self.step));
        let before = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        before.map_or(0, |left| left.min(self.step))
    }

    /// What a partition that uses `used` and may hold `allowed` is to give back: what it has to
    /// spare, but for one step, so that nothing goes to and fro.
    pub(crate) fn excess(&self, used: u64, allowed: u64) -> u64 {
        let kept = used.max(self.own).saturating_add(self.step);
        let excess = allowed.saturating_sub(kept);
        if excess >= self.step { excess } else { 0 }
    }

    /// Takes back what [`Memory::excess`] said.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_partition_may_take_all_that_is_shared_and_no_more() {
        let memory = Memory::new(1_000, 8);
        assert_eq!(memory.own(), 250);
        let mut taken = 0;
        loop {
            match memory.take() {
                0 => break,
                more => taken += more,
            }
        }
        assert_eq!(taken, 8 * 750);
        memory.give_back(10);
        assert_eq!((memory.take(), memory.take()), (10, 0));
    }

    #[test]
    fn what_is_spare_goes_back_but_for_a_step() {
        let memory = Memory::new(64_000 / 3 * 4, 1);
        let step = memory.take();
        let own = memory.own();
        assert_eq!(memory.excess(0, own), 0);
        assert_eq!(memory.excess(0, own + step), 0);
        assert_eq!(memory.excess(0, own + 2 * step - 1), 0);
        assert_eq!(memory.excess(0, own + 3 * step), 2 * step);
        assert_eq!(memory.excess(own + 2 * step, own + 3 * step), 0);
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let memory = Memory::new(u64::MAX, 256);
        assert!(memory.own() > 1 << 60 && memory.take() > 0);
    }
}
