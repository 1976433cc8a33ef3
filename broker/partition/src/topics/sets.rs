//! Recipient sets: the result of a match, named by number by every message that was sent with it.

use catena_mqtt::Qos;
use catena_types::{Fault, FrontendId, Pool, invariant};

use super::attached::Attached;
use super::groups::GroupName;
use crate::{IdRun, Own, Recipient};

/// A place in [`Sets`], or [`NONE`], or [`EMPTY`].
pub(crate) type SetIndex = u32;

/// No set: the topic has to be matched.
pub(crate) const NONE: SetIndex = u32::MAX;

/// The set without recipients; takes no memory.
pub(crate) const EMPTY: SetIndex = u32::MAX - 1;

/// A recipient with the handle of its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The handle; valid while the session there is `recipient.session`.
    pub(crate) attachment: u32,
    /// Whom and how.
    pub(crate) recipient: Recipient,
}

/// Who gets the messages of some topics.
#[derive(Debug)]
pub(crate) struct RecipientSet {
    /// Plain recipients, ascending by session.
    pub(crate) recipients: Box<[Placed]>,
    /// Share groups.
    pub(crate) groups: Box<[GroupName]>,
    /// The subscription identifiers that recipients point into.
    pub(crate) ids: Box<[u32]>,
    /// Everybody who matched can be reached from this partition.
    pub(crate) is_complete: bool,
    /// Some recipient is granted QoS 0 of a message of higher QoS.
    pub(crate) has_zero: bool,
    /// Topics, messages and pushes that name it.
    pub(crate) references: u32,
    audience: Audience,
}

/// Which frontends have a receiver, as of some change of attachments. The tail's own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Audience {
    as_of: u64,
    /// A bit for each frontend with a receiver; the last stands for all from 63 on.
    pub(crate) frontends: u64,
    /// Receivers without a connection.
    pub(crate) offline: u32,
    /// Receivers that are granted QoS 0 of everything.
    pub(crate) at_zero: u32,
    /// Those of them without a connection.
    pub(crate) offline_at_zero: u32,
}

impl RecipientSet {
    /// A set that nobody names yet.
    pub(crate) fn new(
        recipients: Box<[Placed]>,
        groups: Box<[GroupName]>,
        ids: Box<[u32]>,
    ) -> Self {
        let has_zero = recipients.iter().any(|placed| {
            let own = match placed.recipient.own {
                Own::Only { qos, .. } => qos,
                Own::Same | Own::Excluded => placed.recipient.qos,
            };
            placed.recipient.qos == Qos::AtMostOnce || own == Qos::AtMostOnce
        });
        Self {
            recipients,
            groups,
            ids,
            is_complete: true,
            has_zero,
            references: 0,
            audience: Audience::default(),
        }
    }

    /// The identifiers of a run.
    pub(crate) fn ids(&self, run: IdRun) -> &[u32] {
        let (start, count) = (run.start as usize, run.count as usize);
        self.ids
            .get(start..start.saturating_add(count))
            .unwrap_or(&[])
    }

    /// Which frontends have a receiver, and how many receivers are offline.
    pub(crate) fn audience(&mut self, attached: &Attached) -> Audience {
        if self.audience.as_of != attached.changes() {
            let mut audience = Audience {
                as_of: attached.changes(),
                ..Audience::default()
            };
            for placed in &self.recipients {
                let session = placed.recipient.session;
                let at_zero = u32::from(placed.recipient.qos == Qos::AtMostOnce);
                audience.at_zero += at_zero;
                match attached.online(placed.attachment, session) {
                    Some(record) => audience.frontends |= frontend_bit(record.frontend),
                    None => {
                        audience.offline += 1;
                        audience.offline_at_zero += at_zero;
                    }
                }
            }
            self.audience = audience;
        }
        self.audience
    }
}

/// The bit of a frontend in an audience.
pub(crate) fn frontend_bit(frontend: FrontendId) -> u64 {
    1 << frontend.number().min(63)
}

/// How a recipient gets a message, its own publishes considered.
pub(crate) fn terms(recipient: &Recipient, own: bool) -> Option<(Qos, bool, IdRun)> {
    match (own, recipient.own) {
        (false, _) | (true, Own::Same) => {
            Some((recipient.qos, recipient.retain_as_published, recipient.ids))
        }
        (true, Own::Excluded) => None,
        (
            true,
            Own::Only {
                qos,
                retain_as_published,
                ids,
            },
        ) => Some((qos, retain_as_published, ids)),
    }
}

/// The recipient sets of a partition.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    slab: Pool<RecipientSet>,
}

impl Sets {
    /// Adds a set; without recipients and groups that is always [`EMPTY`].
    pub(crate) fn insert(&mut self, set: RecipientSet) -> SetIndex {
        if set.recipients.is_empty() && set.groups.is_empty() {
            return EMPTY;
        }
        self.restore(set)
    }

    /// Adds a set from a snapshot: it keeps its place even if all its groups have gone since.
    pub(super) fn restore(&mut self, set: RecipientSet) -> SetIndex {
        self.slab.insert(set)
    }

    /// The set at `index`; `None` for [`EMPTY`].
    pub(crate) fn at(&self, index: SetIndex) -> Option<&RecipientSet> {
        self.slab.at(index)
    }

    /// The set at `index`; `None` for [`EMPTY`].
    pub(crate) fn at_mut(&mut self, index: SetIndex) -> Option<&mut RecipientSet> {
        self.slab.at_mut(index)
    }

    /// Names a set once more.
    pub(crate) fn refer(&mut self, index: SetIndex) {
        if let Some(set) = self.slab.at_mut(index) {
            set.references += 1;
        }
    }

    /// Names it once less; the last time frees it.
    pub(crate) fn release(&mut self, index: SetIndex) -> Result<(), Fault> {
        let Some(set) = self.slab.at_mut(index) else {
            return Ok(());
        };
        invariant!(
            set.references > 0,
            "a released recipient set was named",
            index = index
        );
        set.references -= 1;
        if set.references == 0 {
            self.slab.remove(index);
        }
        Ok(())
    }

    /// How many sets are kept.
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn iter(&self) -> impl Iterator<Item = (SetIndex, &RecipientSet)> {
        self.slab.iter()
    }
}
