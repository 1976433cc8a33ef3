//! Checks that all parts of the table say the same. For tests and the simulator.

use std::collections::{BTreeMap, BTreeSet};

use catena_types::{Fault, SessionId, invariant};

use crate::filter::{self, first_level};
use crate::filters::Home;
use crate::machine::Routing;
use crate::sessions::{Reference, Referent};
use crate::slab::Link;
use crate::snapshot::content_of;
use crate::subscribers::Subscribers;
use crate::trie::{ROOT, Trie};

impl Routing {
    /// Checks every documented invariant.
    ///
    /// # Errors
    /// A [`Fault`] that names the first one that does not hold.
    pub fn validate(&self) -> Result<(), Fault> {
        self.validate_sessions()?;
        self.validate_filters()?;
        self.validate_groups()?;
        self.filters.trie.validate()?;
        invariant!(
            self.content == content_of(self),
            "the digest kept is the digest of what is there",
            version = self.version
        );
        Ok(())
    }

    /// Session → filter: each reference leads to a subscription of that session.
    fn validate_sessions(&self) -> Result<(), Fault> {
        let (mut plain, mut shared) = (0, 0);
        for session in self.sessions.ascending() {
            let references = self.sessions.of(session);
            let ascending = references.windows(2).all(|pair| pair[0] < pair[1]);
            invariant!(
                !references.is_empty(),
                "sessions have a subscription",
                session = session
            );
            invariant!(ascending, "references are sorted", session = session);
            for reference in references {
                let terms = match reference.referent() {
                    Referent::Plain(place) => {
                        plain += 1;
                        let entry = self.filters.entries.get(place);
                        entry.and_then(|entry| entry.plain.of(session))
                    }
                    Referent::Shared(group) => {
                        shared += 1;
                        let group = self.groups.get(group);
                        group.and_then(|group| group.members.of(session))
                    }
                };
                invariant!(
                    terms.is_some(),
                    "sessions refer to subscriptions",
                    session = session
                );
            }
        }
        invariant!(
            plain == self.plain_count,
            "plain subscriptions are counted",
            found = plain
        );
        invariant!(
            shared == self.shared_count,
            "shared ones are counted",
            found = shared
        );
        Ok(())
    }

    /// Filter → session: each filter is in use and found under its text; each subscriber knows.
    fn validate_filters(&self) -> Result<(), Fault> {
        let (mut plain, mut exact, mut in_trie) = (0, 0, 0);
        for (place, entry) in self.filters.entries.iter() {
            let unused = entry.plain.is_empty() && entry.groups.is_empty();
            match entry.home {
                Home::Exact(ref text) if text.is_empty() => {
                    invariant!(unused, "free places are empty", place = place);
                    continue;
                }
                Home::Exact(_) => exact += 1,
                Home::Trie(spot) => {
                    in_trie += 1;
                    let linked = self.filters.trie.linked(spot);
                    invariant!(
                        linked == Some(place),
                        "spots link to their filter",
                        place = place
                    );
                }
            }
            let mut text = String::new();
            self.filters.text(place, &mut text);
            let found = filter::parse(&text).and_then(|filter| self.filters.find(&filter));
            invariant!(!unused, "filters are in use", filter = text);
            invariant!(
                found == Some(place),
                "filters are found by their text",
                filter = text
            );
            plain += self.validate_subscribers(&entry.plain, Reference::plain(place))?;
        }
        invariant!(
            plain == self.plain_count,
            "sessions know their subscriptions",
            found = plain
        );
        invariant!(
            exact == self.filters.exact.len(),
            "exact filters are counted",
            found = exact
        );
        let count = self.filters.wildcard_count();
        invariant!(
            in_trie == count,
            "wildcard filters are counted",
            found = in_trie
        );
        Ok(())
    }

    /// Each group has members, a number of its own, and its place among its filter's groups.
    fn validate_groups(&self) -> Result<(), Fault> {
        let mut ids = BTreeSet::new();
        let (mut shared, mut listed) = (0, 0);
        for (index, group) in self.groups.iter() {
            if group.members.is_empty() {
                invariant!(
                    group.name.is_empty(),
                    "groups have members",
                    name = group.name
                );
                continue;
            }
            let entry = self.filters.entries.get(group.filter);
            let found = entry.and_then(|entry| entry.groups.find(&group.name, &self.groups));
            invariant!(
                found == Some(index),
                "groups are found by name",
                name = group.name
            );
            invariant!(ids.insert(group.id), "numbers are used once", id = group.id);
            invariant!(
                group.id.number() < self.next_group,
                "numbers were given",
                id = group.id
            );
            shared += self.validate_subscribers(&group.members, Reference::shared(index))?;
        }
        for (_, entry) in self.filters.entries.iter() {
            listed += entry.groups.as_slice().len();
        }
        invariant!(
            listed == ids.len(),
            "filters list what is there",
            listed = listed
        );
        invariant!(
            shared == self.shared_count,
            "sessions know their groups",
            found = shared
        );
        Ok(())
    }

    fn validate_subscribers(&self, of: &Subscribers, reference: Reference) -> Result<u32, Fault> {
        let mut count = 0;
        let mut last: Option<SessionId> = None;
        for (session, _) in of.iter() {
            let known = self.sessions.of(session).binary_search(&reference).is_ok();
            invariant!(known, "subscribers know of it", session = session);
            invariant!(
                last < Some(session),
                "subscribers ascend",
                session = session
            );
            last = Some(session);
            count += 1;
        }
        Ok(count)
    }
}

impl Trie {
    /// Parents and children agree, and no node is there without need.
    fn validate(&self) -> Result<(), Fault> {
        let nodes = self.nodes();
        let mut children = BTreeMap::<u32, (u32, u32)>::new();
        for (place, node) in nodes.iter() {
            if place == ROOT || !node.is_in_use() {
                continue;
            }
            let needed = node.ends_a_filter() || node.children > 1;
            invariant!(needed, "nodes end a filter or branch", label = node.label);
            let parent = nodes.get(node.parent);
            let known = parent.is_some_and(|parent| parent.children > 0);
            invariant!(known, "parents have children", label = node.label);
            let found = self.child(node.parent, first_level(&node.label));
            invariant!(
                found == Some(place),
                "children are found",
                label = node.label
            );
            let (count, combined) = children.entry(node.parent).or_default();
            *count += 1;
            *combined ^= place;
        }
        let mut reached = 0;
        for (place, node) in nodes.iter() {
            let (count, combined) = children.get(&place).copied().unwrap_or_default();
            invariant!(count == node.children, "children are counted", node = place);
            invariant!(
                combined == node.children_xor,
                "children are combined",
                node = place
            );
            let plus = node.plus.index().and_then(|plus| nodes.get(plus));
            let listed = node.plus == Link::NONE || plus.is_some_and(|plus| plus.parent == place);
            invariant!(listed, "the plus child is there", node = place);
            reached += count as usize;
        }
        invariant!(
            reached == self.node_count(),
            "nodes are counted",
            reached = reached
        );
        Ok(())
    }
}
