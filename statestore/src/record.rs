//! One entry in one allocation.
//!
//! ```text
//! | flags | key length | version | key | deadline? | fencing token?                    | value |
//! |   1   |      2     |    8    |  n  |     8     | wall 8, counter 8, length 1, node |   m   |
//! ```
//!
//! An entry without expiry and fencing token takes 11 bytes besides key and value.

use std::hint::black_box;

use catena_hlc::{Millis, Stamp, Version};
use catena_types::Moment;

use crate::limits::{ENTRY_OVERHEAD_BYTES, EXPIRY_OVERHEAD_BYTES};

const EXPIRES: u8 = 1;
const FENCED: u8 = 2;
const PERSISTS: u8 = 4;

const HEAD: usize = 11;
const DEADLINE: usize = 8;
const FENCE: usize = 17;

/// An entry.
#[derive(Debug)]
pub(crate) struct Record(Box<[u8]>);

/// What an entry is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// At most [`crate::KEY_BYTES_MAX`] bytes.
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) version: Version,
    /// From when on it does not exist any more.
    pub(crate) deadline: Option<Moment>,
    pub(crate) fence: Option<Stamp<'a>>,
    /// Whether it is to be kept on disk.
    pub(crate) persists: bool,
}

/// The most that an entry can cost by the store's accounting, with a key, a value and a fencing
/// token of so many bytes.
pub(crate) fn charge_max(key: usize, value: usize, token: usize) -> u64 {
    charge(HEAD + key + DEADLINE + FENCE + token + value, true)
}

impl Parts<'_> {
    /// Bytes of the record.
    pub(crate) fn length(&self) -> usize {
        let deadline = self.deadline.map_or(0, |_| DEADLINE);
        let fence = self.fence.map_or(0, |fence| FENCE + fence.node.len());
        HEAD + self.key.len() + deadline + fence + self.value.len()
    }

    /// What the entry costs by the store's accounting.
    pub(crate) fn charge(&self) -> u64 {
        charge(self.length(), self.deadline.is_some())
    }

    fn each(&self, mut put: impl FnMut(&[u8])) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(self.deadline.is_some(), EXPIRES)
            | flag(self.fence.is_some(), FENCED)
            | flag(self.persists, PERSISTS);
        let [low, high] = (self.key.len() as u16).to_le_bytes();
        put(&[flags, low, high]);
        put(&self.version.packed().to_le_bytes());
        put(self.key);
        if let Some(deadline) = self.deadline {
            put(&deadline.nanos().to_le_bytes());
        }
        if let Some(fence) = self.fence {
            put(&fence.wall.number().to_le_bytes());
            put(&fence.counter.to_le_bytes());
            put(&[fence.node.len() as u8]);
            put(fence.node.as_bytes());
        }
        put(self.value);
    }
}

impl Record {
    /// Reads its beginning and its end, for nothing but to have them in the processor's caches.
    #[inline]
    pub(crate) fn touch(&self) {
        black_box((self.0.first().copied(), self.0.last().copied()));
    }

    pub(crate) fn new(parts: &Parts<'_>) -> Self {
        let mut bytes = Vec::with_capacity(parts.length());
        parts.each(|part| bytes.extend_from_slice(part));
        Self(bytes.into_boxed_slice())
    }

    /// Becomes the entry of these parts, in the same allocation if it fits exactly.
    pub(crate) fn rewrite(&mut self, parts: &Parts<'_>) {
        if self.0.len() != parts.length() {
            *self = Self::new(parts);
            return;
        }
        let mut rest = &mut *self.0;
        parts.each(|part| {
            let (place, after) = std::mem::take(&mut rest).split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        });
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        &self.0[HEAD..self.key_end()]
    }

    #[inline]
    pub(crate) fn version(&self) -> Version {
        Version::from_packed(self.number(3))
    }

    #[inline]
    pub(crate) fn deadline(&self) -> Option<Moment> {
        (self.0[0] & EXPIRES != 0).then(|| Moment::from_nanos(self.number(self.key_end())))
    }

    /// Whether it still exists at `time`.
    #[inline]
    pub(crate) fn is_alive(&self, time: Moment) -> bool {
        self.deadline().is_none_or(|deadline| deadline > time)
    }

    pub(crate) fn fence(&self) -> Option<Stamp<'_>> {
        if self.0[0] & FENCED == 0 {
            return None;
        }
        let at = self.fence_start();
        let node = &self.0[at + FENCE..self.value_start()];
        Some(Stamp {
            wall: Millis::new(self.number(at)),
            counter: self.number(at + 8),
            node: str::from_utf8(node).unwrap_or_default(),
        })
    }

    pub(crate) fn persists(&self) -> bool {
        self.0[0] & PERSISTS != 0
    }

    #[inline]
    pub(crate) fn value(&self) -> &[u8] {
        &self.0[self.value_start()..]
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            key: self.key(),
            value: self.value(),
            version: self.version(),
            deadline: self.deadline(),
            fence: self.fence(),
            persists: self.persists(),
        }
    }

    /// What the entry costs by the store's accounting.
    #[inline]
    pub(crate) fn charge(&self) -> u64 {
        charge(self.0.len(), self.0[0] & EXPIRES != 0)
    }

    #[inline]
    fn key_end(&self) -> usize {
        HEAD + usize::from(u16::from_le_bytes([self.0[1], self.0[2]]))
    }

    #[inline]
    fn fence_start(&self) -> usize {
        let deadline = if self.0[0] & EXPIRES != 0 {
            DEADLINE
        } else {
            0
        };
        self.key_end() + deadline
    }

    #[inline]
    fn value_start(&self) -> usize {
        let at = self.fence_start();
        if self.0[0] & FENCED == 0 {
            at
        } else {
            at + FENCE + usize::from(self.0[at + FENCE - 1])
        }
    }

    #[inline]
    fn number(&self, at: usize) -> u64 {
        let mut number = [0u8; 8];
        number.copy_from_slice(&self.0[at..at + 8]);
        u64::from_le_bytes(number)
    }
}

const fn charge(length: usize, expires: bool) -> u64 {
    let index = if expires { EXPIRY_OVERHEAD_BYTES } else { 0 };
    length as u64 + ENTRY_OVERHEAD_BYTES + index
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn owned()(
            key in proptest::collection::vec(any::<u8>(), 1..300),
            value in proptest::collection::vec(any::<u8>(), 0..300),
            version: u64,
            deadline in proptest::option::of(any::<u64>()),
            fence in proptest::option::of((any::<u64>(), any::<u64>(), "[a-z]{1,40}")),
            persists: bool,
        ) -> (Vec<u8>, Vec<u8>, u64, Option<u64>, Option<(u64, u64, String)>, bool) {
            (key, value, version, deadline, fence, persists)
        }
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_also_after_a_rewrite(all in owned(), others in owned()) {
            let mut record: Option<Record> = None;
            for (key, value, version, deadline, fence, persists) in [&all, &others, &all] {
                let parts = Parts {
                    key,
                    value,
                    version: Version::from_packed(*version),
                    deadline: deadline.map(Moment::from_nanos),
                    fence: fence.as_ref().map(|(wall, counter, node)| Stamp {
                        wall: Millis::new(*wall),
                        counter: *counter,
                        node,
                    }),
                    persists: *persists,
                };
                let record = match &mut record {
                    Some(record) => {
                        record.rewrite(&parts);
                        record
                    }
                    None => record.insert(Record::new(&parts)),
                };
                prop_assert_eq!(record.parts(), parts);
                prop_assert_eq!(record.charge(), parts.charge());
            }
        }
    }

    #[test]
    fn a_plain_entry_takes_eleven_bytes_more_than_key_and_value() {
        let parts = Parts {
            key: &[1; 16],
            value: &[2; 64],
            version: Version::ZERO,
            deadline: None,
            fence: None,
            persists: false,
        };
        assert_eq!(parts.length(), 91);
    }
}
