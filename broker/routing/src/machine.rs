//! The routing table as a replicated machine: what each command does to it.

use catena_mqtt::Filter;
use catena_types::{
    Digest, Digester, Entry, Fault, Machine, Reader, RoutingVersion, SessionId, Truncated,
    invariant,
};

use crate::command::{Change, Command, FilterOutcome, Outcome, Reach, Refusal};
use crate::filter::{self, SHARE_PREFIX};
use crate::filters::Filters;
use crate::limits::SUBSCRIPTIONS_MAX;
use crate::matches::Matches;
use crate::sessions::{Reference, Referent, Sessions};
use crate::share::{Group, GroupId};
use crate::slab::Slab;
use crate::snapshot;
use crate::subscribers::Terms;
use crate::text_hash::TextHash;

/// Filter → subscribers and session → filters, of the whole cluster.
///
/// Changes only by commands, each of which raises the version. Invariants, checked by
/// `validate()`: both directions hold the same subscriptions; every filter has a subscriber or a
/// share group, every share group a member, every session a subscription.
#[derive(Debug, Clone)]
pub struct Routing {
    pub(super) version: RoutingVersion,
    /// The share group that is founded next.
    pub(super) next_group: u64,
    pub(super) filters: Filters,
    pub(super) groups: Slab<Group>,
    pub(super) sessions: Sessions,
    /// The sum of all subscriptions' digests: it does not depend on their order.
    pub(super) content: u64,
    pub(super) plain_count: u32,
    pub(super) shared_count: u32,
    pub(super) subscriptions_max: u32,
    pub(super) hash: TextHash,
}

/// How much a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Sessions with at least one subscription.
    pub sessions: usize,
    /// Subscriptions, shared ones included.
    pub subscriptions: usize,
    /// Shared subscriptions: members of share groups.
    pub shared_subscriptions: usize,
    /// Share groups.
    pub share_groups: usize,
    /// Different filters, without their share names.
    pub filters: usize,
    /// Those that have a wildcard.
    pub wildcard_filters: usize,
}

impl Routing {
    /// An empty table. `seed` guards its hash tables against filters chosen to collide; clients
    /// must not know it, and nothing else depends on it.
    pub fn new(seed: u64) -> Self {
        let hash = TextHash::new(seed);
        Self {
            version: RoutingVersion::default(),
            next_group: 1,
            filters: Filters::new(hash.clone()),
            groups: Slab::default(),
            sessions: Sessions::new(hash.clone()),
            content: 0,
            plain_count: 0,
            shared_count: 0,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            hash,
        }
    }

    /// Applies a command; raises the version whatever the outcome.
    ///
    /// # Errors
    /// A [`Fault`] if the table contradicts itself: this replica must stop.
    pub fn apply_command(&mut self, command: Command<'_>) -> Result<Outcome, Fault> {
        let next = self.version.number().checked_add(1);
        invariant!(next.is_some(), "versions do not run out");
        self.version = RoutingVersion::new(next.unwrap_or_default());
        let (session, filters) = match command {
            Command::Subscribe {
                session,
                subscription_id,
                filters,
            } => {
                let changes = filters.iter().map(|request| {
                    let terms = Terms::new(request.options, subscription_id);
                    self.subscribe(session, request.filter, terms)
                });
                (session, changes.collect::<Result<_, Fault>>()?)
            }
            Command::Unsubscribe { session, filters } => {
                let changes = filters.iter().map(|text| self.unsubscribe(session, text));
                (session, changes.collect::<Result<_, Fault>>()?)
            }
            Command::EndSession { session } => (session, self.end_session(session)?),
        };
        Ok(Outcome {
            version: self.version,
            session,
            filters,
        })
    }

    /// Finds all subscriptions that match a topic. The cost depends on what matches and on the
    /// topic's levels, not on how much is subscribed.
    pub fn matching(&self, topic: &str, out: &mut Matches) {
        out.fill(topic, &self.filters, &self.groups);
    }

    /// The number of commands applied.
    pub fn version(&self) -> RoutingVersion {
        self.version
    }

    /// How many subscriptions a session has, shared ones included.
    pub fn subscription_count(&self, session: SessionId) -> usize {
        self.sessions.of(session).len()
    }

    /// Whether a session has a subscription with this filter, character by character.
    pub fn is_subscribed(&self, session: SessionId, text: &str) -> bool {
        let filter = filter::parse(text);
        filter.is_some_and(|filter| self.terms_of(session, &filter).is_some())
    }

    /// How much there is.
    pub fn stats(&self) -> Stats {
        Stats {
            sessions: self.sessions.len(),
            subscriptions: (self.plain_count + self.shared_count) as usize,
            shared_subscriptions: self.shared_count as usize,
            share_groups: self.groups.len(),
            filters: self.filters.entries.len(),
            wildcard_filters: self.filters.wildcard_count(),
        }
    }

    /// A subscription with a filter that the session has already takes the place of the old one
    /// [MQTT-3.8.4-3] [MQTT3-3.8.4-3].
    pub(super) fn subscribe(
        &mut self,
        session: SessionId,
        text: &str,
        terms: Option<Terms>,
    ) -> Result<FilterOutcome, Fault> {
        let (Some(filter), Some(terms)) = (filter::parse(text), terms) else {
            return Ok(FilterOutcome {
                reach: Reach::Nothing,
                change: Change::Refused(Refusal::Invalid),
            });
        };
        let reach = reach_of(&filter);
        let full = self.plain_count + self.shared_count >= self.subscriptions_max;
        if full && self.terms_of(session, &filter).is_none() {
            let change = Change::Refused(Refusal::Full);
            return Ok(FilterOutcome { reach, change });
        }
        let place = self.filters.insert(&filter);
        let (reference, group, old) = match filter.share {
            None => {
                let old = self.filters.entry_mut(place).plain.insert(session, terms);
                (Reference::plain(place), None, old)
            }
            Some(name) => {
                let group = self.group(place, name)?;
                let old = self.groups[group].members.insert(session, terms);
                (Reference::shared(group), Some(self.groups[group].id), old)
            }
        };
        let added = digest_of(session, text, terms, group);
        self.content = self.content.wrapping_add(added);
        if let Some(old) = old {
            let removed = digest_of(session, text, old, group);
            self.content = self.content.wrapping_sub(removed);
        } else {
            *self.count_mut(group) += 1;
            self.sessions.insert(session, reference);
        }
        invariant!(
            self.plain_count + self.shared_count <= self.subscriptions_max,
            "the table stays within its limit",
            plain = self.plain_count,
            shared = self.shared_count
        );
        let change = if old.is_some() {
            Change::Replaced
        } else {
            Change::New
        };
        Ok(FilterOutcome { reach, change })
    }

    /// Removes the subscription whose filter is the same, character by character
    /// [MQTT-3.10.4-1] [MQTT3-3.10.4-1]; that of a share group's member likewise, and that of
    /// nobody else.
    fn unsubscribe(&mut self, session: SessionId, text: &str) -> Result<FilterOutcome, Fault> {
        let Some(filter) = filter::parse(text) else {
            return Ok(FilterOutcome {
                reach: Reach::Nothing,
                change: Change::Absent,
            });
        };
        let reach = reach_of(&filter);
        let Some(reference) = self.reference(session, &filter) else {
            let change = Change::Absent;
            return Ok(FilterOutcome { reach, change });
        };
        let before = self.sessions.of(session).len();
        self.sessions.remove(session, reference);
        invariant!(
            self.sessions.of(session).len() + 1 == before,
            "a removed subscription was in its session's list",
            session = session,
            before = before
        );
        self.remove(session, reference, text)?;
        let change = Change::Removed;
        Ok(FilterOutcome { reach, change })
    }

    /// Removes all subscriptions of a session that has ended.
    fn end_session(&mut self, session: SessionId) -> Result<Vec<FilterOutcome>, Fault> {
        let references = self.sessions.take(session);
        let mut outcomes = Vec::with_capacity(references.as_slice().len());
        let mut text = String::new();
        for reference in references.as_slice() {
            text.clear();
            let place = self.text_of(*reference, &mut text);
            let topic = self.filters.topic(place).map(Box::from);
            outcomes.push(FilterOutcome {
                reach: topic.map_or(Reach::All, Reach::Topic),
                change: Change::Removed,
            });
            self.remove(session, *reference, &text)?;
        }
        // The list is in the order of places, which depends on what was there before.
        outcomes.sort_unstable();
        invariant!(
            self.sessions.of(session).is_empty(),
            "an ended session has no subscription",
            session = session
        );
        Ok(outcomes)
    }

    /// Takes a subscription off its filter or group, and frees these with their last one.
    fn remove(
        &mut self,
        session: SessionId,
        reference: Reference,
        text: &str,
    ) -> Result<(), Fault> {
        let (place, removed, group) = match reference.referent() {
            Referent::Plain(place) => {
                let removed = self.filters.entry_mut(place).plain.remove(session);
                (place, removed, None)
            }
            Referent::Shared(index) => {
                let group = &mut self.groups[index];
                let removed = group.members.remove(session);
                let (place, id) = (group.filter, group.id);
                if group.members.is_empty() {
                    let groups = &mut self.filters.entry_mut(place).groups;
                    groups.remove(index, &self.groups);
                    self.groups.remove(index);
                }
                (place, removed, Some(id))
            }
        };
        invariant!(
            removed.is_some(),
            "a session's list names only what it is subscribed to",
            session = session,
            filter = text
        );
        let removed = digest_of(session, text, removed.unwrap_or_default(), group);
        self.content = self.content.wrapping_sub(removed);
        let count = self.count_mut(group);
        invariant!(
            *count > 0,
            "a removed subscription was counted",
            session = session
        );
        *count -= 1;
        self.filters.remove_if_unused(place);
        invariant!(
            self.filters.entries.len() <= (self.plain_count + self.shared_count) as usize,
            "there are no more filters than subscriptions",
            filters = self.filters.entries.len()
        );
        Ok(())
    }

    /// The place of a share group, founded if it is not there. A new one has to get a member.
    fn group(&mut self, filter: u32, name: &str) -> Result<u32, Fault> {
        let known = self.filters.entry(filter).groups.find(name, &self.groups);
        if let Some(group) = known {
            invariant!(
                self.groups[group].filter == filter,
                "a share group belongs to one filter",
                group = self.groups[group].id
            );
            return Ok(group);
        }
        let id = GroupId::new(self.next_group);
        invariant!(self.next_group < u64::MAX, "group numbers do not run out");
        self.next_group += 1;
        let group = self.groups.insert(Group {
            id,
            name: name.into(),
            filter,
            ..Group::default()
        });
        let groups = &mut self.filters.entry_mut(filter).groups;
        groups.insert(group, &self.groups);
        Ok(group)
    }

    fn terms_of(&self, session: SessionId, filter: &Filter<'_>) -> Option<Terms> {
        let entry = self.filters.entry(self.filters.find(filter)?);
        match filter.share {
            None => entry.plain.of(session),
            Some(name) => {
                let group = entry.groups.find(name, &self.groups)?;
                self.groups[group].members.of(session)
            }
        }
    }

    /// The session's subscription with this filter, if it has it.
    fn reference(&self, session: SessionId, filter: &Filter<'_>) -> Option<Reference> {
        self.terms_of(session, filter)?;
        let place = self.filters.find(filter)?;
        match filter.share {
            None => Some(Reference::plain(place)),
            Some(name) => {
                let entry = self.filters.entry(place);
                entry.groups.find(name, &self.groups).map(Reference::shared)
            }
        }
    }

    /// Appends the filter as the client wrote it; returns the filter's place.
    pub(super) fn text_of(&self, reference: Reference, out: &mut String) -> u32 {
        let place = match reference.referent() {
            Referent::Plain(place) => place,
            Referent::Shared(group) => {
                let group = &self.groups[group];
                out.push_str(SHARE_PREFIX);
                out.push_str(&group.name);
                out.push('/');
                group.filter
            }
        };
        self.filters.text(place, out);
        place
    }

    fn count_mut(&mut self, group: Option<GroupId>) -> &mut u32 {
        match group {
            None => &mut self.plain_count,
            Some(_) => &mut self.shared_count,
        }
    }
}

impl Machine for Routing {
    type Command<'a> = Command<'a>;
    /// One outcome is added for each entry.
    type Outbox = Vec<Outcome>;

    fn apply(&mut self, entry: Entry<Command<'_>>, out: &mut Vec<Outcome>) -> Result<(), Fault> {
        out.push(self.apply_command(entry.command)?);
        Ok(())
    }

    fn digest(&self) -> Digest {
        let mut digester = Digester::new();
        digester.number(self.version.number());
        digester.number(self.next_group);
        digester.number(self.content);
        digester.finish()
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        snapshot::write(self, out);
    }

    fn restore(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        snapshot::read(reader)
    }
}

fn reach_of(filter: &Filter<'_>) -> Reach {
    if filter.has_wildcard() {
        Reach::All
    } else {
        Reach::Topic(filter.path.into())
    }
}

/// The digest of one subscription; `text` with its share name.
pub(super) fn digest_of(
    session: SessionId,
    text: &str,
    terms: Terms,
    group: Option<GroupId>,
) -> u64 {
    let mut digester = Digester::new();
    digester.number(session.packed());
    digester.bytes(text.as_bytes());
    digester.number(u64::from(terms.bits()));
    digester.number(group.map_or(0, GroupId::number));
    digester.finish().0
}
