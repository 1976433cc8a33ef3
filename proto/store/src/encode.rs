//! Writes requests, as a client sends them.

use catena_hlc::Version;

use crate::command::{
    Command, Delete, DeleteCondition, Increment, Registration, Set, SetCondition, Write,
};
use crate::resp3::{write_array, write_bytes, write_number, write_signed};
use crate::{Lifetime, NODE};

impl Command<'_> {
    /// Appends the payload of a request.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Write(write) => write.encode(out),
            Self::Get { key } => elements(out, &[b"GET", key]),
            Self::GetWithTimeToLive { key } => elements(out, &[b"GETPX", key]),
            Self::TimeToLive { key } => elements(out, &[b"PTTL", key]),
            Self::GetMany(keys) => {
                write_array(out, keys.len() + 1);
                write_bytes(out, b"MGET");
                out.extend_from_slice(keys.encoded());
            }
            Self::Scan(scan) => match scan.token {
                Some(token) => elements(out, &[b"SCAN", scan.pattern, token]),
                None => elements(out, &[b"SCAN", scan.pattern]),
            },
            Self::KeyNotify(notify) => match notify.registration {
                Registration::Start => elements(out, &[b"KEYNOTIFY", notify.key]),
                Registration::Stop => elements(out, &[b"KEYNOTIFY", notify.key, b"STOP"]),
                Registration::Resume { after: None } => {
                    elements(out, &[b"KEYNOTIFY", notify.key, b"RESUME"]);
                }
                Registration::Resume { after: Some(after) } => {
                    let after = text(after);
                    elements(
                        out,
                        &[b"KEYNOTIFY", notify.key, b"RESUME", after.as_bytes()],
                    );
                }
            },
            Self::Group(group) => {
                write_array(out, group.len() + 1);
                write_bytes(out, b"MULTI");
                group.iter().for_each(|write| write.encode(out));
            }
            Self::Features => elements(out, &[b"FEATURES"]),
        }
    }
}

/// Appends a multi-get of these keys: 1 to
/// [`GET_MANY_KEYS_MAX`](crate::limits::GET_MANY_KEYS_MAX).
pub fn encode_get_many(out: &mut Vec<u8>, keys: &[&[u8]]) {
    write_array(out, keys.len() + 1);
    write_bytes(out, b"MGET");
    keys.iter().for_each(|key| write_bytes(out, key));
}

/// Appends a group of these writes: 1 to
/// [`GROUP_WRITES_MAX`](crate::limits::GROUP_WRITES_MAX).
pub fn encode_group(out: &mut Vec<u8>, writes: &[Write<'_>]) {
    write_array(out, writes.len() + 1);
    write_bytes(out, b"MULTI");
    writes.iter().for_each(|write| write.encode(out));
}

impl Write<'_> {
    /// Appends the payload of a request that asks for this alone, which is also how it stands in a
    /// group.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Set(set) => set.encode(out),
            Self::Delete(delete) => delete.encode(out),
            Self::Increment(Increment { key, by }) => {
                let mut text = Vec::with_capacity(20);
                write_signed(&mut text, *by);
                elements(out, &[b"INCRBY", key, &text]);
            }
        }
    }
}

impl Set<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let with_lifetime = if self.lifetime.is_some() { 2 } else { 0 };
        match self.condition {
            SetCondition::Version(version) => {
                write_array(out, 4 + with_lifetime);
                write_bytes(out, b"CAS");
                write_bytes(out, self.key);
                write_bytes(out, text(version).as_bytes());
                write_bytes(out, self.value);
            }
            SetCondition::Always => self.encode_plain(out, None, with_lifetime),
            SetCondition::Absent => self.encode_plain(out, Some(b"NX"), with_lifetime),
            SetCondition::AbsentOrEqual => self.encode_plain(out, Some(b"NEX"), with_lifetime),
        }
        self.lifetime
            .iter()
            .for_each(|lifetime| encode_lifetime(out, *lifetime));
    }

    /// The condition goes before the lifetime.
    fn encode_plain(&self, out: &mut Vec<u8>, condition: Option<&[u8]>, with_lifetime: usize) {
        write_array(out, 3 + usize::from(condition.is_some()) + with_lifetime);
        write_bytes(out, b"SET");
        write_bytes(out, self.key);
        write_bytes(out, self.value);
        condition
            .iter()
            .for_each(|condition| write_bytes(out, condition));
    }
}

fn encode_lifetime(out: &mut Vec<u8>, lifetime: Lifetime) {
    write_bytes(out, b"PX");
    let mut text = Vec::with_capacity(20);
    write_number(&mut text, lifetime.millis());
    write_bytes(out, &text);
}

impl Delete<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self.condition {
            DeleteCondition::Always => elements(out, &[b"DEL", self.key]),
            DeleteCondition::Absent => elements(out, &[b"ABSENT", self.key]),
            DeleteCondition::Value(value) => elements(out, &[b"VDEL", self.key, value]),
            DeleteCondition::Version(version) => {
                elements(out, &[b"CAD", self.key, text(version).as_bytes()]);
            }
        }
    }
}

fn text(version: Version) -> String {
    version.stamp(NODE).to_string()
}

fn elements(out: &mut Vec<u8>, elements: &[&[u8]]) {
    write_array(out, elements.len());
    elements
        .iter()
        .for_each(|element| write_bytes(out, element));
}
