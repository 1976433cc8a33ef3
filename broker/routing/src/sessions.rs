//! Which subscriptions a session has: what ending it must remove.

use catena_types::SessionId;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::text_hash::TextHash;

/// Session → its subscriptions.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    table: HashTable<(SessionId, References)>,
    hash: TextHash,
}

impl Sessions {
    pub(crate) fn new(hash: TextHash) -> Self {
        Self {
            table: HashTable::new(),
            hash,
        }
    }

    /// Adds a subscription that the session does not have yet.
    pub(crate) fn insert(&mut self, session: SessionId, reference: Reference) {
        let hash = &self.hash;
        let entry = self.table.entry(
            hash.number(session.packed()),
            |(other, _)| *other == session,
            |(other, _)| hash.number(other.packed()),
        );
        match entry {
            Entry::Occupied(mut entry) => entry.get_mut().1.insert(reference),
            Entry::Vacant(entry) => {
                entry.insert((session, References::One(reference)));
            }
        }
    }

    /// Removes a subscription; the session too if it was the last.
    pub(crate) fn remove(&mut self, session: SessionId, reference: Reference) {
        let hash = self.hash.number(session.packed());
        if let Ok(mut entry) = self.table.find_entry(hash, |(other, _)| *other == session)
            && entry.get_mut().1.remove(reference) == Left::Nothing
        {
            entry.remove();
        }
    }

    /// Removes the session and returns what it had.
    pub(crate) fn take(&mut self, session: SessionId) -> References {
        let hash = self.hash.number(session.packed());
        match self.table.find_entry(hash, |(other, _)| *other == session) {
            Ok(entry) => entry.remove().0.1,
            Err(_) => References::Many(Vec::new()),
        }
    }

    /// The subscriptions of a session, in no order that means anything.
    pub(crate) fn of(&self, session: SessionId) -> &[Reference] {
        let hash = self.hash.number(session.packed());
        self.table
            .find(hash, |(other, _)| *other == session)
            .map_or(&[], |(_, references)| references.as_slice())
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// All sessions, ascending: the table's own order is never seen.
    pub(crate) fn ascending(&self) -> Vec<SessionId> {
        let mut sessions: Vec<SessionId> = self.table.iter().map(|entry| entry.0).collect();
        sessions.sort_unstable();
        sessions
    }
}

/// One subscription: the place of its filter, or of its share group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference(u32);

/// What a [`Reference`] refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Referent {
    /// The filter in this place.
    Plain(u32),
    /// The share group in this place.
    Shared(u32),
}

impl Reference {
    pub(crate) const fn plain(filter: u32) -> Self {
        Self(filter << 1)
    }

    pub(crate) const fn shared(group: u32) -> Self {
        Self(group << 1 | 1)
    }

    pub(crate) const fn referent(self) -> Referent {
        if self.0 & 1 == 0 {
            Referent::Plain(self.0 >> 1)
        } else {
            Referent::Shared(self.0 >> 1)
        }
    }
}

/// The subscriptions of one session, sorted, without an allocation for a single one.
#[derive(Debug, Clone)]
pub(crate) enum References {
    One(Reference),
    Many(Vec<Reference>),
}

/// Whether anything is left after a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Some,
}

impl References {
    pub(crate) fn as_slice(&self) -> &[Reference] {
        match self {
            Self::One(reference) => std::slice::from_ref(reference),
            Self::Many(references) => references,
        }
    }

    fn insert(&mut self, reference: Reference) {
        match self {
            Self::One(only) => {
                let mut both = vec![*only, reference];
                both.sort_unstable();
                *self = Self::Many(both);
            }
            Self::Many(references) => {
                if let Err(place) = references.binary_search(&reference) {
                    references.insert(place, reference);
                }
            }
        }
    }

    fn remove(&mut self, reference: Reference) -> Left {
        match self {
            Self::One(only) if *only == reference => Left::Nothing,
            Self::One(_) => Left::Some,
            Self::Many(references) => {
                if let Ok(place) = references.binary_search(&reference) {
                    references.remove(place);
                }
                match references[..] {
                    [] => return Left::Nothing,
                    [only] => *self = Self::One(only),
                    _ => {}
                }
                Left::Some
            }
        }
    }
}
