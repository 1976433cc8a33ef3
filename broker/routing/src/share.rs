//! Share groups: the sessions that share one filter under one name.

use std::fmt;

use crate::slab::Slab;
use crate::subscribers::Subscribers;

/// A share group. Given when its first member subscribes; never used again after the last one
/// has left, so that a queue that belonged to it cannot be taken for a later group's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupId(u64);

impl GroupId {
    /// Wraps the number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The bare number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A shared subscription: share name and filter together identify it (MQTT 5.0, 4.8.2).
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) name: Box<str>,
    /// The place of its filter.
    pub(crate) filter: u32,
    pub(crate) members: Subscribers,
}

/// The groups of one filter, by ascending name. Eight bytes for a filter that has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupsOfFilter(Option<Box<ByName>>);

/// Places of groups. Boxed, as few filters are shared.
#[derive(Debug, Clone, Default)]
struct ByName(Vec<u32>);

impl GroupsOfFilter {
    /// The place of the group with this name.
    pub(crate) fn find(&self, name: &str, groups: &Slab<Group>) -> Option<u32> {
        let place = position(self.as_slice(), name, groups).ok()?;
        self.as_slice().get(place).copied()
    }

    /// Adds a group that is not there yet.
    pub(crate) fn insert(&mut self, group: u32, groups: &Slab<Group>) {
        let list = &mut self.0.get_or_insert_default().0;
        if let Err(place) = position(list, &groups[group].name, groups) {
            list.insert(place, group);
        }
    }

    /// Removes a group that still stands in its place.
    pub(crate) fn remove(&mut self, group: u32, groups: &Slab<Group>) {
        let Some(list) = &mut self.0 else { return };
        if let Ok(place) = position(&list.0, &groups[group].name, groups) {
            list.0.remove(place);
        }
        if list.0.is_empty() {
            self.0 = None;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The places of the groups, by ascending name.
    pub(crate) fn as_slice(&self) -> &[u32] {
        self.0.as_ref().map_or(&[], |list| &list.0)
    }
}

fn position(list: &[u32], name: &str, groups: &Slab<Group>) -> Result<usize, usize> {
    list.binary_search_by(|group| groups[*group].name.as_ref().cmp(name))
}
