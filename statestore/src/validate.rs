//! Every documented invariant of the state, for tests and the simulator.

use std::collections::BTreeSet;

use catena_types::{Fault, invariant};

use crate::StateStore;
use crate::limits::REGISTRATION_OVERHEAD_BYTES;
use crate::log::Change;
use crate::watch::{Watched, Watches, watched_bytes};

impl StateStore {
    /// Checks every documented invariant of the state.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub fn validate(&self) -> Result<(), Fault> {
        self.table.validate()?;
        self.answers.validate()?;
        self.watches.check()?;
        let last = self.clock.last();
        for record in self.table.sorted() {
            let version = record.version();
            invariant!(
                version <= last,
                "no entry is later than the clock",
                version = version
            );
            invariant!(!record.key().is_empty(), "no key is empty");
        }
        Ok(())
    }
}

impl Watches {
    /// Whether both directions agree, and what is kept is what somebody may need.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    fn check(&self) -> Result<(), Fault> {
        let mut changes = 0;
        let mut registrations = 0;
        for (index, watched) in self.keys.iter() {
            self.check_watched(index, watched)?;
            registrations += watched.registrations.len();
            changes += watched.log.as_ref().map_or(0, |log| log.changes.len());
        }
        let known: usize = self.clients.values().map(BTreeSet::len).sum();
        invariant!(
            known == registrations,
            "each registration has its key",
            known = known
        );
        let counted = self.registrations;
        invariant!(
            counted == registrations as u64,
            "registrations are counted",
            counted = counted
        );
        let keys: u64 = self
            .keys
            .iter()
            .map(|(_, watched)| watched_bytes(&watched.key))
            .sum();
        let bytes = keys + counted * REGISTRATION_OVERHEAD_BYTES;
        invariant!(
            bytes == self.bytes,
            "bytes are counted",
            counted = self.bytes,
            sum = bytes
        );
        invariant!(
            changes == self.log.len(),
            "each change has its key",
            changes = changes
        );
        let bytes: u64 = self.log.changes.values().map(Change::charge).sum();
        invariant!(
            bytes == self.log.bytes(),
            "bytes of changes are counted",
            sum = bytes
        );
        Ok(())
    }
    fn check_watched(&self, index: u32, watched: &Watched) -> Result<(), Fault> {
        let key = &watched.key;
        invariant!(
            self.index(watched.hash, key) == Some(index),
            "a key is found",
            key = key
        );
        let clients: Vec<_> = watched.registrations.iter().map(|r| r.client).collect();
        invariant!(
            !clients.is_empty(),
            "someone is registered for a watched key",
            key = key
        );
        invariant!(
            clients.is_sorted_by(|a, b| a < b),
            "clients ascend",
            key = key
        );
        for client in &clients {
            let known = self
                .clients
                .get(client)
                .is_some_and(|keys| keys.contains(&index));
            invariant!(known, "a client knows its registration", client = client);
        }
        let resumes = watched.registrations.iter().any(|r| r.state.resumes());
        invariant!(
            resumes == watched.log.is_some(),
            "who resumes has a log",
            key = key
        );
        for version in watched.log.iter().flat_map(|log| &log.changes) {
            let owner = self.log.changes.get(version).map(|change| change.watched);
            invariant!(owner == Some(index), "a change is kept", version = version);
        }
        Ok(())
    }
}
