//! What matches a topic: each session once, and the share groups.

use std::ops::Range;

use catena_types::SessionId;

use crate::filters::Filters;
use crate::share::{Group, GroupId};
use crate::slab::Slab;
use crate::subscribers::Terms;
use crate::trie::Walk;
use catena_mqtt::Qos;

/// The subscriptions that match a topic. Made by [`crate::Routing::matching`]; owned by the caller
/// and used again, so that a match allocates nothing once the largest result has been seen.
#[derive(Debug, Clone, Default)]
pub struct Matches {
    recipients: Vec<RecipientRecord>,
    shared: Vec<SharedRecord>,
    subscription_ids: Vec<u32>,
    members: Vec<Member>,
    texts: String,
    // Working memory.
    walk: Walk,
    filters: Vec<u32>,
    plain: Vec<(SessionId, Terms)>,
}

/// A session that gets the message, in one copy however many of its subscriptions match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient<'a> {
    /// Which session.
    pub session: SessionId,
    /// The highest QoS that any of its matching subscriptions was granted [MQTT-3.3.4-2].
    pub qos: Qos,
    /// Whether any of them keeps the retain flag.
    pub retain_as_published: bool,
    /// The identifiers of all of them that have one [MQTT-3.3.4-3] [MQTT-3.3.4-4], ascending. An
    /// identifier used for two of them appears twice (MQTT 5.0, 3.3.4).
    pub subscription_ids: &'a [u32],
    /// What becomes of it if the session published the message itself.
    pub own: Own<'a>,
}

/// What a session gets of its own publishes [MQTT-3.8.3-3].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own<'a> {
    /// The same as of others': none of its matching subscriptions is no-local.
    Same,
    /// Nothing: all of them are.
    Excluded,
    /// One copy for those that are not no-local.
    Merge {
        /// The highest QoS of those.
        qos: Qos,
        /// Whether any of those keeps the retain flag.
        retain_as_published: bool,
        /// The identifiers of those, ascending.
        subscription_ids: &'a [u32],
    },
}

/// A share group that gets the message, for one of its members (MQTT 5.0, 4.8.2). This copy is
/// beside those for plain subscriptions, also if the member has one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedMatch<'a> {
    /// Which group.
    pub group: GroupId,
    /// Its share name.
    pub name: &'a str,
    /// Its filter, without the share name.
    pub filter: &'a str,
    /// Its members, by ascending session; at least one.
    pub members: &'a [Member],
}

/// A member of a share group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Which session.
    pub session: SessionId,
    /// The QoS it was granted.
    pub qos: Qos,
    /// Whether messages keep their retain flag.
    pub retain_as_published: bool,
    /// The identifier of its subscription.
    pub subscription_id: Option<u32>,
}

impl Matches {
    /// The sessions with a matching plain subscription, ascending.
    pub fn recipients(&self) -> Recipients<'_> {
        Recipients {
            matches: self,
            records: self.recipients.iter(),
        }
    }

    /// The matching share groups, by ascending name, then filter.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = SharedMatch<'_>> {
        self.shared.iter().map(|record| SharedMatch {
            group: record.group,
            name: &self.texts[record.name.clone()],
            filter: &self.texts[record.filter.clone()],
            members: &self.members[record.members.clone()],
        })
    }

    /// Whether nobody gets the message.
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty() && self.shared.is_empty()
    }

    /// How many nodes of the trie were looked at.
    #[cfg(test)]
    pub(crate) fn visited(&self) -> usize {
        self.walk.visited
    }

    pub(crate) fn fill(&mut self, topic: &str, filters: &Filters, groups: &Slab<Group>) {
        self.recipients.clear();
        self.shared.clear();
        self.subscription_ids.clear();
        self.members.clear();
        self.texts.clear();
        self.filters.clear();
        self.plain.clear();
        let found = &mut self.filters;
        filters.matching(topic, &mut self.walk, |filter| found.push(filter));
        let mut sorted = true;
        for filter in &self.filters {
            let entry = filters.entry(*filter);
            sorted &= self.plain.is_empty() || entry.plain.is_empty();
            self.plain.extend(entry.plain.iter());
        }
        if !sorted {
            // Stable: it finds and merges the runs that the filters left.
            self.plain.sort();
        }
        self.merge();
        self.collect_groups(filters, groups);
    }

    /// One recipient for each session [MQTT-3.3.4-2] [MQTT3-3.3.5-1].
    fn merge(&mut self) {
        let ids = &mut self.subscription_ids;
        for run in self.plain.chunk_by(|left, right| left.0 == right.0) {
            let Some(session) = run.first().map(|(session, _)| *session) else {
                continue;
            };
            let all = Merged::of(run.iter().map(|(_, terms)| *terms), ids);
            let foreign = run.iter().filter(|(_, terms)| terms.no_local()).count();
            let own = if foreign == 0 {
                OwnRecord::Same
            } else if foreign == run.len() {
                OwnRecord::Excluded
            } else {
                let kept = run.iter().map(|(_, terms)| *terms);
                OwnRecord::Merge(Merged::of(kept.filter(|terms| !terms.no_local()), ids))
            };
            self.recipients.push(RecipientRecord { session, all, own });
        }
    }

    fn collect_groups(&mut self, filters: &Filters, groups: &Slab<Group>) {
        for filter in &self.filters {
            let of_filter = filters.entry(*filter).groups.as_slice();
            if of_filter.is_empty() {
                continue;
            }
            let filter = append(&mut self.texts, |texts| filters.text(*filter, texts));
            for group in of_filter {
                let group = &groups[*group];
                let first = self.members.len();
                self.members.extend(group.members.iter().map(Member::new));
                self.shared.push(SharedRecord {
                    group: group.id,
                    name: append(&mut self.texts, |texts| texts.push_str(&group.name)),
                    filter: filter.clone(),
                    members: first..self.members.len(),
                });
            }
        }
        let texts = &self.texts;
        let key =
            |record: &SharedRecord| (&texts[record.name.clone()], &texts[record.filter.clone()]);
        self.shared
            .sort_unstable_by(|left, right| key(left).cmp(&key(right)));
    }
}

/// Appends to a text and returns where.
fn append(texts: &mut String, write: impl FnOnce(&mut String)) -> Range<usize> {
    let start = texts.len();
    write(texts);
    start..texts.len()
}

/// The recipients of a [`Matches`], by ascending session.
#[derive(Debug, Clone)]
pub struct Recipients<'a> {
    matches: &'a Matches,
    records: std::slice::Iter<'a, RecipientRecord>,
}

impl<'a> Iterator for Recipients<'a> {
    type Item = Recipient<'a>;

    fn next(&mut self) -> Option<Recipient<'a>> {
        let record = self.records.next()?;
        let ids = &self.matches.subscription_ids;
        Some(Recipient {
            session: record.session,
            qos: record.all.qos,
            retain_as_published: record.all.retain_as_published,
            subscription_ids: &ids[record.all.ids()],
            own: match &record.own {
                OwnRecord::Same => Own::Same,
                OwnRecord::Excluded => Own::Excluded,
                OwnRecord::Merge(merged) => Own::Merge {
                    qos: merged.qos,
                    retain_as_published: merged.retain_as_published,
                    subscription_ids: &ids[merged.ids()],
                },
            },
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for Recipients<'_> {}

impl Member {
    fn new((session, terms): (SessionId, Terms)) -> Self {
        Self {
            session,
            qos: terms.qos(),
            retain_as_published: terms.retain_as_published(),
            subscription_id: terms.subscription_id(),
        }
    }
}

#[derive(Debug, Clone)]
struct RecipientRecord {
    session: SessionId,
    all: Merged,
    own: OwnRecord,
}

#[derive(Debug, Clone)]
enum OwnRecord {
    Same,
    Excluded,
    Merge(Merged),
}

/// Several subscriptions of a session as one.
#[derive(Debug, Clone)]
struct Merged {
    qos: Qos,
    retain_as_published: bool,
    ids_start: u32,
    ids_end: u32,
}

impl Merged {
    /// Appends the identifiers to `ids`, in the order of `terms`.
    fn of(terms: impl Iterator<Item = Terms>, ids: &mut Vec<u32>) -> Self {
        let mut merged = Self {
            qos: Qos::AtMostOnce,
            retain_as_published: false,
            ids_start: ids.len() as u32,
            ids_end: 0,
        };
        for terms in terms {
            merged.qos = merged.qos.max(terms.qos());
            merged.retain_as_published |= terms.retain_as_published();
            ids.extend(terms.subscription_id());
        }
        merged.ids_end = ids.len() as u32;
        merged
    }

    fn ids(&self) -> Range<usize> {
        self.ids_start as usize..self.ids_end as usize
    }
}

#[derive(Debug, Clone)]
struct SharedRecord {
    group: GroupId,
    name: Range<usize>,
    filter: Range<usize>,
    members: Range<usize>,
}
