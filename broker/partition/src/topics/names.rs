//! Topic names: each stored once while it has messages, a retained message or cached recipients.

use catena_types::Pool;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::limits::TOPIC_BYTES;
use super::messages::MessageIndex;
use super::sets::{NONE, SetIndex};
use crate::shrink::shrink;

/// A place in [`Names`].
pub(crate) type TopicIndex = u32;

/// What is known of a topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its recipients as last matched, or [`NONE`].
    pub(crate) set: SetIndex,
    /// The wildcard epoch of that match; a later one makes it stale.
    pub(crate) epoch: u32,
    /// It belongs to another partition; its recipients are needed here for responses.
    pub(crate) is_foreign: bool,
    /// Its retained message.
    pub(crate) retained: Option<MessageIndex>,
    /// Stored messages and pushes that name it.
    pub(crate) references: u32,
    /// Queue entries of its messages that hold pushes: counted, so that the common case of none
    /// costs a push nothing.
    pub(crate) holding: u32,
}

impl Topic {
    /// Nothing needs it.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.set == NONE && self.retained.is_none() && self.references == 0
    }

    fn bytes(&self) -> u64 {
        TOPIC_BYTES + self.name.len() as u64
    }
}

/// The topics of a partition, by name.
#[derive(Debug)]
pub(crate) struct Names {
    slab: Pool<Topic>,
    table: HashTable<TopicIndex>,
    hasher: FixedState,
    /// The topic found last: publishes come in runs.
    last: TopicIndex,
    /// Where the search for a topic to forget goes on.
    hand: u32,
    /// What names take, with the records around them.
    bytes: u64,
}

impl Names {
    /// No topics. The seed keeps clients from choosing names that collide.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            slab: Pool::new(),
            table: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            last: 0,
            hand: 0,
            bytes: 0,
        }
    }

    /// The place of a topic that is known.
    pub(crate) fn find(&mut self, name: &str) -> Option<TopicIndex> {
        if self
            .slab
            .at(self.last)
            .is_some_and(|topic| &*topic.name == name)
        {
            return Some(self.last);
        }
        let hash = self.hasher.hash_one(name);
        let found = self.table.find(hash, |&index| {
            self.slab
                .at(index)
                .is_some_and(|topic| &*topic.name == name)
        });
        let index = *found?;
        self.last = index;
        Some(index)
    }

    /// The place of a topic, made if it is new.
    pub(crate) fn find_or_insert(&mut self, name: &str) -> TopicIndex {
        if let Some(index) = self.find(name) {
            return index;
        }
        let topic = Topic {
            name: name.into(),
            set: NONE,
            epoch: 0,
            is_foreign: false,
            retained: None,
            references: 0,
            holding: 0,
        };
        self.bytes += topic.bytes();
        let index = self.slab.insert(topic);
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.table
            .insert_unique(self.hasher.hash_one(name), index, |&other| {
                slab.at(other)
                    .map_or(0, |topic| hasher.hash_one(&*topic.name))
            });
        self.last = index;
        index
    }

    /// The topic at `index`.
    pub(crate) fn at(&self, index: TopicIndex) -> Option<&Topic> {
        self.slab.at(index)
    }

    /// The topic at `index`.
    pub(crate) fn at_mut(&mut self, index: TopicIndex) -> Option<&mut Topic> {
        self.slab.at_mut(index)
    }

    /// Takes one reference to the topic at `index` back.
    pub(crate) fn release(&mut self, index: TopicIndex) {
        if let Some(topic) = self.slab.at_mut(index) {
            topic.references = topic.references.saturating_sub(1);
            if topic.is_idle() {
                self.remove(index);
            }
        }
    }

    /// Drops the topic at `index` if nothing needs it.
    pub(crate) fn remove_if_idle(&mut self, index: TopicIndex) {
        if self.slab.at(index).is_some_and(Topic::is_idle) {
            self.remove(index);
        }
    }

    fn remove(&mut self, index: TopicIndex) {
        let Some(topic) = self.slab.remove(index) else {
            return;
        };
        self.bytes -= topic.bytes();
        let hash = self.hasher.hash_one(&*topic.name);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == index) {
            entry.remove();
        }
        let (slab, hasher) = (&self.slab, &self.hasher);
        shrink(&mut self.table, |&other| {
            slab.at(other)
                .map_or(0, |topic| hasher.hash_one(&*topic.name))
        });
    }

    /// What they take, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many topics are known.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// A topic that is kept only for its recipients, searched from where the last search ended.
    pub(crate) fn next_forgettable(&mut self) -> Option<&Topic> {
        const STEPS: usize = 1_024;
        for _ in 0..STEPS {
            let at = self.hand;
            self.hand = if at + 1 < self.slab.end() { at + 1 } else { 0 };
            let forgettable = self.slab.at(at).is_some_and(|topic| {
                topic.set != NONE && topic.retained.is_none() && topic.references == 0
            });
            if forgettable {
                return self.slab.at(at);
            }
        }
        None
    }

    /// All topics with their indices, in no meaningful order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TopicIndex, &Topic)> {
        self.slab.iter()
    }
}
