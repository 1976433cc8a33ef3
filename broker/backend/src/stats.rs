//! Numbers of all partitions together.

/// What the metrics of a backend are made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// The sums over all partitions.
    pub partitions: catena_partition::Stats,
    /// The routing table's.
    pub routing: catena_routing::Stats,
    /// Partitions that have stopped on a broken invariant.
    pub faults: u64,
}

impl Stats {
    pub(crate) fn add(&mut self, more: &catena_partition::Stats) {
        self.partitions.add(more);
    }
}
