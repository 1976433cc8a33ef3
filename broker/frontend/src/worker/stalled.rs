//! Delivery queues of one client that wait for it: for room in its window or output, or for a range
//! of packet IDs. The one whose next message is oldest goes on first, so that no partition starves
//! another.

use catena_partition::AttachmentIndex;
use catena_types::{PartitionId, Stamp};

/// What a queue waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Room in the client's window or output.
    Room,
    /// A range of packet IDs for its partition.
    Range,
}

/// A queue that answered `NotNow`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) partition: PartitionId,
    pub(crate) attachment: AttachmentIndex,
    pub(crate) stamp: Stamp,
    pub(crate) lack: Lack,
}

/// The stalled queues of one client: at most one per partition.
#[derive(Debug, Default)]
pub(crate) struct Stalled {
    entries: Vec<Entry>,
    /// The partition whose queue goes on in this round: its deliveries are taken although others
    /// wait.
    resuming: Option<PartitionId>,
    /// Something was turned down since there was room.
    full: bool,
}

impl Stalled {
    /// A queue was turned down because the client lacks something.
    pub(crate) fn handle_full(&mut self, entry: Entry) {
        self.full |= entry.lack == Lack::Room;
        self.push(entry);
    }

    /// A queue was turned down: for a lack, or to stand back behind others.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.retain(|old| old.partition != entry.partition);
        self.entries.push(entry);
    }

    /// Whether a new delivery of `partition` has to stand back behind others.
    #[inline]
    pub(crate) fn comes_before(&self, partition: PartitionId) -> bool {
        self.resuming != Some(partition)
            && self.entries.iter().any(|entry| entry.lack == Lack::Room)
    }

    /// There may be room: takes the queue that goes on next, if there is one that lacks nothing
    /// else. While a round is under way none is taken, but what it has turned down so far may go on
    /// when it is over.
    pub(crate) fn begin_round(&mut self) -> Option<Entry> {
        self.full = false;
        if self.resuming.is_some() {
            return None;
        }
        let ready = |(_, entry): &(usize, &Entry)| entry.lack == Lack::Room;
        let entries = self.entries.iter().enumerate();
        let (index, _) = entries.filter(ready).min_by_key(|(_, entry)| entry.stamp)?;
        let entry = self.entries.swap_remove(index);
        self.resuming = Some(entry.partition);
        Some(entry)
    }

    /// The round is over; returns whether a further queue may go on.
    pub(crate) fn end_round(&mut self) -> bool {
        self.resuming = None;
        !self.full && self.entries.iter().any(|entry| entry.lack == Lack::Room)
    }

    /// A range of packet IDs for `partition` is there.
    pub(crate) fn handle_range(&mut self, partition: PartitionId) {
        for entry in &mut self.entries {
            if entry.partition == partition {
                entry.lack = Lack::Room;
            }
        }
    }

    /// Whether a range for `partition` is awaited.
    pub(crate) fn awaits_range(&self, partition: PartitionId) -> bool {
        let awaits = |entry: &Entry| entry.partition == partition && entry.lack == Lack::Range;
        self.entries.iter().any(awaits)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.resuming.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: u16, stamp: u64, lack: Lack) -> Entry {
        Entry {
            partition: PartitionId::new(partition),
            attachment: AttachmentIndex(0),
            stamp: Stamp::new(stamp),
            lack,
        }
    }

    #[test]
    fn the_oldest_goes_on_first_and_others_stand_back() {
        let mut stalled = Stalled::default();
        stalled.push(entry(1, 30, Lack::Room));
        stalled.push(entry(2, 10, Lack::Range));
        stalled.push(entry(3, 20, Lack::Room));
        assert!(stalled.comes_before(PartitionId::new(1)));
        let next = stalled.begin_round().unwrap();
        assert_eq!(next.partition, PartitionId::new(3));
        assert!(!stalled.comes_before(PartitionId::new(3)));
        assert!(stalled.comes_before(PartitionId::new(1)));
        assert!(stalled.end_round(), "there was room to the end");
        stalled.begin_round().unwrap();
        stalled.handle_full(entry(1, 40, Lack::Room));
        assert!(!stalled.end_round(), "full again");
        assert!(stalled.awaits_range(PartitionId::new(2)));
        stalled.handle_range(PartitionId::new(2));
        assert_eq!(
            stalled.begin_round().unwrap().partition,
            PartitionId::new(2)
        );
    }

    /// As when acknowledgements of a client come in two reads, before the round of the first ends.
    #[test]
    fn room_that_comes_within_a_round_is_not_forgotten() {
        let mut stalled = Stalled::default();
        stalled.push(entry(1, 10, Lack::Room));
        let next = stalled.begin_round().unwrap();
        stalled.handle_full(next);
        assert!(stalled.begin_round().is_none(), "one is under way");
        assert!(stalled.end_round());
        let next = stalled.begin_round().unwrap();
        assert!(stalled.begin_round().is_none());
        stalled.handle_full(next);
        assert!(!stalled.end_round(), "turned down after that");
    }
}
