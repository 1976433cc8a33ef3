//! The port: batches of requests go in; replies, notices and deliveries come out in the same call.

use std::sync::Arc;

use catena_partition::{AttachmentIndex, Numbered, Receiver};
use catena_types::{FrontendId, Moment, PartitionId, PartitionSet, SessionId};

/// A delivery queue that a frontend can take from again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// The handle that came with the delivery that was not taken.
    pub attachment: AttachmentIndex,
    /// The session, to check the handle.
    pub session: SessionId,
}

/// One batch to one partition.
#[derive(Debug)]
pub struct Exchange<'a, 'b> {
    /// The frontend worker that asks.
    pub frontend: FrontendId,
    /// The partition asked.
    pub partition: PartitionId,
    /// The time, read once per turn.
    pub now: Moment,
    /// Requests in the order of their numbers.
    pub requests: &'b [Numbered<'a>],
    /// Queues that answered `NotNow` and can go on.
    pub resumes: &'b [Resume],
}

/// How a frontend worker reaches partitions.
pub trait Port {
    /// Runs a batch and lends what the partition has for this frontend, also what arose since the
    /// last exchange. Replies may come later: with a later exchange, of any requester's.
    ///
    /// Never calls back into the port. Holds at most one partition's lock at a time.
    fn exchange(&self, exchange: &Exchange<'_, '_>, receiver: &mut impl Receiver);

    /// Takes the set of partitions that have something for this frontend.
    fn waiting(&self, frontend: FrontendId) -> PartitionSet;

    /// Does what is due at the partitions that this worker looks after (one process: partition i is
    /// worker i mod W's). To be called a few times a second.
    fn tick(&self, frontend: FrontendId, now: Moment);

    /// The partition of a client ID or topic.
    fn partition_of(&self, key: &str) -> PartitionId;

    /// The partition of what a state key is placed by.
    fn partition_of_bytes(&self, key: &[u8]) -> PartitionId;

    /// Whether there is such a partition.
    fn has(&self, partition: PartitionId) -> bool;

    /// Packet IDs per range: 65,535 / P.
    fn packet_ids_per_range(&self) -> u16;
}

impl<P: Port> Port for Arc<P> {
    fn exchange(&self, exchange: &Exchange<'_, '_>, receiver: &mut impl Receiver) {
        P::exchange(self, exchange, receiver);
    }

    fn waiting(&self, frontend: FrontendId) -> PartitionSet {
        P::waiting(self, frontend)
    }

    fn tick(&self, frontend: FrontendId, now: Moment) {
        P::tick(self, frontend, now);
    }

    fn partition_of(&self, key: &str) -> PartitionId {
        P::partition_of(self, key)
    }

    fn partition_of_bytes(&self, key: &[u8]) -> PartitionId {
        P::partition_of_bytes(self, key)
    }

    fn has(&self, partition: PartitionId) -> bool {
        P::has(self, partition)
    }

    fn packet_ids_per_range(&self) -> u16 {
        P::packet_ids_per_range(self)
    }
}
