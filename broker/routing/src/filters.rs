//! All filters with their subscribers: those without wildcards by text, the others in the trie.

use catena_mqtt::Filter;
use hashbrown::HashTable;

use crate::share::GroupsOfFilter;
use crate::slab::Slab;
use crate::subscribers::Subscribers;
use crate::text_hash::TextHash;
use crate::trie::{Spot, Trie, Walk};

/// Filter → subscribers and share groups.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(super) entries: Slab<FilterEntry>,
    /// Filters without wildcards, by their text.
    pub(super) exact: HashTable<u32>,
    pub(super) trie: Trie,
    hash: TextHash,
}

/// What is kept for one filter.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilterEntry {
    pub(super) home: Home,
    pub(crate) plain: Subscribers,
    pub(crate) groups: GroupsOfFilter,
}

/// Where a filter is found.
#[derive(Debug, Clone)]
pub(super) enum Home {
    /// Among those without wildcards, under its text. The empty text is no filter: the entry is
    /// free.
    Exact(Box<str>),
    /// In the trie.
    Trie(Spot),
}

impl Filters {
    pub(crate) fn new(hash: TextHash) -> Self {
        Self {
            entries: Slab::default(),
            exact: HashTable::new(),
            trie: Trie::new(hash.clone()),
            hash,
        }
    }

    /// The place of a filter, made if there is none. A new one has to get a subscriber.
    pub(crate) fn insert(&mut self, filter: &Filter<'_>) -> u32 {
        if let Some(place) = self.find(filter) {
            return place;
        }
        if filter.has_wildcard() {
            let spot = self.trie.insert(filter.path);
            let place = self.entries.insert(FilterEntry {
                home: Home::Trie(spot),
                ..FilterEntry::default()
            });
            self.trie.link(spot, place);
            place
        } else {
            let place = self.entries.insert(FilterEntry {
                home: Home::Exact(filter.path.into()),
                ..FilterEntry::default()
            });
            let (entries, hash) = (&self.entries, &self.hash);
            let rehash = |place: &u32| hash.text(entries[*place].home.exact_text());
            self.exact.insert_unique(rehash(&place), place, rehash);
            place
        }
    }

    /// The place of a filter.
    pub(crate) fn find(&self, filter: &Filter<'_>) -> Option<u32> {
        if filter.has_wildcard() {
            self.trie.linked(self.trie.find(filter.path)?)
        } else {
            self.find_exact(filter.path)
        }
    }

    /// Removes a filter that has neither subscriber nor group left. Returns whether it did.
    pub(crate) fn remove_if_unused(&mut self, place: u32) -> bool {
        let entry = &self.entries[place];
        if !entry.plain.is_empty() || !entry.groups.is_empty() {
            return false;
        }
        match self.entries[place].home {
            Home::Trie(spot) => self.trie.remove(spot),
            Home::Exact(ref text) => {
                let hash = self.hash.text(text);
                if let Ok(entry) = self.exact.find_entry(hash, |other| *other == place) {
                    entry.remove();
                }
            }
        }
        self.entries.remove(place);
        true
    }

    pub(crate) fn entry(&self, place: u32) -> &FilterEntry {
        &self.entries[place]
    }

    pub(crate) fn entry_mut(&mut self, place: u32) -> &mut FilterEntry {
        &mut self.entries[place]
    }

    /// The topic of a filter without wildcards.
    pub(crate) fn topic(&self, place: u32) -> Option<&str> {
        match &self.entries[place].home {
            Home::Exact(text) => Some(text),
            Home::Trie(_) => None,
        }
    }

    /// Appends the text of a filter, without a share name.
    pub(crate) fn text(&self, place: u32, out: &mut String) {
        match &self.entries[place].home {
            Home::Exact(text) => out.push_str(text),
            Home::Trie(spot) => self.trie.text(*spot, out),
        }
    }

    /// Calls `found` for each filter that matches the topic, in no order that means anything.
    pub(crate) fn matching(&self, topic: &str, walk: &mut Walk, mut found: impl FnMut(u32)) {
        if let Some(place) = self.find_exact(topic) {
            found(place);
        }
        self.trie.matching(topic, walk, found);
    }

    /// How many filters have a wildcard.
    pub(crate) fn wildcard_count(&self) -> usize {
        self.entries.len() - self.exact.len()
    }

    fn find_exact(&self, topic: &str) -> Option<u32> {
        let same = |place: &u32| self.entries[*place].home.exact_text() == topic;
        self.exact.find(self.hash.text(topic), same).copied()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::Exact(Box::default())
    }
}

impl Home {
    fn exact_text(&self) -> &str {
        match self {
            Self::Exact(text) => text,
            Self::Trie(_) => "",
        }
    }
}

const _: () = assert!(size_of::<FilterEntry>() <= 40);
