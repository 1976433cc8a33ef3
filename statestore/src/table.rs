//! Entries by key, and those with a deadline by deadline.
//!
//! The entries lie in 256 hash tables, chosen by the hash of the key: so a table that grows moves
//! few entries, and a scan has places that stay where they are.

use std::collections::BTreeSet;

use catena_types::{Fault, Moment, invariant, siphash};
use hashbrown::HashTable;

use crate::record::{Parts, Record};

/// Hash tables. The tokens of scans name one, so the number never changes.
pub(crate) const SHARDS: usize = 256;

/// Below so many places a table is not made smaller.
const SHRINK_MIN: usize = 64;

/// The hash of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyHash(u64);

/// Entries by key.
#[derive(Debug)]
pub(crate) struct Table {
    seed: u64,
    /// None until there is an entry.
    shards: Vec<HashTable<Record>>,
    /// The hash stands for the key: entries with the same deadline and hash share a place here.
    deadlines: BTreeSet<(Moment, KeyHash)>,
    len: usize,
    bytes: u64,
}

impl Table {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seed,
            shards: Vec::new(),
            deadlines: BTreeSet::new(),
            len: 0,
            bytes: 0,
        }
    }

    /// The hash of a key, the same on every replica and for ever.
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> KeyHash {
        hash(self.seed, key)
    }

    #[inline]
    pub(crate) fn find(&self, hash: KeyHash, key: &[u8]) -> Option<&Record> {
        self.shards
            .get(hash.shard())?
            .find(hash.0, |record| record.key() == key)
    }

    /// The entry that a hash leads to, which may be that of another key: its bytes are not looked
    /// at.
    #[inline]
    pub(crate) fn candidate(&self, hash: KeyHash) -> Option<&Record> {
        self.shards.get(hash.shard())?.find(hash.0, |_| true)
    }

    /// Puts an entry in, over one with the same key.
    pub(crate) fn put(&mut self, hash: KeyHash, parts: &Parts<'_>) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, HashTable::new);
        }
        let seed = self.seed;
        let shard = &mut self.shards[hash.shard()];
        let old = match shard.find_mut(hash.0, |record| record.key() == parts.key) {
            Some(record) => {
                let old = (record.charge(), record.deadline());
                record.rewrite(parts);
                old
            }
            None => {
                let rehash = |record: &Record| self::hash(seed, record.key()).0;
                shard.insert_unique(hash.0, Record::new(parts), rehash);
                self.len += 1;
                (0, None)
            }
        };
        self.bytes = self.bytes + parts.charge() - old.0;
        if old.1 != parts.deadline {
            if let Some(deadline) = old.1 {
                self.unindex(deadline, hash);
            }
            if let Some(deadline) = parts.deadline {
                self.deadlines.insert((deadline, hash));
            }
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> Option<Record> {
        let shard = self.shards.get_mut(hash.shard())?;
        let entry = shard
            .find_entry(hash.0, |record| record.key() == key)
            .ok()?;
        let (record, _) = entry.remove();
        self.forget(hash, &record);
        Some(record)
    }

    /// The earliest deadline.
    pub(crate) fn first_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes the entry with the earliest deadline out; of several the one with the lowest hash.
    ///
    /// # Errors
    /// A [`Fault`] if the index names an entry that is not there.
    pub(crate) fn pop_first(&mut self) -> Result<Option<Record>, Fault> {
        let Some(&(deadline, hash)) = self.deadlines.first() else {
            return Ok(None);
        };
        let seed = self.seed;
        let is_it = |record: &Record| {
            record.deadline() == Some(deadline) && self::hash(seed, record.key()) == hash
        };
        let shard = self.shards.get_mut(hash.shard());
        let entry = shard.and_then(|shard| shard.find_entry(hash.0, is_it).ok());
        invariant!(
            entry.is_some(),
            "an indexed deadline has its entry",
            deadline = deadline
        );
        let Some(entry) = entry else {
            return Ok(None);
        };
        let (record, _) = entry.remove();
        self.forget(hash, &record);
        Ok(Some(record))
    }

    /// Entries.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// What all entries cost by the store's accounting.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Places in the index by deadline.
    pub(crate) fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// The entries of one shard, in no order.
    pub(crate) fn shard(&self, shard: usize) -> impl Iterator<Item = &Record> {
        self.shards.get(shard).into_iter().flat_map(HashTable::iter)
    }

    /// All entries, ascending by key.
    pub(crate) fn sorted(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.shards.iter().flat_map(HashTable::iter).collect();
        all.sort_unstable_by_key(|record| record.key());
        all
    }

    /// What is left to do for an entry that was taken out of its shard.
    fn forget(&mut self, hash: KeyHash, record: &Record) {
        self.len -= 1;
        self.bytes -= record.charge();
        if let Some(deadline) = record.deadline() {
            self.unindex(deadline, hash);
        }
        let seed = self.seed;
        let shard = &mut self.shards[hash.shard()];
        // With a quarter left to grow into, a table that goes up and down does not move each time.
        if shard.capacity() > SHRINK_MIN && shard.len() * 8 < shard.capacity() {
            shard.shrink_to(shard.len() * 2, |record| self::hash(seed, record.key()).0);
        }
    }

    /// Takes a deadline out of the index, unless another entry with this hash has it too.
    fn unindex(&mut self, deadline: Moment, hash: KeyHash) {
        let seed = self.seed;
        let same = |record: &Record| {
            record.deadline() == Some(deadline) && self::hash(seed, record.key()) == hash
        };
        if self.shards[hash.shard()].find(hash.0, same).is_none() {
            self.deadlines.remove(&(deadline, hash));
        }
    }

    /// Whether the index holds the deadlines of the entries and nothing else, and the sums are
    /// right.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        let all = self.sorted();
        let bytes: u64 = all.iter().map(|record| record.charge()).sum();
        invariant!(
            all.len() == self.len,
            "entries are counted",
            counted = self.len
        );
        invariant!(
            bytes == self.bytes,
            "bytes are counted",
            counted = self.bytes,
            sum = bytes
        );
        let deadlines: BTreeSet<_> = all
            .iter()
            .filter_map(|record| Some((record.deadline()?, self.hash(record.key()))))
            .collect();
        invariant!(deadlines == self.deadlines, "the index holds each deadline");
        for record in all {
            let hash = self.hash(record.key());
            let found = self.find(hash, record.key()).map(Record::parts);
            invariant!(
                found == Some(record.parts()),
                "each entry is where its hash says"
            );
        }
        Ok(())
    }
}

impl KeyHash {
    /// Bits that a hash table looks at neither for the place nor for its tags.
    #[inline]
    pub(crate) const fn shard(self) -> usize {
        (self.0 >> 40) as usize % SHARDS
    }

    /// The bare hash.
    #[inline]
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

#[inline]
fn hash(seed: u64, key: &[u8]) -> KeyHash {
    KeyHash(siphash(seed, !seed, key))
}
