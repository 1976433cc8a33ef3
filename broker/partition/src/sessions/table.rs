//! Where the session records stand: a pool, found by session ID and by client ID.
//!
//! The tables are seeded, since clients choose their IDs. Nothing outside may see their order:
//! whoever needs all sessions gets them ascending by session ID.

use std::hash::Hasher;

use catena_types::{Fault, Generation, Pool, SessionId, invariant};
use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;

use super::record::Session;
use crate::shrink::shrink;

/// All sessions of a partition.
#[derive(Debug)]
pub(super) struct Table {
    sessions: Pool<Session>,
    by_id: HashTable<u32>,
    by_client: HashTable<u32>,
    seed: Seed,
}

impl Table {
    /// An empty table.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            sessions: Pool::new(),
            by_id: HashTable::new(),
            by_client: HashTable::new(),
            seed: Seed {
                own: seed,
                shared: SharedSeed::from_u64(seed),
            },
        }
    }

    /// Adds a session whose ID and client ID are both new.
    pub(super) fn insert(&mut self, session: Session) -> Result<(), Fault> {
        invariant!(
            self.find(session.id).is_none(),
            "session IDs are unique",
            id = session.id
        );
        invariant!(
            self.id_of(&session.client_id).is_none(),
            "a client has one session"
        );
        let by_id = self.seed.of_id(session.id);
        let by_client = self.seed.of_client(&session.client_id);
        let slot = self.sessions.insert(session);
        let (sessions, seed) = (&self.sessions, &self.seed);
        self.by_id.insert_unique(by_id, slot, |slot| {
            sessions.at(*slot).map_or(0, |other| seed.of_id(other.id))
        });
        self.by_client.insert_unique(by_client, slot, |slot| {
            sessions
                .at(*slot)
                .map_or(0, |other| seed.of_client(&other.client_id))
        });
        Ok(())
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, id: SessionId) -> Result<Session, Fault> {
        let found = self
            .slot(id)
            .and_then(|slot| Some((slot, self.sessions.remove(slot)?)));
        let Some((slot, session)) = found else {
            return Err(Fault::new("a session is removed once", format!("id={id}")));
        };
        let by_id = self.seed.of_id(id);
        let by_client = self.seed.of_client(&session.client_id);
        let removed = [
            take(&mut self.by_id, by_id, slot),
            take(&mut self.by_client, by_client, slot),
        ];
        invariant!(
            removed == [true, true],
            "a session is in both indices",
            id = id
        );
        let (sessions, seed) = (&self.sessions, &self.seed);
        shrink(&mut self.by_id, |slot| {
            sessions.at(*slot).map_or(0, |other| seed.of_id(other.id))
        });
        shrink(&mut self.by_client, |slot| {
            sessions
                .at(*slot)
                .map_or(0, |other| seed.of_client(&other.client_id))
        });
        Ok(session)
    }

    /// The session with this ID.
    pub(super) fn find_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let slot = self.slot(id)?;
        self.sessions.at_mut(slot)
    }

    /// The session with this ID if this very connection has it.
    pub(super) fn connected_mut(
        &mut self,
        id: SessionId,
        generation: Generation,
    ) -> Option<&mut Session> {
        let session = self.find_mut(id)?;
        (session.is_connected() && session.generation == generation).then_some(session)
    }

    /// The session with this ID.
    pub(super) fn find(&self, id: SessionId) -> Option<&Session> {
        self.sessions.at(self.slot(id)?)
    }

    /// The ID of the client's session.
    pub(super) fn id_of(&self, client_id: &str) -> Option<SessionId> {
        let named = |slot: &u32| {
            let session = self.sessions.at(*slot);
            session.is_some_and(|session| *session.client_id == *client_id)
        };
        let slot = self.by_client.find(self.seed.of_client(client_id), named)?;
        Some(self.sessions.at(*slot)?.id)
    }

    /// How many sessions there are.
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// All sessions, ascending by ID.
    pub(super) fn ascending(&self) -> Vec<&Session> {
        let mut all: Vec<&Session> = self.sessions.iter().map(|(_, session)| session).collect();
        all.sort_unstable_by_key(|session| session.id);
        all
    }

    /// Checks that each session is found under both its names and nothing else is.
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn validate(&self) -> Result<(), Fault> {
        invariant!(
            self.by_id.len() == self.len(),
            "one entry per session by ID"
        );
        invariant!(
            self.by_client.len() == self.len(),
            "one entry per session by client"
        );
        for (slot, session) in self.sessions.iter() {
            let id = session.id;
            invariant!(self.slot(id) == Some(slot), "found by its ID", id = id);
            let by_client = self.id_of(&session.client_id);
            invariant!(by_client == Some(id), "found by its client ID", id = id);
        }
        Ok(())
    }

    fn slot(&self, id: SessionId) -> Option<u32> {
        let has = |slot: &u32| self.sessions.at(*slot).is_some_and(|s| s.id == id);
        self.by_id.find(self.seed.of_id(id), has).copied()
    }
}

fn take(index: &mut HashTable<u32>, hash: u64, slot: u32) -> bool {
    match index.find_entry(hash, |other| *other == slot) {
        Ok(entry) => {
            entry.remove();
            true
        }
        Err(_) => false,
    }
}

/// How keys are hashed.
#[derive(Clone)]
struct Seed {
    own: u64,
    shared: SharedSeed,
}

impl Seed {
    fn of_id(&self, id: SessionId) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.own, &self.shared);
        hasher.write_u64(id.packed());
        hasher.finish()
    }

    fn of_client(&self, client_id: &str) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.own, &self.shared);
        hasher.write(client_id.as_bytes());
        hasher.finish()
    }
}

impl std::fmt::Debug for Seed {
    /// Not the seed: it is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}
