//! Requests of one read, grouped by partition. The lists are used again for the next read, whose
//! requests borrow from other bytes: an empty list is turned into one of another lifetime, which
//! keeps its allocation.

use catena_partition::Numbered;
use catena_types::PartitionId;

use super::limits::SPARE_ENTRIES_MAX;

/// What is asked of one partition.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) partition: PartitionId,
    pub(crate) requests: Vec<Numbered<'a>>,
}

/// Empty lists between reads.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    batches: Vec<Batch<'static>>,
    lists: Vec<Vec<Numbered<'static>>>,
}

/// The batches of one read. Few: one read seldom touches many partitions.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    list: Vec<Batch<'a>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(spare: &mut Spare) -> Self {
        Self {
            list: recycle(std::mem::take(&mut spare.batches)),
        }
    }

    /// The requests for a partition, if there are any yet.
    #[inline]
    pub(crate) fn find(&mut self, partition: PartitionId) -> Option<&mut Vec<Numbered<'a>>> {
        let found = self
            .list
            .iter_mut()
            .find(|batch| batch.partition == partition);
        found.map(|batch| &mut batch.requests)
    }

    /// The requests for a partition, if it was the last to be touched. What a client publishes to
    /// topics of different partitions is so exchanged, and delivered here, as it was sent: more
    /// than the standard asks for, but what people expect of one connection.
    #[inline]
    pub(crate) fn latest(&mut self, partition: PartitionId) -> Option<&mut Vec<Numbered<'a>>> {
        let latest = self.list.last_mut();
        latest
            .filter(|batch| batch.partition == partition)
            .map(|batch| &mut batch.requests)
    }

    /// Begins a batch for a partition.
    pub(crate) fn begin(
        &mut self,
        partition: PartitionId,
        spare: &mut Spare,
    ) -> &mut Vec<Numbered<'a>> {
        let requests = recycle(spare.lists.pop().unwrap_or_default());
        let index = self.list.len();
        self.list.push(Batch {
            partition,
            requests,
        });
        &mut self.list[index].requests
    }

    /// The batches, in the order in which partitions were touched.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Batch<'a>> {
        self.list.iter()
    }

    /// Gives the lists back.
    pub(crate) fn finish(mut self, spare: &mut Spare) {
        for batch in self.list.drain(..) {
            if batch.requests.capacity() <= SPARE_ENTRIES_MAX {
                spare.lists.push(recycle(batch.requests));
            }
        }
        spare.batches = recycle(self.list);
    }
}

/// An empty vector with the same allocation, for elements of the same layout: those that differ in
/// a lifetime only.
pub(crate) fn recycle<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    list.into_iter().filter_map(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycling_keeps_the_allocation() {
        let mut list: Vec<Numbered<'static>> = Vec::with_capacity(100);
        let before = list.as_ptr() as usize;
        for _ in 0..3 {
            let other: Vec<Numbered<'_>> = recycle(list);
            assert_eq!((other.as_ptr() as usize, other.capacity()), (before, 100));
            list = recycle(other);
        }
    }

    #[test]
    fn requests_are_grouped_by_partition_in_the_order_touched() {
        let mut spare = Spare::default();
        let mut batches = Batches::new(&mut spare);
        assert!(batches.find(PartitionId::new(3)).is_none());
        batches.begin(PartitionId::new(3), &mut spare);
        batches.begin(PartitionId::new(1), &mut spare);
        assert!(batches.find(PartitionId::new(3)).is_some());
        let order: Vec<u16> = batches
            .iter()
            .map(|batch| batch.partition.number())
            .collect();
        assert_eq!(order, [3, 1]);
        batches.finish(&mut spare);
        assert_eq!((spare.lists.len(), spare.batches.capacity() > 0), (2, true));
    }
}
