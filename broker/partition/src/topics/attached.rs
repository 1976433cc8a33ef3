//! The sessions that have something here: where their connection is, and their delivery queue.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use catena_types::{FrontendId, Generation, Pool, SessionId};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::limits::{SPARE_ENTRIES_MAX, SPARE_QUEUES_MAX};
use super::queue::{Queue, QueueEntry};
use crate::Attachment;
use crate::shrink::shrink;

/// A session's place in [`Attached`].
#[derive(Debug)]
pub(crate) struct Record {
    /// The session.
    pub(crate) session: SessionId,
    /// The position that its next queue starts at.
    pub(crate) next: u64,
    queue: Option<u32>,
    /// The frontend's handle of the connection, if there is one.
    pub(crate) connection: u32,
    /// The newest connection that was attached.
    pub(crate) generation: Generation,
    /// The worker that has it.
    pub(crate) frontend: FrontendId,
    /// Unacknowledged messages that it takes at once.
    pub(crate) share_credit: u16,
    /// Whether a connection is attached.
    pub(crate) online: bool,
}

impl Record {
    /// A session that has nothing here yet.
    pub(super) fn offline(session: SessionId) -> Self {
        Self {
            session,
            next: 0,
            queue: None,
            connection: 0,
            generation: Generation::default(),
            frontend: FrontendId::default(),
            share_credit: 1,
            online: false,
        }
    }
}

/// All sessions that have something in this partition.
#[derive(Debug)]
pub(crate) struct Attached {
    slab: Pool<Record>,
    by_session: HashTable<u32>,
    hasher: FixedState,
    queues: Pool<Queue>,
    spare: Vec<VecDeque<QueueEntry>>,
    changes: u64,
    /// The session asked for last: requests to the state store come in runs of one.
    last: u32,
}

impl Attached {
    /// Nobody.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            slab: Pool::new(),
            by_session: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            queues: Pool::new(),
            spare: Vec::new(),
            changes: 1,
            last: 0,
        }
    }

    /// Grows with every attachment and detachment: the tail caches by it.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The place of a session.
    pub(crate) fn find(&self, session: SessionId) -> Option<u32> {
        let hash = self.hasher.hash_one(session.packed());
        let found = self.by_session.find(hash, |&index| {
            self.slab
                .at(index)
                .is_some_and(|record| record.session == session)
        });
        found.copied()
    }

    /// The place `hint` if the session is there, else wherever it is.
    pub(crate) fn find_at(&self, hint: u32, session: SessionId) -> Option<u32> {
        let there = self.slab.at(hint);
        if there.is_some_and(|record| record.session == session) {
            return Some(hint);
        }
        self.find(session)
    }

    /// The connection that a session has or last had here.
    pub(crate) fn generation(&self, session: SessionId) -> Option<Generation> {
        let record = self.slab.at(self.find(session)?)?;
        Some(record.generation)
    }

    /// Whether this connection of a session is attached.
    pub(crate) fn is_attached(&mut self, session: SessionId, generation: Generation) -> bool {
        let Some(index) = self.find_at(self.last, session) else {
            return false;
        };
        self.last = index;
        let record = self.slab.at(index);
        record.is_some_and(|record| record.online && record.generation == generation)
    }

    /// Notes where a session's connection is. `None` if a newer one is known.
    pub(crate) fn attach(&mut self, session: SessionId, attachment: Attachment) -> Option<u32> {
        let index = self
            .find(session)
            .unwrap_or_else(|| self.insert(Record::offline(session)));
        let record = self.slab.at_mut(index)?;
        if record.generation > attachment.generation {
            return None;
        }
        record.connection = attachment.connection;
        record.generation = attachment.generation;
        record.frontend = attachment.frontend;
        record.share_credit = attachment.share_credit.max(1);
        record.online = true;
        self.changes += 1;
        Some(index)
    }

    pub(super) fn insert(&mut self, record: Record) -> u32 {
        let session = record.session;
        let index = self.slab.insert(record);
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.by_session
            .insert_unique(hasher.hash_one(session.packed()), index, |&other| {
                slab.at(other)
                    .map_or(0, |record| hasher.hash_one(record.session.packed()))
            });
        index
    }

    /// Notes that a connection is gone. `None` if a newer one is attached.
    pub(crate) fn detach(&mut self, session: SessionId, generation: Generation) -> Option<u32> {
        let index = self.find(session)?;
        let record = self.slab.at_mut(index)?;
        if record.generation > generation || !record.online {
            return None;
        }
        record.online = false;
        self.changes += 1;
        Some(index)
    }

    /// Forgets a session. Its queue must be gone.
    pub(crate) fn remove(&mut self, index: u32) {
        let Some(record) = self.slab.remove(index) else {
            return;
        };
        let hash = self.hasher.hash_one(record.session.packed());
        if let Ok(entry) = self.by_session.find_entry(hash, |&other| other == index) {
            entry.remove();
        }
        let (slab, hasher) = (&self.slab, &self.hasher);
        shrink(&mut self.by_session, |&other| {
            slab.at(other)
                .map_or(0, |record| hasher.hash_one(record.session.packed()))
        });
        self.changes += 1;
    }

    /// The record at `index`.
    pub(crate) fn at(&self, index: u32) -> Option<&Record> {
        self.slab.at(index)
    }

    /// The record at `index` if it is this session's and has a connection.
    pub(crate) fn online(&self, index: u32, session: SessionId) -> Option<&Record> {
        self.slab
            .at(index)
            .filter(|record| record.session == session && record.online)
    }

    /// The queue of the record at `index`.
    pub(crate) fn queue(&self, index: u32) -> Option<&Queue> {
        let queue = self.slab.at(index)?.queue?;
        self.queues.at(queue)
    }

    /// The record at `index` with its queue.
    pub(crate) fn queue_mut(&mut self, index: u32) -> Option<(&Record, &mut Queue)> {
        let record = self.slab.at(index)?;
        let queue = self.queues.at_mut(record.queue?)?;
        Some((record, queue))
    }

    /// The record at `index` with its queue, made if there is none.
    pub(crate) fn queue_for(&mut self, index: u32) -> Option<(&Record, &mut Queue)> {
        let record = self.slab.at_mut(index)?;
        let queue = match record.queue {
            Some(queue) => queue,
            None => {
                let entries = self.spare.pop().unwrap_or_default();
                let queue = self.queues.insert(Queue::starting_at(record.next, entries));
                record.queue = Some(queue);
                queue
            }
        };
        let queue = self.queues.at_mut(queue)?;
        Some((record, queue))
    }

    pub(super) fn put_queue(&mut self, index: u32, queue: Queue) {
        if let Some(record) = self.slab.at_mut(index) {
            record.queue = Some(self.queues.insert(queue));
        }
    }

    /// Drops the queue of the record at `index` if it has no entries left.
    pub(crate) fn drop_empty_queue(&mut self, index: u32) {
        let Some(record) = self.slab.at_mut(index) else {
            return;
        };
        let Some(queue) = record.queue else { return };
        if self
            .queues
            .at(queue)
            .is_some_and(|queue| !queue.entries.is_empty())
        {
            return;
        }
        if let Some(queue) = self.queues.remove(queue) {
            record.next = queue.base;
            let entries = queue.entries;
            if entries.capacity() <= SPARE_ENTRIES_MAX && self.spare.len() < SPARE_QUEUES_MAX {
                self.spare.push(entries);
            }
        }
        record.queue = None;
    }

    /// How many sessions have something here.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All records with their indices, in no meaningful order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Record)> {
        self.slab.iter()
    }
}
