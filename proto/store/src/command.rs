//! The commands: what a client can ask of the state store.

use std::num::NonZeroU64;

use catena_hlc::Version;

use crate::{Group, Keys};

/// One request. Everything borrows from its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// A change of one key.
    Write(Write<'a>),
    /// `GET`: the value of a key.
    Get {
        /// The key.
        key: &'a [u8],
    },
    /// `GETPX`: the value of a key, and how long the key lives on.
    GetWithTimeToLive {
        /// The key.
        key: &'a [u8],
    },
    /// `MGET`: the values and versions of several keys.
    GetMany(Keys<'a>),
    /// `PTTL`: how long a key lives on.
    TimeToLive {
        /// The key.
        key: &'a [u8],
    },
    /// `SCAN`: which keys there are.
    Scan(Scan<'a>),
    /// `KEYNOTIFY`: to be told of changes, or no more.
    KeyNotify(KeyNotify<'a>),
    /// `MULTI`: several writes, all or none.
    Group(Group<'a>),
    /// `FEATURES`: what this server can do beyond the published protocol.
    Features,
}

/// A change of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write<'a> {
    /// `SET` or, conditional on a version, `CAS`.
    Set(Set<'a>),
    /// `DEL`, `VDEL`, conditional on a version `CAD`, or `ABSENT`, which finds nothing to remove.
    Delete(Delete<'a>),
    /// `INCRBY`.
    Increment(Increment<'a>),
}

/// Gives a key a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set<'a> {
    /// The key; never empty.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// When to do it.
    pub condition: SetCondition,
    /// How long the entry lives; for ever if absent.
    pub lifetime: Option<Lifetime>,
}

/// When a value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetCondition {
    /// Always.
    Always,
    /// `NX`: if the key does not exist.
    Absent,
    /// `NEX`: if the key does not exist or has the very value that is to be set.
    AbsentOrEqual,
    /// `CAS`: if the key exists with this version.
    Version(Version),
}

/// Removes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delete<'a> {
    /// The key; never empty.
    pub key: &'a [u8],
    /// When to do it.
    pub condition: DeleteCondition<'a>,
}

/// When a key is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteCondition<'a> {
    /// Always.
    Always,
    /// `VDEL`: if the key has this value.
    Value(&'a [u8]),
    /// `CAD`: if the key has this version.
    Version(Version),
    /// `ABSENT`: if the key does not exist. Alone it only tells; in a group all depends on it.
    Absent,
}

/// Adds to a decimal number; an absent key counts as 0. Keeps the key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increment<'a> {
    /// The key; never empty.
    pub key: &'a [u8],
    /// What to add.
    pub by: i64,
}

/// How long an entry lives, in milliseconds, counted from when the broker sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(NonZeroU64);

impl Lifetime {
    /// A lifetime of so many milliseconds; there is none of 0.
    pub const fn from_millis(millis: u64) -> Option<Self> {
        match NonZeroU64::new(millis) {
            Some(millis) => Some(Self(millis)),
            None => None,
        }
    }

    /// The number of milliseconds.
    pub const fn millis(self) -> u64 {
        self.0.get()
    }
}

/// Asks for one page of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan<'a> {
    /// Which keys ([`crate::glob`]); the same for all pages.
    pub pattern: &'a [u8],
    /// Where the last page ended; absent for the first.
    pub token: Option<&'a [u8]>,
}

/// Registers a client for the changes of a key, or ends that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyNotify<'a> {
    /// The key; never empty.
    pub key: &'a [u8],
    /// What is asked.
    pub registration: Registration,
}

/// What becomes of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// It begins and lasts as long as the connection.
    Start,
    /// It ends.
    Stop,
    /// `RESUME`: it begins or goes on, and lasts as long as the session.
    Resume {
        /// The version up to which the client knows the key; absent: up to the end of its last
        /// connection.
        after: Option<Version>,
    },
}

/// The right that a command needs for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To know the key's value.
    Read,
    /// To change the key.
    Write,
}

impl<'a> Command<'a> {
    /// Each key that the command names and the right that it needs. A scan names none: it lists
    /// what the client may read.
    pub fn keys(&self, mut each: impl FnMut(&'a [u8], Access)) {
        match self {
            Self::Write(write) => each(write.key(), Access::Write),
            Self::Get { key } | Self::GetWithTimeToLive { key } | Self::TimeToLive { key } => {
                each(key, Access::Read);
            }
            Self::KeyNotify(notify) => each(notify.key, Access::Read),
            Self::GetMany(keys) => keys.iter().for_each(|key| each(key, Access::Read)),
            Self::Group(group) => group.iter().for_each(|w| each(w.key(), Access::Write)),
            Self::Scan(_) | Self::Features => {}
        }
    }

    /// Whether it changes nothing, so that it needs no place in a log.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Write(_) | Self::KeyNotify(_) | Self::Group(_) => false,
            Self::Get { .. }
            | Self::GetWithTimeToLive { .. }
            | Self::GetMany(_)
            | Self::TimeToLive { .. }
            | Self::Scan(_)
            | Self::Features => true,
        }
    }
}

impl<'a> Write<'a> {
    /// The key that is changed.
    pub fn key(&self) -> &'a [u8] {
        match self {
            Self::Set(set) => set.key,
            Self::Delete(delete) => delete.key,
            Self::Increment(increment) => increment.key,
        }
    }
}
