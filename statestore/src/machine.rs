//! The machine: takes requests in order and hands each to the part that it concerns.

use std::collections::BTreeSet;

use catena_hlc::{Clock, Version};
use catena_store::{Command, KeyNotify, Notification, Refusal, Registration, Write, reply};
use catena_types::{Digest, Digester, Fault, Moment};

use crate::answers::Answers;
use crate::limits::{
    APPROACHED_MAX, DIGITS_MAX, EXPIRIES_PER_TICK_MAX, KEY_BYTES_MAX, NOTIFICATIONS_PER_TICK_MAX,
};
use crate::record::charge_max;
use crate::request::Stamps;
use crate::stop::Stop;
use crate::table::{KeyHash, Table};
use crate::watch::{Missed, Watches};
use crate::{Answer, Client, Now, Outbox, Request, Settings, Stats};

/// The state store, or the part of it that one owner has.
#[derive(Debug)]
pub struct StateStore {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) watches: Watches,
    pub(crate) answers: Answers,
    /// What is counted for metrics, without the gauges; no part of the state.
    pub(crate) counters: Stats,
}

/// A key and its hash, which is computed once per command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) hash: KeyHash,
    pub(crate) key: &'a [u8],
}

/// What applies to all writes of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Now,
    pub(crate) stamps: Stamps<'a>,
    pub(crate) persist: bool,
}

impl StateStore {
    /// An empty store.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Clock::default(),
            table: Table::new(settings.hash_seed),
            watches: Watches::default(),
            answers: Answers::new(settings.hash_seed),
            counters: Stats::default(),
        }
    }

    /// Carries out a request: appends the payload of its reply to `reply`, and the notifications
    /// that are to be sent before it to `out`. What is refused is a reply, not an error.
    ///
    /// Who calls has checked that the client may do it, and that all keys belong here. Reads are
    /// answered too, but need no place in a log ([`StateStore::read`]).
    ///
    /// # Errors
    /// A [`Fault`] only for a state that no request can produce: the replica must stop.
    pub fn apply(
        &mut self,
        now: Now,
        request: &Request<'_>,
        reply: &mut Vec<u8>,
        out: &mut Outbox,
    ) -> Result<Answer, Fault> {
        let identity = request.identity.filter(|_| is_kept(&request.command));
        if let Some(identity) = &identity
            && let Some(answer) = self
                .answers
                .find((request.client, identity), now.time, reply)
        {
            self.counters.repeated += 1;
            return Ok(answer);
        }
        let (start, notified) = (reply.len(), out.len());
        let version = match self.carry_out(now, request, reply, out) {
            Ok(version) => version,
            Err(Stop::Broken(fault)) => return Err(fault),
            Err(Stop::Refused(refusal)) => {
                reply.truncate(start);
                reply::refusal(reply, refusal);
                self.count_refusal(refusal, request);
                None
            }
        };
        self.counters.notified += (out.len() - notified) as u64;
        if let Some(identity) = &identity {
            let answer = (&reply[start..], version);
            let call = (request.client, identity);
            self.answers.keep(&self.settings, call, now.time, answer);
        }
        Ok(Answer {
            version,
            repeated: false,
        })
    }

    /// Brings the entries that the first [`APPROACHED_MAX`] of these commands ask for into the
    /// processor's caches together; one command after the other would wait for memory each time.
    pub fn approach<'a, 'b: 'a>(&self, commands: impl Iterator<Item = &'a Command<'b>>) {
        let keys = commands.filter_map(|command| match command {
            Command::Write(write) => Some(write.key()),
            Command::Get { key } => Some(*key),
            _ => None,
        });
        let mut hashes = [KeyHash::default(); APPROACHED_MAX];
        let mut count = 0;
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = self.table.hash(key);
            count += 1;
        }
        // While a single one is waited for there is nothing else to fetch.
        if count < 2 {
            return;
        }
        // Step by step for all: a processor looks ahead only so far.
        let mut records = [None; APPROACHED_MAX];
        for (record, hash) in records.iter_mut().zip(&hashes).take(count) {
            *record = self.table.candidate(*hash);
        }
        for record in records.iter().flatten() {
            record.touch();
        }
    }

    /// Removes what has expired, at most [`EXPIRIES_PER_TICK_MAX`] at a time. If there is more,
    /// [`StateStore::next_deadline`] stays in the past.
    ///
    /// # Errors
    /// A [`Fault`] only for a state that no request can produce: the replica must stop.
    pub fn tick(&mut self, now: Now, out: &mut Outbox) -> Result<(), Fault> {
        let notified = out.len();
        for _ in 0..EXPIRIES_PER_TICK_MAX {
            if out.len() - notified >= NOTIFICATIONS_PER_TICK_MAX {
                break;
            }
            if self
                .table
                .first_deadline()
                .is_some_and(|deadline| deadline <= now.time)
            {
                if let Some(record) = self.table.pop_first()? {
                    let hash = self.table.hash(record.key());
                    self.tell_expired(
                        Place {
                            hash,
                            key: record.key(),
                        },
                        now,
                        out,
                    );
                }
            } else if !self.answers.forget_one(now.time) {
                break;
            }
        }
        self.counters.notified += (out.len() - notified) as u64;
        Ok(())
    }

    /// When the next [`StateStore::tick`] is due.
    pub fn next_deadline(&self) -> Option<Moment> {
        let both = [self.table.first_deadline(), self.answers.next_deadline()];
        both.into_iter().flatten().min()
    }

    /// The client's connection has ended: so have its registrations, but those that resume.
    pub fn disconnected(&mut self, client: Client) {
        self.watches.disconnected(client, self.clock.last());
    }

    /// The client's session has ended: so have all its registrations.
    pub fn ended(&mut self, client: Client) {
        self.watches.ended(client);
    }

    /// The last version that was given.
    pub fn last_version(&self) -> Version {
        self.clock.last()
    }

    /// Bytes of all entries, and how many may be, by the store's accounting.
    #[inline]
    pub fn memory(&self) -> (u64, u64) {
        (self.table.bytes(), self.settings.bytes_max)
    }

    /// How many bytes all entries may have from here on; what there is stays.
    pub fn allow(&mut self, bytes: u64) {
        self.settings.bytes_max = bytes;
    }

    /// The most bytes by which a command can make a store grow, by its accounting.
    #[inline]
    pub fn growth_max(command: &Command<'_>, fencing_token: Option<&[u8]>) -> u64 {
        let token = fencing_token.map_or(0, <[u8]>::len);
        let growth = |write: &Write<'_>| match write {
            Write::Set(set) => charge_max(set.key.len(), set.value.len(), token),
            Write::Increment(increment) => charge_max(increment.key.len(), DIGITS_MAX, token),
            Write::Delete(_) => 0,
        };
        match command {
            Command::Write(write) => growth(write),
            Command::Group(group) => group.iter().map(|write| growth(&write)).sum(),
            _ => 0,
        }
    }

    /// The settings that hold.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Numbers for metrics.
    pub fn stats(&self) -> Stats {
        Stats {
            keys: self.table.len() as u64,
            bytes: self.table.bytes(),
            expiring: self.table.deadlines() as u64,
            registrations: self.watches.registrations,
            registration_bytes: self.watches.bytes,
            changes: self.watches.log.len() as u64,
            change_bytes: self.watches.log.bytes(),
            answers: self.answers.len(),
            answer_bytes: self.answers.bytes(),
            dropped_changes: self.watches.log.dropped(),
            dropped_answers: self.answers.dropped(),
            ..self.counters
        }
    }

    /// A hash over the whole state. Replicas at the same place in the log agree on it.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        self.snapshot(&mut bytes);
        let mut digester = Digester::new();
        digester.bytes(&bytes);
        digester.finish()
    }

    fn carry_out(
        &mut self,
        now: Now,
        request: &Request<'_>,
        reply: &mut Vec<u8>,
        out: &mut Outbox,
    ) -> Result<Option<Version>, Stop> {
        self.check_lengths(&request.command)?;
        let circumstances = Circumstances {
            now,
            stamps: request.stamps(now.wall)?,
            persist: request.persist,
        };
        match &request.command {
            Command::Write(write) => self.write(&circumstances, write, reply, out),
            Command::Group(group) => self.group(&circumstances, group, reply, out),
            Command::KeyNotify(notify) => {
                self.counters.key_notify_requests += 1;
                self.key_notify(now, request.client, notify, reply, out)?;
                Ok(None)
            }
            Command::Get { .. } | Command::GetWithTimeToLive { .. } | Command::GetMany(_) => {
                request.command.keys(|_, _| self.counters.retrievals += 1);
                Ok(self.read(now, &request.command, |_| true, reply).version)
            }
            Command::TimeToLive { .. } | Command::Scan(_) | Command::Features => {
                Ok(self.read(now, &request.command, |_| true, reply).version)
            }
        }
    }

    /// Counts a refusal for the limit that acted. Quotas of entries count where they are looked at.
    fn count_refusal(&mut self, refusal: Refusal, request: &Request<'_>) {
        let (counters, settings) = (&mut self.counters, &self.settings);
        let acted = match refusal {
            Refusal::KeyTooLong => &mut counters.refused_key_bytes,
            Refusal::ValueTooLong => &mut counters.refused_value_bytes,
            Refusal::QuotaExceeded => {
                counters.refused_quota += 1;
                if !matches!(request.command, Command::KeyNotify(_)) {
                    return;
                }
                let own = self.watches.clients.get(&request.client);
                let own = own.map_or(0, BTreeSet::len) as u64;
                if self.watches.registrations >= settings.registrations_max {
                    &mut counters.refused_registrations
                } else if own >= settings.registrations_per_client_max {
                    &mut counters.refused_registrations_per_client
                } else {
                    &mut counters.refused_registration_bytes
                }
            }
            _ => return,
        };
        *acted += 1;
    }

    /// Keys and values that are to be stored have limits; one that is only asked for is not there.
    fn check_lengths(&self, command: &Command<'_>) -> Result<(), Refusal> {
        let key_max = self.settings.key_bytes_max.min(KEY_BYTES_MAX as u64);
        let mut result = Ok(());
        if !command.is_read() {
            command.keys(|key, _| {
                if key.len() as u64 > key_max {
                    result = Err(Refusal::KeyTooLong);
                }
            });
        }
        result
    }

    fn key_notify(
        &mut self,
        now: Now,
        client: Client,
        notify: &KeyNotify<'_>,
        reply: &mut Vec<u8>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        let place = self.place(notify.key);
        match notify.registration {
            Registration::Start => {
                self.watches
                    .start(&self.settings, client, place.hash, place.key)?;
            }
            Registration::Stop => {
                if !self.watches.stop(client, place.hash, place.key) {
                    reply::number(reply, 0);
                    return Ok(());
                }
            }
            Registration::Resume { after } => {
                self.settle(place, now, out);
                self.resume(client, place, after, out)?;
            }
        }
        reply::ok(reply);
        Ok(())
    }

    /// Registers a client that may come back, and tells it what it missed: each change, or a gap
    /// and the present state, or nothing if nothing happened.
    fn resume(
        &mut self,
        client: Client,
        place: Place<'_>,
        after: Option<Version>,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let (key, last) = ((place.hash, place.key), self.clock.last());
        match self
            .watches
            .resume(&self.settings, client, key, (after, last))?
        {
            Missed::Nothing => {}
            Missed::After(from) => self.watches.replay(client, key, from, out),
            Missed::Unknown(from) => {
                let entry = self.table.find(place.hash, place.key);
                // A version up to which the client knows more than this store ever gave comes from
                // a store that is lost.
                let is_unchanged = |version: Version| version <= from && from <= last;
                if entry.is_some_and(|record| is_unchanged(record.version())) {
                    return Ok(());
                }
                let one = || std::iter::once(client);
                out.push(one(), place.key, Notification::Gap, last);
                match entry {
                    Some(record) => {
                        let state = Notification::Set(record.value());
                        out.push(one(), place.key, state, record.version());
                    }
                    None => out.push(one(), place.key, Notification::Delete, last),
                }
            }
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn place<'a>(&self, key: &'a [u8]) -> Place<'a> {
        let hash = self.table.hash(key);
        Place { hash, key }
    }

    /// An entry that has expired goes before a command that could see it is carried out.
    pub(crate) fn settle(&mut self, place: Place<'_>, now: Now, out: &mut Outbox) {
        let first = self.table.first_deadline();
        if first.is_none_or(|deadline| deadline > now.time) {
            return;
        }
        let entry = self.table.find(place.hash, place.key);
        if entry.is_some_and(|record| !record.is_alive(now.time)) {
            self.table.remove(place.hash, place.key);
            self.tell_expired(place, now, out);
        }
    }

    fn tell_expired(&mut self, place: Place<'_>, now: Now, out: &mut Outbox) {
        self.counters.expired += 1;
        let version = self.clock.stride(now.wall, None);
        self.tell(place, Notification::Delete, version, out);
    }

    pub(crate) fn tell(
        &mut self,
        place: Place<'_>,
        notification: Notification<'_>,
        version: Version,
        out: &mut Outbox,
    ) {
        let key = (place.hash, place.key);
        self.watches
            .notify(&self.settings, key, notification, version, out);
    }
}

/// Whether the answer would be another if the request were carried out again. Registrations are to
/// be made again: a connection in between has ended them.
fn is_kept(command: &Command<'_>) -> bool {
    match command {
        Command::Write(_) | Command::Group(_) => true,
        Command::KeyNotify(notify) => notify.registration == Registration::Stop,
        _ => false,
    }
}
