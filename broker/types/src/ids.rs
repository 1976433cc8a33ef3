//! Numbers with a meaning. No bare integer crosses a public function.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name($repr);

        impl $name {
            /// Wraps the number.
            pub const fn new(number: $repr) -> Self {
                Self(number)
            }

            /// The bare number.
            pub const fn number(self) -> $repr {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A shard of the key space, `0..P`.
    PartitionId(u16)
}
number! {
    /// A frontend worker of this process start. Never reused while the process lives.
    FrontendId(u16)
}
number! {
    /// Which connection owns a session: each accepted `Connect` has a higher one.
    Generation(u32)
}
number! {
    /// A place in the log of a chain. The first entry has 1.
    Seq(u64)
}
number! {
    /// A place in a session's delivery queue at one partition; never reused within a session.
    Position(u64)
}
number! {
    /// A version of the routing table: the number of commands applied to it.
    RoutingVersion(u64)
}

impl Position {
    /// The position `count` places later.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// How many places `self` is after `earlier`; 0 if it is not.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A session: the partition that owns it, that partition's birth, and a number that is never
/// reused.
///
/// ```text
/// 63        54 53          32 31           0
/// | partition |    birth     |   number    |
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// A session of `partition`, the `number`th since its `birth`.
    pub const fn new(partition: PartitionId, birth: u32, number: u32) -> Self {
        let birth = (birth & 0x3F_FFFF) as u64;
        Self((partition.0 as u64) << 54 | birth << 32 | number as u64)
    }

    /// From the packed form, as [`SessionId::packed`] gives it.
    pub const fn from_packed(packed: u64) -> Self {
        Self(packed)
    }

    /// The packed form, for logs, snapshots and hashing.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// The partition that owns the session.
    pub const fn partition(self) -> PartitionId {
        PartitionId((self.0 >> 54) as u16)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let birth = self.0 >> 32 & 0x3F_FFFF;
        write!(f, "{}.{}.{}", self.0 >> 54, birth, self.0 & 0xFFFF_FFFF)
    }
}

/// A set of partitions, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartitionSet([u64; 4]);

impl PartitionSet {
    /// No partition.
    pub const EMPTY: Self = Self([0; 4]);

    /// The partitions `0..count`.
    pub fn first(count: u16) -> Self {
        let mut set = Self::EMPTY;
        for partition in 0..count {
            set.insert(PartitionId(partition));
        }
        set
    }

    /// From the words of [`PartitionSet::words`].
    pub const fn from_words(words: [u64; 4]) -> Self {
        Self(words)
    }

    /// The set as four words, partition 0 in the lowest bit of the first.
    pub const fn words(&self) -> [u64; 4] {
        self.0
    }

    /// Adds a partition; of numbers beyond 255 there are none ([`crate::PARTITIONS_MAX`]).
    pub fn insert(&mut self, partition: PartitionId) {
        if let Some(word) = self.0.get_mut(usize::from(partition.0 / 64)) {
            *word |= 1 << (partition.0 % 64);
        }
    }

    /// Takes a partition out.
    pub fn remove(&mut self, partition: PartitionId) {
        if let Some(word) = self.0.get_mut(usize::from(partition.0 / 64)) {
            *word &= !(1 << (partition.0 % 64));
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    /// Whether the partition is in the set.
    pub fn contains(&self, partition: PartitionId) -> bool {
        let word = self.0.get(usize::from(partition.0 / 64));
        word.is_some_and(|word| word >> (partition.0 % 64) & 1 == 1)
    }

    /// Whether no partition is in the set.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// The partitions in ascending order.
    pub fn iter(&self) -> PartitionSetIter {
        PartitionSetIter { words: self.0 }
    }
}

impl FromIterator<PartitionId> for PartitionSet {
    fn from_iter<T: IntoIterator<Item = PartitionId>>(partitions: T) -> Self {
        let mut set = Self::EMPTY;
        for partition in partitions {
            set.insert(partition);
        }
        set
    }
}

/// The partitions of a [`PartitionSet`], ascending.
#[derive(Debug)]
pub struct PartitionSetIter {
    words: [u64; 4],
}

impl Iterator for PartitionSetIter {
    type Item = PartitionId;

    fn next(&mut self) -> Option<PartitionId> {
        for (index, word) in self.words.iter_mut().enumerate() {
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                return Some(PartitionId(index as u16 * 64 + bit as u16));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_keeps_its_parts() {
        let id = SessionId::new(PartitionId::new(255), 7, u32::MAX);
        assert_eq!(id.partition(), PartitionId::new(255));
        assert_eq!(SessionId::from_packed(id.packed()), id);
        assert_eq!(id.to_string(), "255.7.4294967295");
    }

    #[test]
    fn later_births_sort_after_earlier_ones() {
        let old = SessionId::new(PartitionId::new(1), 1, u32::MAX);
        assert!(old < SessionId::new(PartitionId::new(1), 2, 0));
    }

    #[test]
    fn a_partition_set_holds_what_was_put_in() {
        let mut set = PartitionSet::first(3);
        set.insert(PartitionId::new(200));
        set.remove(PartitionId::new(1));
        let all: Vec<u16> = set.iter().map(PartitionId::number).collect();
        assert_eq!(all, [0, 2, 200]);
        assert!(set.contains(PartitionId::new(200)) && !set.contains(PartitionId::new(1)));
        assert!(!set.contains(PartitionId::new(999)));
        assert_eq!(PartitionSet::from_words(set.words()), set);
    }
}
