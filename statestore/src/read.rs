//! Reads: they change nothing, so that they need no place in a log.

use catena_hlc::Version;
use catena_store::{Command, Keys, Refusal, reply};
use catena_types::Moment;

use crate::record::Record;
use crate::{Answer, Now, StateStore};

impl StateStore {
    /// Answers a read: appends the payload of the reply. A scan lists only keys that are
    /// `visible`. What has expired at `now` is not there, whether or not a tick has removed it.
    ///
    /// A command that is no read is refused as unknown.
    pub fn read(
        &self,
        now: Now,
        command: &Command<'_>,
        visible: impl Fn(&[u8]) -> bool,
        reply: &mut Vec<u8>,
    ) -> Answer {
        let mut version = None;
        match command {
            Command::Get { key } => {
                let entry = self.alive(key, now.time);
                value(entry, reply);
                version = entry.map(Record::version);
            }
            Command::GetWithTimeToLive { key } => {
                let entry = self.alive(key, now.time);
                match entry {
                    Some(record) => {
                        let millis = time_to_live(entry, now.time);
                        reply::value_with_time_to_live(reply, record.value(), millis);
                    }
                    None => reply::null(reply),
                }
                version = entry.map(Record::version);
            }
            Command::TimeToLive { key } => {
                let entry = self.alive(key, now.time);
                reply::number(reply, time_to_live(entry, now.time));
                version = entry.map(Record::version);
            }
            Command::GetMany(keys) => self.many(now.time, keys, reply),
            Command::Scan(scan) => match self.scan(now, scan, visible) {
                Ok(page) => reply::page(reply, &page.keys, page.token.as_deref()),
                Err(refusal) => reply::refusal(reply, refusal),
            },
            Command::Features => reply::features(reply),
            Command::Write(_) | Command::KeyNotify(_) | Command::Group(_) => {
                reply::refusal(reply, Refusal::UnknownCommand);
            }
        }
        Answer {
            version,
            repeated: false,
        }
    }

    /// The version of a key, if it exists.
    pub fn version(&self, now: Now, key: &[u8]) -> Option<Version> {
        self.alive(key, now.time).map(Record::version)
    }

    /// Whether a key exists and is to be kept on disk.
    pub fn is_persistent(&self, now: Now, key: &[u8]) -> bool {
        self.alive(key, now.time).is_some_and(Record::persists)
    }

    fn alive(&self, key: &[u8], time: Moment) -> Option<&Record> {
        let place = self.place(key);
        let entry = self.table.find(place.hash, place.key);
        entry.filter(|record| record.is_alive(time))
    }

    fn many(&self, time: Moment, keys: &Keys<'_>, reply: &mut Vec<u8>) {
        let start = reply.len();
        reply::results(reply, keys.len());
        for key in keys.iter() {
            let entry = self.alive(key, time);
            reply::result(reply);
            value(entry, reply);
            reply::version(reply, entry.map(Record::version));
            if (reply.len() - start) as u64 > self.settings.reply_bytes_max {
                reply.truncate(start);
                reply::refusal(reply, Refusal::ReplyTooLong);
                return;
            }
        }
    }
}

fn value(entry: Option<&Record>, reply: &mut Vec<u8>) {
    match entry {
        Some(record) => reply::value(reply, record.value()),
        None => reply::null(reply),
    }
}

/// Milliseconds, rounded up: what exists has at least one left.
fn time_to_live(entry: Option<&Record>, time: Moment) -> i64 {
    let Some(record) = entry else {
        return reply::LIVES_NOT;
    };
    let Some(deadline) = record.deadline() else {
        return reply::LIVES_FOREVER;
    };
    let nanos = deadline.nanos().saturating_sub(time.nanos());
    i64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
