//! A counter with one writer. Must never be written by two threads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread raises and any thread reads.
///
/// Adding is a plain load, add and store: no locked instruction, about the cost of a `Cell<u64>`.
/// The price is that two writers would lose counts; whoever owns a `Counter` writes it alone.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `count`. Wraps after 2^64, as Prometheus expects of a counter that restarts.
    pub fn add(&self, count: u64) {
        let sum = self.value().wrapping_add(count);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// The count so far, perhaps a moment old.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn adds_and_reads() {
        let counter = Counter::new();
        counter.increment();
        counter.add(41);
        assert_eq!(counter.value(), 42);
    }

    #[test]
    fn wraps_instead_of_failing() {
        let counter = Counter::new();
        counter.add(u64::MAX);
        counter.add(2);
        assert_eq!(counter.value(), 1);
    }
}
