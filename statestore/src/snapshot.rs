//! The whole state as bytes, and back. The bytes do not show in which order things came and went:
//! entries and registrations stand in the order of their keys, answers in that of their requests.

use catena_hlc::{Clock, Millis, NODE_BYTES_MAX, Stamp, Version};
use catena_store::Notification;
use catena_types::{Moment, Reader, Truncated, Writer};

use crate::answers::Answers;
use crate::log::LogKey;
use crate::record::{Parts, Record};
use crate::watch::{Registration, State, Watched};
use crate::{Client, KEY_BYTES_MAX, Settings, StateStore};

const EXPIRES: u8 = 1;
const FENCED: u8 = 2;
const PERSISTS: u8 = 4;

/// Bytes of the smallest entry: two lengths, one byte of key, version and flags.
const ENTRY_MIN: usize = 8 + 1 + 8 + 8 + 1;

impl StateStore {
    /// Appends the whole replicated state to `out`.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        self.settings.write(&mut writer);
        writer.u64(self.clock.last().packed());
        let entries = self.table.sorted();
        writer.len(entries.len());
        for record in entries {
            write_entry(&mut writer, record);
        }
        self.answers.write(&mut writer);
        let watched = self.watches.sorted();
        writer.len(watched.len());
        watched
            .iter()
            .for_each(|watched| self.write_watched(&mut writer, watched));
    }

    /// The store that wrote this snapshot.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are no snapshot of this version.
    pub fn restore(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut store = Self::new(Settings::read(reader)?);
        store.clock = Clock::new(Version::from_packed(reader.u64()?));
        let last = store.clock.last();
        each_entry(reader, |parts| {
            require(parts.version <= last)?;
            store.table.put(store.table.hash(parts.key), parts);
            Ok(())
        })?;
        store.answers = Answers::read(store.settings.hash_seed, reader)?;
        let count = reader.count(8 + 1 + 8)?;
        let mut before: &[u8] = b"";
        for _ in 0..count {
            let key = reader.bytes()?;
            require(before < key && key.len() <= KEY_BYTES_MAX)?;
            before = key;
            store.read_watched(reader, key)?;
        }
        Ok(store)
    }

    fn write_watched(&self, writer: &mut Writer<'_>, watched: &Watched) {
        writer.bytes(&watched.key);
        writer.len(watched.registrations.len());
        for registration in &watched.registrations {
            writer.u64(registration.client.number());
            match registration.state {
                State::Plain => writer.u8(0),
                State::Present => writer.u8(1),
                State::Away(seen) => {
                    writer.u8(2);
                    writer.u64(seen.packed());
                }
            }
        }
        // There is a log exactly if a registration resumes.
        let Some(log) = &watched.log else {
            return;
        };
        writer.u64(log.complete_after.packed());
        writer.len(log.changes.len());
        for version in &log.changes {
            writer.u64(version.packed());
            match self.watches.log.notification(*version) {
                Some(Notification::Set(value)) => {
                    writer.u8(1);
                    writer.bytes(value);
                }
                Some(Notification::Delete | Notification::Gap) | None => writer.u8(0),
            }
        }
    }

    fn read_watched(&mut self, reader: &mut Reader<'_>, key: &[u8]) -> Result<(), Truncated> {
        let last = self.clock.last();
        let hash = self.table.hash(key);
        let count = reader.count(9)?;
        require(count > 0)?;
        let mut before = None;
        let mut resumes = false;
        for _ in 0..count {
            let client = Client::new(reader.u64()?);
            require(before < Some(client))?;
            before = Some(client);
            let state = match reader.u8()? {
                0 => State::Plain,
                1 => State::Present,
                2 => State::Away(Version::from_packed(reader.u64()?)),
                _ => return Err(Truncated),
            };
            resumes |= state.resumes();
            self.watches
                .restore(hash, key, Registration { client, state });
        }
        if resumes {
            let (log, index) = (read_log(reader, last)?, self.watches.index(hash, key));
            let index = index.ok_or(Truncated)?;
            let mut kept = LogKey::new(log.complete_after);
            for (version, value) in log.changes {
                require(self.watches.log.notification(version).is_none())?;
                let change = value.map_or(Notification::Delete, Notification::Set);
                self.watches.log.push(version, index, change);
                kept.changes.push_back(version);
            }
            if let Some(watched) = self.watches.keys.at_mut(index) {
                watched.log = Some(Box::new(kept));
            }
        }
        Ok(())
    }
}

struct ReadLog<'a> {
    complete_after: Version,
    changes: Vec<(Version, Option<&'a [u8]>)>,
}

fn read_log<'a>(reader: &mut Reader<'a>, last: Version) -> Result<ReadLog<'a>, Truncated> {
    let complete_after = Version::from_packed(reader.u64()?);
    let count = reader.count(9)?;
    let mut changes = Vec::with_capacity(count);
    let mut before = complete_after;
    for _ in 0..count {
        let version = Version::from_packed(reader.u64()?);
        require(before < version && version <= last)?;
        before = version;
        let value = match reader.u8()? {
            0 => None,
            1 => Some(reader.bytes()?),
            _ => return Err(Truncated),
        };
        changes.push((version, value));
    }
    Ok(ReadLog {
        complete_after,
        changes,
    })
}

fn write_entry(writer: &mut Writer<'_>, record: &Record) {
    let parts = record.parts();
    writer.bytes(parts.key);
    writer.bytes(parts.value);
    writer.u64(parts.version.packed());
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    writer.u8(flag(parts.deadline.is_some(), EXPIRES)
        | flag(parts.fence.is_some(), FENCED)
        | flag(parts.persists, PERSISTS));
    if let Some(deadline) = parts.deadline {
        writer.u64(deadline.nanos());
    }
    if let Some(fence) = parts.fence {
        writer.u64(fence.wall.number());
        writer.u64(fence.counter);
        writer.bytes(fence.node.as_bytes());
    }
}

/// Reads entries that ascend by key.
fn each_entry(
    reader: &mut Reader<'_>,
    mut each: impl FnMut(&Parts<'_>) -> Result<(), Truncated>,
) -> Result<(), Truncated> {
    let count = reader.count(ENTRY_MIN)?;
    let mut before: &[u8] = b"";
    for _ in 0..count {
        let key = reader.bytes()?;
        require(before < key && key.len() <= KEY_BYTES_MAX)?;
        before = key;
        let value = reader.bytes()?;
        let version = Version::from_packed(reader.u64()?);
        let flags = reader.u8()?;
        require(flags & !(EXPIRES | FENCED | PERSISTS) == 0)?;
        let deadline = match flags & EXPIRES {
            0 => None,
            _ => Some(Moment::from_nanos(reader.u64()?)),
        };
        let fence = match flags & FENCED {
            0 => None,
            _ => Some(read_fence(reader)?),
        };
        each(&Parts {
            key,
            value,
            version,
            deadline,
            fence,
            persists: flags & PERSISTS != 0,
        })?;
    }
    Ok(())
}

fn read_fence<'a>(reader: &mut Reader<'a>) -> Result<Stamp<'a>, Truncated> {
    let stamp = Stamp {
        wall: Millis::new(reader.u64()?),
        counter: reader.u64()?,
        node: reader.text()?,
    };
    require(!stamp.node.is_empty() && stamp.node.len() <= NODE_BYTES_MAX)?;
    Ok(stamp)
}

fn require(holds: bool) -> Result<(), Truncated> {
    if holds { Ok(()) } else { Err(Truncated) }
}
