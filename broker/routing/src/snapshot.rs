//! The routing table as bytes. Equal tables give equal bytes, whatever way they came about.
//!
//! ```text
//! layout u8 = 1 | seed u64 | version u64 | next group u64
//! groups: count, then by ascending number: number u64 | name | filter
//! sessions: count, then ascending: session u64
//!     count, then by ascending filter: filter with share name | terms u32
//! digest u64 over all of it
//! ```
//!
//! The seed travels with the table, because whoever restores it has to be given one that clients
//! do not know.

use catena_types::{Machine, Reader, RoutingVersion, SessionId, Truncated, Writer};

use crate::command::Change;
use crate::filter;
use crate::machine::{Routing, digest_of};
use crate::sessions::{Reference, Referent};
use crate::share::GroupId;
use crate::subscribers::Terms;

/// Raised with every change of the layout.
const LAYOUT: u8 = 1;

pub(crate) fn write(routing: &Routing, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.u8(LAYOUT);
    writer.u64(routing.hash.seed());
    writer.u64(routing.version.number());
    writer.u64(routing.next_group);
    write_groups(routing, &mut writer);
    let sessions = routing.sessions.ascending();
    writer.len(sessions.len());
    for session in sessions {
        writer.u64(session.packed());
        let subscriptions = subscriptions_of(routing, session);
        writer.len(subscriptions.len());
        for subscription in subscriptions {
            writer.bytes(subscription.text.as_bytes());
            writer.u32(subscription.terms.bits());
        }
    }
    writer.u64(routing.digest().0);
}

fn write_groups(routing: &Routing, writer: &mut Writer<'_>) {
    let in_use = routing.groups.iter().map(|(_, group)| group);
    let mut groups: Vec<_> = in_use.filter(|group| !group.members.is_empty()).collect();
    groups.sort_unstable_by_key(|group| group.id);
    writer.len(groups.len());
    let mut filter = String::new();
    for group in groups {
        filter.clear();
        routing.filters.text(group.filter, &mut filter);
        writer.u64(group.id.number());
        writer.bytes(group.name.as_bytes());
        writer.bytes(filter.as_bytes());
    }
}

/// # Errors
/// [`Truncated`] unless the bytes are what [`write`] makes of a table.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Routing, Truncated> {
    if reader.u8()? != LAYOUT {
        return Err(Truncated);
    }
    let mut routing = Routing::new(reader.u64()?);
    let version = RoutingVersion::new(reader.u64()?);
    let next_group = reader.u64()?;
    let mut groups = Vec::new();
    for _ in 0..reader.count(24)? {
        let id = GroupId::new(reader.u64()?);
        groups.push((id, reader.text()?, reader.text()?));
    }
    for _ in 0..reader.count(16)? {
        let session = SessionId::from_packed(reader.u64()?);
        for _ in 0..reader.count(12)? {
            let text = reader.text()?;
            let terms = Terms::from_bits(reader.u32()?).ok_or(Truncated)?;
            let outcome = routing.subscribe(session, text, Some(terms));
            if outcome.map_err(|_| Truncated)?.change != Change::New {
                return Err(Truncated);
            }
        }
    }
    number_groups(&mut routing, &groups, next_group)?;
    routing.version = version;
    routing.next_group = next_group;
    routing.content = content_of(&routing);
    if reader.u64()? == routing.digest().0 {
        Ok(routing)
    } else {
        Err(Truncated)
    }
}

/// Gives the groups, numbered anew while reading, their old numbers.
fn number_groups(
    routing: &mut Routing,
    groups: &[(GroupId, &str, &str)],
    next_group: u64,
) -> Result<(), Truncated> {
    let ascending = groups.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let below_next = groups
        .last()
        .is_none_or(|last| last.0.number() < next_group);
    if groups.len() != routing.groups.len() || !ascending || !below_next {
        return Err(Truncated);
    }
    let mut numbered = vec![false; groups.len()];
    for (id, name, filter) in groups {
        let filter = filter::parse(filter).ok_or(Truncated)?;
        let place = routing.filters.find(&filter).ok_or(Truncated)?;
        let of_filter = &routing.filters.entry(place).groups;
        let group = of_filter.find(name, &routing.groups).ok_or(Truncated)?;
        let seen = numbered.get_mut(group as usize).ok_or(Truncated)?;
        if std::mem::replace(seen, true) {
            return Err(Truncated);
        }
        routing.groups[group].id = *id;
    }
    Ok(())
}

/// One subscription, as it is written.
pub(crate) struct Subscription {
    /// With the share name.
    pub(crate) text: String,
    pub(crate) terms: Terms,
    pub(crate) group: Option<GroupId>,
}

/// The subscriptions of a session by ascending filter.
pub(crate) fn subscriptions_of(routing: &Routing, session: SessionId) -> Vec<Subscription> {
    let references = routing.sessions.of(session).iter();
    let subscriptions = references.filter_map(|reference| {
        let (terms, group) = terms_of(routing, session, *reference);
        let mut text = String::new();
        routing.text_of(*reference, &mut text);
        terms.map(|terms| Subscription { text, terms, group })
    });
    let mut subscriptions: Vec<_> = subscriptions.collect();
    subscriptions.sort_unstable_by(|left, right| left.text.cmp(&right.text));
    subscriptions
}

fn terms_of(
    routing: &Routing,
    session: SessionId,
    reference: Reference,
) -> (Option<Terms>, Option<GroupId>) {
    match reference.referent() {
        Referent::Plain(place) => (routing.filters.entry(place).plain.of(session), None),
        Referent::Shared(group) => {
            let group = &routing.groups[group];
            (group.members.of(session), Some(group.id))
        }
    }
}

/// The sum of all subscriptions' digests, counted anew.
pub(crate) fn content_of(routing: &Routing) -> u64 {
    let mut content = 0u64;
    for session in routing.sessions.ascending() {
        for subscription in subscriptions_of(routing, session) {
            let Subscription { text, terms, group } = subscription;
            content = content.wrapping_add(digest_of(session, &text, terms, group));
        }
    }
    content
}
