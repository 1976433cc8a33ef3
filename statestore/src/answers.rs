//! Recent answers: a request that comes again is answered as before, not applied twice.
//!
//! They lie in a table like entries: the key is client ID and correlation data, the value the
//! payload of the reply, and the deadline the request's message expiry.

use catena_hlc::Version;
use catena_types::{Fault, Moment};

use crate::limits::ANSWER_IDENTITY_BYTES_MAX;
use crate::record::{Parts, Record};
use crate::table::Table;
use crate::{Answer, Identity, Settings};

/// The answers of requests that may still come again.
#[derive(Debug)]
pub(crate) struct Answers {
    table: Table,
    /// Holds one key at a time, so that looking one up allocates nothing.
    key: Vec<u8>,
    dropped: u64,
}

impl Answers {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            table: Table::new(seed),
            key: Vec::new(),
            dropped: 0,
        }
    }

    /// Appends the reply to the same request, if it is kept and has not run out.
    pub(crate) fn find(
        &mut self,
        identity: &Identity<'_>,
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Option<Answer> {
        if self.table.len() == 0 || !self.write_key(identity) {
            return None;
        }
        let hash = self.table.hash(&self.key);
        let record = self
            .table
            .find(hash, &self.key)
            .filter(|record| record.is_alive(now))?;
        reply.extend_from_slice(record.value());
        let version = (record.version() != Version::ZERO).then(|| record.version());
        Some(Answer {
            version,
            repeated: true,
        })
    }

    /// Keeps the reply to a request until the request runs out, or until there are too many.
    ///
    /// # Errors
    /// A [`Fault`] if the table is broken.
    pub(crate) fn keep(
        &mut self,
        settings: &Settings,
        identity: &Identity<'_>,
        now: Moment,
        (reply, version): (&[u8], Option<Version>),
    ) -> Result<(), Fault> {
        if identity.until <= now || !self.write_key(identity) {
            return Ok(());
        }
        let hash = self.table.hash(&self.key);
        let parts = Parts {
            key: &self.key,
            value: reply,
            version: version.unwrap_or(Version::ZERO),
            deadline: Some(identity.until),
            fence: None,
            persists: false,
        };
        self.table.put(hash, &parts);
        while self.table.len() as u64 > settings.answers_max
            || self.table.bytes() > settings.answer_bytes_max
        {
            if self.table.pop_first()?.is_none() {
                break;
            }
            self.dropped += 1;
        }
        Ok(())
    }

    /// Forgets the one that runs out first, if it has. `false` if none has.
    ///
    /// # Errors
    /// A [`Fault`] if the table is broken.
    pub(crate) fn forget_one(&mut self, now: Moment) -> Result<bool, Fault> {
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return Ok(false);
        }
        Ok(self.table.pop_first()?.is_some())
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.table.first_deadline()
    }

    pub(crate) const fn table(&self) -> &Table {
        &self.table
    }

    /// Answers dropped because of the limits.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// All answers, ascending by key.
    pub(crate) fn sorted(&self) -> Vec<&Record> {
        self.table.sorted()
    }

    /// Puts an answer in, from a snapshot.
    pub(crate) fn restore(&mut self, parts: &Parts<'_>) {
        self.table.put(self.table.hash(parts.key), parts);
    }

    /// Client ID with its length, then correlation data. `false` if that is too long to be kept.
    fn write_key(&mut self, identity: &Identity<'_>) -> bool {
        let length = identity
            .client_id
            .len()
            .saturating_add(identity.correlation.len());
        if length > ANSWER_IDENTITY_BYTES_MAX {
            return false;
        }
        self.key.clear();
        self.key
            .extend_from_slice(&(identity.client_id.len() as u16).to_le_bytes());
        self.key.extend_from_slice(identity.client_id);
        self.key.extend_from_slice(identity.correlation);
        true
    }
}
