//! Filters with wildcards, by their levels: finds those that match a topic.
//!
//! A node stands for one or more levels, so a filter costs one node, and two where it parts from
//! others. A topic meets a node at most once, because the way to a node is unique and so is the
//! level at which a topic gets there; nodes whose levels do not fit are not entered. So matching
//! never costs more than the number of nodes, and usually no more than what matches.
//!
//! ```text
//! w/1/+/t   w/1/#   w/2/+/t   +/x          (root)
//!                                          |    \
//!                                          w     +/x  exact
//!                                         / \
//!                               under    1   2/+/t  exact
//!                                        |
//!                                       +/t  exact
//! ```

use std::ops::Range;

use hashbrown::HashTable;

use crate::filter::{LEVEL, first_level};
use crate::slab::{Link, Slab};
use crate::text_hash::TextHash;

/// The wildcard filters, each in its [`Spot`] with a link to whatever the caller keeps for it.
#[derive(Debug, Clone)]
pub(crate) struct Trie {
    nodes: Slab<Node>,
    /// The ways down whose first level is no `+`: from a node and a level's text to a node.
    edges: HashTable<u32>,
    hash: TextHash,
}

/// One or more levels of filters, below those of the parent. The root has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// The levels with their separators.
    pub(super) label: Box<str>,
    pub(super) parent: u32,
    /// The child whose label begins with `+`.
    pub(super) plus: Link,
    /// The filter that ends here.
    pub(super) exact: Link,
    /// The filter that goes on with `#` and ends.
    pub(super) under: Link,
    /// How many children there are, the one in `plus` included.
    pub(super) children: u32,
    /// All children's numbers, combined by exclusive or: the number of the only one, if only one.
    pub(super) children_xor: u32,
}

/// Where a filter ends in the trie. Stays the same as long as the filter is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) node: u32,
    pub(crate) end: End,
}

/// How a filter ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With the node's last level.
    Exact,
    /// With a `#` below it.
    Under,
}

pub(super) const ROOT: u32 = 0;

impl Trie {
    pub(crate) fn new(hash: TextHash) -> Self {
        let mut nodes = Slab::default();
        nodes.insert(Node::default());
        Self {
            nodes,
            edges: HashTable::new(),
            hash,
        }
    }

    /// The spot of a valid filter, made if it is not there. A new spot has to be [`Trie::link`]ed.
    pub(crate) fn insert(&mut self, filter: &str) -> Spot {
        let (path, end) = take_end_off(filter);
        let mut node = ROOT;
        let mut rest = path;
        while let Some(text) = rest {
            let Some(child) = self.child(node, first_level(text)) else {
                node = self.add_child(node, text);
                break;
            };
            let label = &self.nodes[child].label;
            let common = common_levels(label, text);
            node = if common < label.len() {
                self.split(child, common)
            } else {
                child
            };
            rest = text.get(common + 1..);
        }
        Spot { node, end }
    }

    /// The spot of a filter, if it may be there.
    pub(crate) fn find(&self, filter: &str) -> Option<Spot> {
        let (path, end) = take_end_off(filter);
        let mut node = ROOT;
        let mut rest = path;
        while let Some(text) = rest {
            node = self.child(node, first_level(text))?;
            let below = text.strip_prefix(self.nodes[node].label.as_ref())?;
            rest = match below.strip_prefix(LEVEL) {
                None if below.is_empty() => None,
                more => Some(more?),
            };
        }
        Some(Spot { node, end })
    }

    /// What was linked at a spot.
    pub(crate) fn linked(&self, spot: Spot) -> Option<u32> {
        let node = &self.nodes[spot.node];
        match spot.end {
            End::Exact => node.exact.index(),
            End::Under => node.under.index(),
        }
    }

    /// Links a spot to what the caller keeps for its filter.
    pub(crate) fn link(&mut self, spot: Spot, filter: u32) {
        self.set_link(spot, Link::to(filter));
    }

    /// Removes a filter and the nodes that only it needed.
    pub(crate) fn remove(&mut self, spot: Spot) {
        self.set_link(spot, Link::NONE);
        let mut node = spot.node;
        while node != ROOT && !self.nodes[node].ends_a_filter() {
            let parent = self.nodes[node].parent;
            match self.nodes[node].children {
                0 => {
                    self.detach(parent, node);
                    self.nodes.remove(node);
                    node = parent;
                }
                1 => {
                    self.join_with_only_child(node);
                    return;
                }
                _ => return,
            }
        }
    }

    /// Appends the text of the filter at a spot.
    pub(crate) fn text(&self, spot: Spot, out: &mut String) {
        let mut path = Vec::new();
        let mut node = spot.node;
        while node != ROOT {
            path.push(node);
            node = self.nodes[node].parent;
        }
        let mut labels = path
            .iter()
            .rev()
            .map(|node| self.nodes[*node].label.as_ref());
        out.push_str(labels.next().unwrap_or_default());
        for label in labels {
            out.push(LEVEL);
            out.push_str(label);
        }
        match (spot.end, spot.node) {
            (End::Exact, _) => {}
            (End::Under, ROOT) => out.push('#'),
            (End::Under, _) => out.push_str("/#"),
        }
    }

    /// Calls `found` for each filter that matches the topic, in no order that means anything.
    ///
    /// Levels may be empty, and empty ones count; `#` matches the level above it as well. A topic
    /// that begins with `$` does not match filters that begin with a wildcard [MQTT-4.7.2-1]
    /// [MQTT3-4.7.2-1].
    pub(crate) fn matching(&self, topic: &str, walk: &mut Walk, mut found: impl FnMut(u32)) {
        if self.is_empty() {
            return;
        }
        walk.start(topic);
        let hidden = topic.starts_with('$');
        while let Some((place, depth)) = walk.stack.pop() {
            let node = &self.nodes[place];
            let wildcards = place != ROOT || !hidden;
            if wildcards && let Some(filter) = node.under.index() {
                found(filter);
            }
            let Some(level) = walk.levels.get(depth as usize).copied() else {
                if let Some(filter) = node.exact.index() {
                    found(filter);
                }
                continue;
            };
            let plus = node.plus.index();
            if wildcards && let Some(child) = plus {
                walk.enter(topic, child, &self.nodes[child].label, depth);
            }
            if node.children > u32::from(plus.is_some()) {
                let text = &topic[level.range()];
                let edge = self.edge(place, text);
                if let Some(child) = edge {
                    walk.enter(topic, child, &self.nodes[child].label, depth);
                }
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.node_count() == 0 && !self.nodes[ROOT].ends_a_filter()
    }

    /// How many nodes there are beside the root.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len() - 1
    }

    #[cfg(any(test, feature = "validate"))]
    pub(super) fn nodes(&self) -> &Slab<Node> {
        &self.nodes
    }

    fn set_link(&mut self, spot: Spot, link: Link) {
        let node = &mut self.nodes[spot.node];
        match spot.end {
            End::Exact => node.exact = link,
            End::Under => node.under = link,
        }
    }

    /// The child of `parent` whose label begins with this level.
    pub(super) fn child(&self, parent: u32, level: &str) -> Option<u32> {
        if level == "+" {
            return self.nodes[parent].plus.index();
        }
        self.edge(parent, level)
    }

    fn edge(&self, parent: u32, level: &str) -> Option<u32> {
        let hash = TextHash::edge(parent, self.hash.text(level));
        let leads_there = |child: &u32| self.leads_to(parent, level, *child);
        self.edges.find(hash, leads_there).copied()
    }

    fn leads_to(&self, parent: u32, level: &str, child: u32) -> bool {
        let node = &self.nodes[child];
        let rest = node.label.as_bytes().strip_prefix(level.as_bytes());
        node.parent == parent && rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
    }

    fn add_child(&mut self, parent: u32, label: &str) -> u32 {
        let child = self.nodes.insert(Node {
            label: label.into(),
            ..Node::default()
        });
        self.attach(parent, child);
        child
    }

    /// Puts a new node above `lower`, which takes over the label up to `at`.
    fn split(&mut self, lower: u32, at: usize) -> u32 {
        let parent = self.nodes[lower].parent;
        self.detach(parent, lower);
        let label = std::mem::take(&mut self.nodes[lower].label);
        let upper = self.add_child(parent, &label[..at]);
        self.nodes[lower].label = label[at + 1..].into();
        self.attach(upper, lower);
        upper
    }

    /// Removes a node that ends no filter; its only child takes over its label. The lower one
    /// stays, because filters' spots name the node at which they end.
    fn join_with_only_child(&mut self, upper: u32) {
        let lower = self.nodes[upper].children_xor;
        let parent = self.nodes[upper].parent;
        self.detach(parent, upper);
        self.detach(upper, lower);
        let upper = self.nodes.remove(upper);
        let label = [&upper.label, "/", &self.nodes[lower].label].concat();
        self.nodes[lower].label = label.into();
        self.attach(parent, lower);
    }

    fn attach(&mut self, parent: u32, child: u32) {
        self.nodes[child].parent = parent;
        let node = &mut self.nodes[parent];
        node.children += 1;
        node.children_xor ^= child;
        if first_level(&self.nodes[child].label) == "+" {
            self.nodes[parent].plus = Link::to(child);
        } else {
            let (nodes, hash) = (&self.nodes, &self.hash);
            let rehash = |child: &u32| hash_of_edge(&nodes[*child], hash);
            self.edges.insert_unique(rehash(&child), child, rehash);
        }
    }

    fn detach(&mut self, parent: u32, child: u32) {
        let hash = hash_of_edge(&self.nodes[child], &self.hash);
        let node = &mut self.nodes[parent];
        node.children -= 1;
        node.children_xor ^= child;
        if node.plus == Link::to(child) {
            node.plus = Link::NONE;
        } else if let Ok(edge) = self.edges.find_entry(hash, |other| *other == child) {
            edge.remove();
        }
    }
}

impl Node {
    #[cfg(any(test, feature = "validate"))]
    pub(super) fn is_in_use(&self) -> bool {
        self.ends_a_filter() || self.children > 0
    }

    pub(super) fn ends_a_filter(&self) -> bool {
        self.exact != Link::NONE || self.under != Link::NONE
    }
}

fn hash_of_edge(child: &Node, hash: &TextHash) -> u64 {
    TextHash::edge(child.parent, hash.text(first_level(&child.label)))
}

/// The levels before a final `#`, if there are any, and how the filter ends.
fn take_end_off(filter: &str) -> (Option<&str>, End) {
    match filter.strip_suffix('#') {
        Some(path) => (path.strip_suffix(LEVEL), End::Under),
        None => (Some(filter), End::Exact),
    }
}

/// The length of the levels that both begin with. The first level is the same.
fn common_levels(left: &str, right: &str) -> usize {
    let pairs = left.bytes().zip(right.bytes());
    let same = pairs.take_while(|(left, right)| left == right).count();
    let level_ends = |text: &str| matches!(text.as_bytes().get(same), None | Some(b'/'));
    if level_ends(left) && level_ends(right) {
        same
    } else {
        let separator = left.as_bytes()[..same]
            .iter()
            .rposition(|byte| *byte == b'/');
        separator.unwrap_or(0)
    }
}

/// The working memory of a match, kept for the next one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Walk {
    levels: Vec<Level>,
    /// Nodes whose label matched, with the number of levels that it took to get there.
    stack: Vec<(u32, u32)>,
    /// How many labels were compared with the topic of the last match.
    #[cfg(test)]
    pub(crate) visited: usize,
}

/// One level of a topic.
#[derive(Debug, Clone, Copy)]
struct Level {
    start: u32,
    end: u32,
}

impl Level {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Walk {
    fn start(&mut self, topic: &str) {
        self.levels.clear();
        self.stack.clear();
        let mut start = 0;
        for level in topic.as_bytes().split(|byte| *byte == b'/') {
            let end = start + level.len() as u32;
            self.levels.push(Level { start, end });
            start = end + 1;
        }
        self.stack.push((ROOT, 0));
        #[cfg(test)]
        {
            self.visited = 0;
        }
    }

    /// Goes on at a node if its label matches the topic from level `depth` on.
    fn enter(&mut self, topic: &str, node: u32, label: &str, depth: u32) {
        #[cfg(test)]
        {
            self.visited += 1;
        }
        if let Some(depth) = self.fits(topic.as_bytes(), label.as_bytes(), depth) {
            self.stack.push((node, depth));
        }
    }

    /// Compares bytes [MQTT-4.7.3-4] [MQTT3-4.7.3-4], level by level. Returns the level that
    /// follows the label.
    fn fits(&self, topic: &[u8], mut label: &[u8], mut depth: u32) -> Option<u32> {
        loop {
            let level = self.levels.get(depth as usize)?;
            label = match label {
                [b'+', rest @ ..] => rest,
                _ => label.strip_prefix(&topic[level.range()])?,
            };
            depth += 1;
            label = match label {
                [] => return Some(depth),
                [b'/', rest @ ..] => rest,
                _ => return None,
            };
        }
    }
}
