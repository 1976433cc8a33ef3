//! Requests of one round of reads, grouped by partition. The lists are used again for the next
//! round, whose requests borrow from other bytes: an empty list is turned into one of another
//! lifetime, which keeps its allocation.

use catena_partition::Numbered;
use catena_types::PartitionId;

use super::limits::SPARE_ENTRIES_MAX;

/// What is asked of one partition.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) partition: PartitionId,
    pub(crate) requests: Vec<Numbered<'a>>,
}

/// Empty lists between rounds.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    batches: Vec<Batch<'static>>,
    lists: Vec<Vec<Numbered<'static>>>,
}

/// The batches of one round. Few: a round seldom touches many partitions.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    list: Vec<Batch<'a>>,
    /// The batch with the latest of this client's requests that keep their order.
    latest: usize,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(spare: &mut Spare) -> Self {
        Self {
            list: recycle(std::mem::take(&mut spare.batches)),
            latest: 0,
        }
    }

    /// Requests of another client follow: they have no order with those that are here.
    #[inline]
    pub(crate) fn begin_client(&mut self) {
        self.latest = 0;
    }

    /// The requests for a partition, if there are any yet: the latest, since requests are exchanged
    /// in the order of their numbers.
    #[inline]
    pub(crate) fn find(&mut self, partition: PartitionId) -> Option<&mut Vec<Numbered<'a>>> {
        let index = self.position(partition)?;
        Some(&mut self.list[index].requests)
    }

    /// The requests for a partition, if they go out with or after what this client asked last. What
    /// a client publishes to topics of different partitions is so exchanged, and delivered here, as
    /// it was sent: more than the standard asks for, but what people expect of one connection.
    #[inline]
    pub(crate) fn next(&mut self, partition: PartitionId) -> Option<&mut Vec<Numbered<'a>>> {
        let index = self.position(partition)?;
        if index < self.latest {
            return None;
        }
        self.latest = index;
        Some(&mut self.list[index].requests)
    }

    #[inline]
    fn position(&self, partition: PartitionId) -> Option<usize> {
        let is_it = |batch: &Batch<'_>| batch.partition == partition;
        self.list.iter().rposition(is_it)
    }

    /// Begins a batch for a partition.
    pub(crate) fn begin(
        &mut self,
        partition: PartitionId,
        spare: &mut Spare,
    ) -> &mut Vec<Numbered<'a>> {
        let requests = recycle(spare.lists.pop().unwrap_or_default());
        let index = self.list.len();
        self.latest = index;
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
