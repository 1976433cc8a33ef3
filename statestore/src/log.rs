//! The changes of keys that somebody resumes, oldest dropped first.
//!
//! A change is named by its version, which no other change has: the clock of the store gives each
//! version once, and they ascend.

use std::collections::{BTreeMap, VecDeque};

use catena_hlc::Version;
use catena_store::Notification;

use crate::Settings;
use crate::limits::CHANGE_OVERHEAD_BYTES;

/// All kept changes, in order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) changes: BTreeMap<Version, Change>,
    bytes: u64,
    dropped: u64,
}

/// What is kept of one key's changes.
#[derive(Debug)]
pub(crate) struct LogKey {
    /// Every change of the key after this version is kept.
    pub(crate) complete_after: Version,
    /// The versions of kept changes, ascending.
    pub(crate) changes: VecDeque<Version>,
}

/// A kept change.
#[derive(Debug)]
pub(crate) struct Change {
    /// The place of the key among those that are watched.
    pub(crate) watched: u32,
    /// The value that was set; absent: the key was removed.
    value: Option<Box<[u8]>>,
}

impl Change {
    pub(crate) fn charge(&self) -> u64 {
        self.value.as_ref().map_or(0, |value| value.len() as u64) + CHANGE_OVERHEAD_BYTES
    }
}

impl LogKey {
    pub(crate) const fn new(complete_after: Version) -> Self {
        Self {
            complete_after,
            changes: VecDeque::new(),
        }
    }
}

impl Log {
    pub(crate) fn push(&mut self, version: Version, watched: u32, change: Notification<'_>) {
        let value = match change {
            Notification::Set(value) => Some(value.into()),
            Notification::Delete | Notification::Gap => None,
        };
        let change = Change { watched, value };
        self.bytes += change.charge();
        self.changes.insert(version, change);
    }

    pub(crate) fn notification(&self, version: Version) -> Option<Notification<'_>> {
        let change = self.changes.get(&version)?;
        Some(
            change
                .value
                .as_deref()
                .map_or(Notification::Delete, Notification::Set),
        )
    }

    pub(crate) fn remove(&mut self, version: Version) {
        if let Some(change) = self.changes.remove(&version) {
            self.bytes -= change.charge();
        }
    }

    /// Drops the oldest change: its version and the place of its key.
    pub(crate) fn pop_oldest(&mut self) -> Option<(Version, u32)> {
        let (version, change) = self.changes.pop_first()?;
        self.bytes -= change.charge();
        self.dropped += 1;
        Some((version, change.watched))
    }

    pub(crate) fn exceeds(&self, settings: &Settings) -> bool {
        self.changes.len() as u64 > settings.changes_max || self.bytes > settings.change_bytes_max
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Changes dropped because of the limits.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}
