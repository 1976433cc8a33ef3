//! Share groups: one queue for all members, from which `apply` gives each message to one of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use catena_mqtt::Qos;
use catena_types::{Fault, Pool, SessionId, invariant};

use super::messages::MessageIndex;

/// A member of a share group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its session.
    pub(crate) session: SessionId,
    /// Its attachment.
    pub(crate) attachment: u32,
    /// The QoS granted to its subscription.
    pub(crate) qos: Qos,
    /// Its Retain As Published.
    pub(crate) retain_as_published: bool,
    /// Its subscription identifier.
    pub(crate) subscription_id: Option<u32>,
}

/// A group as a recipient set names it: its place, and which of the groups that have stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupName {
    pub(super) index: u32,
    pub(super) serial: u64,
}

/// A share group with the filter it is subscribed by.
#[derive(Debug)]
pub(crate) struct Group {
    /// The whole filter: `$share/name/filter`.
    pub(crate) filter: Arc<str>,
    /// Which group this is: never given twice, so that a set that names an ended one names none.
    pub(crate) serial: u64,
    /// The members, ascending by session.
    pub(crate) members: Vec<Member>,
    /// Where the rotation stands.
    pub(crate) cursor: u32,
    /// Messages that no member could take yet, oldest first.
    pub(crate) waiting: VecDeque<MessageIndex>,
    /// Entries in members' queues that came from here.
    pub(crate) entries: u32,
    /// The tail's own: the rotation of QoS 0.
    pub(crate) push_cursor: u32,
}

/// The share groups of a partition.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    slab: Pool<Group>,
    pub(super) next_serial: u64,
    by_filter: BTreeMap<Arc<str>, u32>,
    by_session: BTreeMap<SessionId, Vec<u32>>,
}

impl Groups {
    /// The group with this whole filter.
    pub(crate) fn find(&self, filter: &str) -> Option<u32> {
        self.by_filter.get(filter).copied()
    }

    /// The name of the group with this whole filter, for a recipient set.
    pub(crate) fn name(&self, filter: &str) -> Option<GroupName> {
        let index = self.find(filter)?;
        self.at(index).map(|group| GroupName {
            index,
            serial: group.serial,
        })
    }

    /// The place of a named group that still exists.
    pub(crate) fn living(&self, name: GroupName) -> Option<u32> {
        self.at(name.index)
            .filter(|group| group.serial == name.serial)
            .map(|_| name.index)
    }

    /// The group at `index`.
    pub(crate) fn at(&self, index: u32) -> Option<&Group> {
        self.slab.at(index)
    }

    /// The group at `index`.
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut Group> {
        self.slab.at_mut(index)
    }

    /// The groups that a session is a member of.
    pub(crate) fn of(&self, session: SessionId) -> &[u32] {
        self.by_session.get(&session).map_or(&[], Vec::as_slice)
    }

    /// Makes a session a member, or changes its terms.
    pub(crate) fn join(&mut self, filter: &str, member: Member) -> u32 {
        let index = self.find_or_insert(filter);
        let session = member.session;
        if let Some(group) = self.slab.at_mut(index) {
            match group
                .members
                .binary_search_by_key(&session, |member| member.session)
            {
                Ok(at) => group.members[at] = member,
                Err(at) => group.members.insert(at, member),
            }
        }
        let groups = self.by_session.entry(session).or_default();
        if !groups.contains(&index) {
            // In the order of filters, which a snapshot keeps.
            let slab = &self.slab;
            let at = groups.partition_point(|&other| {
                slab.at(other).is_some_and(|group| *group.filter < *filter)
            });
            groups.insert(at, index);
        }
        index
    }

    pub(super) fn find_or_insert(&mut self, filter: &str) -> u32 {
        if let Some(index) = self.find(filter) {
            return index;
        }
        let filter: Arc<str> = filter.into();
        let serial = self.next_serial;
        self.next_serial += 1;
        let group = Group {
            filter: Arc::clone(&filter),
            serial,
            members: Vec::new(),
            cursor: 0,
            waiting: VecDeque::new(),
            entries: 0,
            push_cursor: 0,
        };
        let index = self.slab.insert(group);
        self.by_filter.insert(filter, index);
        index
    }

    /// Takes a member out. Without members the waiting messages come out too.
    pub(crate) fn leave(&mut self, index: u32, session: SessionId) -> VecDeque<MessageIndex> {
        if let Some(groups) = self.by_session.get_mut(&session) {
            groups.retain(|&other| other != index);
            if groups.is_empty() {
                self.by_session.remove(&session);
            }
        }
        let Some(group) = self.slab.at_mut(index) else {
            return VecDeque::new();
        };
        group.members.retain(|member| member.session != session);
        if !group.members.is_empty() {
            return VecDeque::new();
        }
        let waiting = std::mem::take(&mut group.waiting);
        self.remove_if_idle(index);
        waiting
    }

    /// An entry in a member's queue has come from the group.
    pub(crate) fn entry_made(&mut self, index: u32) {
        if let Some(group) = self.slab.at_mut(index) {
            group.entries += 1;
        }
    }

    /// An entry in a member's queue that came from the group is gone.
    pub(crate) fn entry_gone(&mut self, index: u32) -> Result<(), Fault> {
        let Some(group) = self.slab.at_mut(index) else {
            return Err(Fault::new(
                "a shared entry has its group",
                format!("group={index}"),
            ));
        };
        invariant!(
            group.entries > 0,
            "a group counts its entries",
            group = index
        );
        group.entries -= 1;
        self.remove_if_idle(index);
        Ok(())
    }

    /// A group exists while it has members or its entries are about.
    fn remove_if_idle(&mut self, index: u32) {
        let group = self.slab.at(index);
        if group.is_some_and(|group| group.members.is_empty() && group.entries == 0)
            && let Some(group) = self.slab.remove(index)
        {
            self.by_filter.remove(&group.filter);
        }
    }

    /// How many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All groups, ascending by filter.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Group)> {
        self.by_filter
            .values()
            .filter_map(|&index| Some((index, self.slab.at(index)?)))
    }
}
