//! Who is told of the changes of which key.
//!
//! A registration lasts as long as its connection. One that was made to resume lasts as long as
//! the session: while its client is away it is told nothing, and the key's changes are kept in a
//! bounded log ([`crate::log`]).

use std::collections::{BTreeMap, BTreeSet};

use catena_hlc::Version;
use catena_store::{Notification, Refusal};
use catena_types::Pool;
use hashbrown::HashTable;

use crate::limits::{REGISTRATION_OVERHEAD_BYTES, WATCHED_OVERHEAD_BYTES};
use crate::log::{Log, LogKey};
use crate::table::KeyHash;
use crate::{Client, Outbox, Settings};

/// All registrations.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    pub(crate) keys: Pool<Watched>,
    by_key: HashTable<u32>,
    pub(crate) clients: BTreeMap<Client, BTreeSet<u32>>,
    pub(crate) registrations: u64,
    /// What all of this but the log costs by the store's accounting.
    pub(crate) bytes: u64,
    pub(crate) log: Log,
}

/// A key with at least one registration.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) key: Box<[u8]>,
    pub(crate) hash: KeyHash,
    /// Ascending by client: the order in which they are told.
    pub(crate) registrations: Vec<Registration>,
    /// What is kept of its changes, if a registration resumes.
    pub(crate) log: Option<Box<LogKey>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) client: Client,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Ends with the connection.
    Plain,
    /// Resumes; its client is connected.
    Present,
    /// Resumes; its client is away and was told of everything up to this version.
    Away(Version),
}

/// What a client that comes back missed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing is asked for, or nothing happened.
    Nothing,
    /// The kept changes after this version, all that there were.
    After(Version),
    /// More than is kept, since this version.
    Unknown(Version),
}

impl State {
    pub(crate) fn resumes(self) -> bool {
        match self {
            Self::Plain => false,
            Self::Present | Self::Away(_) => true,
        }
    }
}

impl Watched {
    /// Those that are told at once.
    fn present(&self) -> impl Iterator<Item = Client> {
        let present = |registration: &&Registration| match registration.state {
            State::Plain | State::Present => true,
            State::Away(_) => false,
        };
        self.registrations
            .iter()
            .filter(present)
            .map(|registration| registration.client)
    }
}

impl Watches {
    /// Registers a client for as long as it is connected.
    ///
    /// # Errors
    /// `QuotaExceeded` if there are too many registrations.
    pub(crate) fn start(
        &mut self,
        settings: &Settings,
        client: Client,
        hash: KeyHash,
        key: &[u8],
    ) -> Result<(), Refusal> {
        let index = self.register(settings, client, hash, key)?;
        self.set_state(index, client, State::Plain);
        Ok(())
    }

    /// Ends a registration. `false` if there was none.
    pub(crate) fn stop(&mut self, client: Client, hash: KeyHash, key: &[u8]) -> bool {
        let Some(index) = self.index(hash, key) else {
            return false;
        };
        let was = self
            .clients
            .get(&client)
            .is_some_and(|keys| keys.contains(&index));
        if was {
            self.unregister(client, index);
        }
        was
    }

    /// Registers a client for as long as its session lasts, and finds out what it missed since
    /// `after`, or since its last connection. `last` is the last version that was given.
    ///
    /// # Errors
    /// `QuotaExceeded` if there are too many registrations.
    pub(crate) fn resume(
        &mut self,
        settings: &Settings,
        client: Client,
        (hash, key): (KeyHash, &[u8]),
        (after, last): (Option<Version>, Version),
    ) -> Result<Missed, Refusal> {
        let index = self.register(settings, client, hash, key)?;
        let Some(watched) = self.keys.at_mut(index) else {
            return Ok(Missed::Nothing);
        };
        let left = watched.registrations.iter().find(|r| r.client == client);
        let left = left.and_then(|registration| match registration.state {
            State::Away(seen) => Some(seen),
            State::Plain | State::Present => None,
        });
        let log = watched
            .log
            .get_or_insert_with(|| Box::new(LogKey::new(last)));
        let missed = match after.or(left) {
            None => Missed::Nothing,
            Some(from) if from <= last && log.complete_after <= from => Missed::After(from),
            Some(from) => Missed::Unknown(from),
        };
        self.set_state(index, client, State::Present);
        Ok(missed)
    }

    /// Tells who is registered of a change, and keeps it for those who are away.
    pub(crate) fn notify(
        &mut self,
        settings: &Settings,
        (hash, key): (KeyHash, &[u8]),
        notification: Notification<'_>,
        version: Version,
        out: &mut Outbox,
    ) {
        if self.by_key.is_empty() {
            return;
        }
        let Some(index) = self.index(hash, key) else {
            return;
        };
        let Some(watched) = self.keys.at_mut(index) else {
            return;
        };
        out.push(watched.present(), key, notification, version);
        if let Some(log) = &mut watched.log {
            log.changes.push_back(version);
            self.log.push(version, index, notification);
            self.shorten(settings);
        }
    }

    /// Tells a client what it missed of a key, from the log.
    pub(crate) fn replay(
        &self,
        client: Client,
        (hash, key): (KeyHash, &[u8]),
        from: Version,
        out: &mut Outbox,
    ) {
        let watched = self.index(hash, key).and_then(|index| self.keys.at(index));
        let Some(log) = watched.and_then(|watched| watched.log.as_deref()) else {
            return;
        };
        for version in log.changes.iter().filter(|version| **version > from) {
            if let Some(notification) = self.log.notification(*version) {
                out.push(std::iter::once(client), key, notification, *version);
            }
        }
    }

    /// Ends what a client registered for its connection only; the rest waits for it from `seen`
    /// on.
    pub(crate) fn disconnected(&mut self, client: Client, seen: Version) {
        let keys = self.clients.get(&client).cloned().unwrap_or_default();
        for index in keys {
            match self.state(index, client) {
                Some(State::Plain) => self.unregister(client, index),
                Some(State::Present) => self.set_state(index, client, State::Away(seen)),
                Some(State::Away(_)) | None => {}
            }
        }
    }

    /// Ends all registrations of a client.
    pub(crate) fn ended(&mut self, client: Client) {
        let keys = self.clients.get(&client).cloned().unwrap_or_default();
        keys.into_iter()
            .for_each(|index| self.unregister(client, index));
    }

    /// Puts a registration in as it is, from a snapshot.
    pub(crate) fn restore(&mut self, hash: KeyHash, key: &[u8], registration: Registration) {
        let index = self.index_or_new(hash, key);
        self.add(index, registration);
    }

    /// The place of a key that someone is registered for.
    pub(crate) fn index(&self, hash: KeyHash, key: &[u8]) -> Option<u32> {
        let is_it = |index: &u32| {
            self.keys
                .at(*index)
                .is_some_and(|watched| &*watched.key == key)
        };
        self.by_key.find(hash.number(), is_it).copied()
    }

    fn register(
        &mut self,
        settings: &Settings,
        client: Client,
        hash: KeyHash,
        key: &[u8],
    ) -> Result<u32, Refusal> {
        let known = self.index(hash, key);
        let own = self.clients.get(&client);
        if let Some(index) = known.filter(|index| own.is_some_and(|own| own.contains(index))) {
            return Ok(index);
        }
        let count = own.map_or(0, BTreeSet::len) as u64;
        let more = REGISTRATION_OVERHEAD_BYTES + known.map_or_else(|| watched_bytes(key), |_| 0);
        if self.registrations >= settings.registrations_max
            || count >= settings.registrations_per_client_max
            || self.bytes.saturating_add(more) > settings.registration_bytes_max
        {
            return Err(Refusal::QuotaExceeded);
        }
        let index = self.index_or_new(hash, key);
        let state = State::Plain;
        self.add(index, Registration { client, state });
        Ok(index)
    }

    fn index_or_new(&mut self, hash: KeyHash, key: &[u8]) -> u32 {
        if let Some(index) = self.index(hash, key) {
            return index;
        }
        self.bytes += watched_bytes(key);
        let index = self.keys.insert(Watched {
            key: key.into(),
            hash,
            registrations: Vec::new(),
            log: None,
        });
        let keys = &self.keys;
        let rehash = |index: &u32| keys.at(*index).map_or(0, |watched| watched.hash.number());
        self.by_key.insert_unique(hash.number(), index, rehash);
        index
    }

    fn add(&mut self, index: u32, registration: Registration) {
        let Some(watched) = self.keys.at_mut(index) else {
            return;
        };
        let client = registration.client;
        let place = watched
            .registrations
            .binary_search_by_key(&client, |r| r.client);
        if let Err(place) = place {
            watched.registrations.insert(place, registration);
            self.clients.entry(client).or_default().insert(index);
            self.registrations += 1;
            self.bytes += REGISTRATION_OVERHEAD_BYTES;
        }
    }

    fn state(&self, index: u32, client: Client) -> Option<State> {
        let registrations = &self.keys.at(index)?.registrations;
        let place = registrations
            .binary_search_by_key(&client, |r| r.client)
            .ok()?;
        Some(registrations[place].state)
    }

    fn set_state(&mut self, index: u32, client: Client, state: State) {
        let Some(watched) = self.keys.at_mut(index) else {
            return;
        };
        if let Ok(place) = watched
            .registrations
            .binary_search_by_key(&client, |r| r.client)
        {
            watched.registrations[place].state = state;
        }
        self.drop_unused_log(index);
    }

    fn unregister(&mut self, client: Client, index: u32) {
        if let Some(keys) = self.clients.get_mut(&client) {
            keys.remove(&index);
            if keys.is_empty() {
                self.clients.remove(&client);
            }
        }
        let Some(watched) = self.keys.at_mut(index) else {
            return;
        };
        watched
            .registrations
            .retain(|registration| registration.client != client);
        self.registrations -= 1;
        self.bytes -= REGISTRATION_OVERHEAD_BYTES;
        if !watched.registrations.is_empty() {
            return self.drop_unused_log(index);
        }
        self.drop_unused_log(index);
        if let Some(watched) = self.keys.remove(index)
            && let Ok(entry) = self
                .by_key
                .find_entry(watched.hash.number(), |i| *i == index)
        {
            entry.remove();
            self.bytes -= watched_bytes(&watched.key);
        }
    }

    /// A key that nobody resumes needs no log.
    fn drop_unused_log(&mut self, index: u32) {
        let Some(watched) = self.keys.at_mut(index) else {
            return;
        };
        let resumes = |registration: &Registration| registration.state.resumes();
        if watched.log.is_none() || watched.registrations.iter().any(resumes) {
            return;
        }
        if let Some(log) = watched.log.take() {
            log.changes
                .iter()
                .for_each(|version| self.log.remove(*version));
        }
    }

    /// Drops the oldest changes until the log is within its limits. Whoever needs them is told of
    /// a gap.
    fn shorten(&mut self, settings: &Settings) {
        while self.log.exceeds(settings) {
            let Some((version, index)) = self.log.pop_oldest() else {
                return;
            };
            let watched = self.keys.at_mut(index);
            if let Some(log) = watched.and_then(|watched| watched.log.as_deref_mut()) {
                log.changes.pop_front();
                log.complete_after = version;
            }
        }
    }

    /// Watched keys, ascending.
    pub(crate) fn sorted(&self) -> Vec<&Watched> {
        let mut all: Vec<&Watched> = self.keys.iter().map(|(_, watched)| watched).collect();
        all.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        all
    }
}

/// What a key costs while somebody is registered for it.
pub(crate) fn watched_bytes(key: &[u8]) -> u64 {
    key.len() as u64 + WATCHED_OVERHEAD_BYTES
}
