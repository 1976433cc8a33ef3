//! Retained messages: one a topic, found by name or, for wildcards, in the order of names.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use catena_types::{Fault, Moment, Stamp};

use super::limits::{EXPIRED_PER_TICK_MAX, RETAINED_BYTES};
use super::messages::{MessageIndex, Order};
use super::names::TopicIndex;
use super::publish::expiry;
use super::sets::EMPTY;
use super::state::Topics;
use crate::Publish;
use crate::partition::Context;

/// The names of topics with a retained message, and those that expire.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    by_name: BTreeMap<Arc<str>, TopicIndex>,
    expiring: BTreeMap<(Moment, Stamp), TopicIndex>,
    name_bytes: u64,
    body_bytes: u64,
}

impl Retained {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Bytes beyond the messages themselves, by the partition's accounting.
    pub(crate) fn bytes(&self) -> u64 {
        self.by_name.len() as u64 * RETAINED_BYTES + self.name_bytes
    }

    /// Bytes of their topics' names.
    pub(crate) fn name_bytes(&self) -> u64 {
        self.name_bytes
    }

    /// Bytes of their bodies.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// When the next of them expires.
    pub(crate) fn next_expiry(&self) -> Option<Moment> {
        self.expiring
            .first_key_value()
            .map(|(&(expires, _), _)| expires)
    }

    /// The first topic after (or, `inclusive`, at) a name.
    pub(crate) fn next_after(
        &self,
        name: &str,
        inclusive: bool,
    ) -> Option<(&Arc<str>, TopicIndex)> {
        let from = if inclusive {
            Bound::Included(name)
        } else {
            Bound::Excluded(name)
        };
        let next = self
            .by_name
            .range::<str, _>((from, Bound::Unbounded))
            .next();
        next.map(|(name, &index)| (name, index))
    }

    /// All names, ascending.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Arc<str>, TopicIndex)> {
        self.by_name.iter().map(|(name, &index)| (name, index))
    }
}

impl Topics {
    /// Replaces a topic's retained message; an empty payload removes it [MQTT-3.3.1-5]
    /// [MQTT-3.3.1-6] [MQTT-3.3.1-7].
    pub(super) fn retain(
        &mut self,
        context: &Context<'_>,
        index: TopicIndex,
        publish: &Publish<'_>,
    ) -> Result<(), Fault> {
        if publish.payload.is_empty() {
            return self.remove_retained(index);
        }
        let expires = expiry(publish, context.time).unwrap_or(Moment::NEVER);
        // A copy of its own: what is only queued is freed when it is acknowledged.
        let order = Order {
            stamp: context.stamp,
            expires,
            topic: index,
            set: EMPTY,
        };
        let message = self.messages.store(publish, order);
        if let Some(topic) = self.names.at_mut(index) {
            topic.references += 1;
        }
        self.set_retained(index, message)
    }

    /// Makes a stored message the retained one of its topic; takes over a reference to it.
    pub(super) fn set_retained(
        &mut self,
        index: TopicIndex,
        message: MessageIndex,
    ) -> Result<(), Fault> {
        self.remove_retained(index)?;
        let Some(stored) = self.messages.at(message) else {
            return Ok(());
        };
        if let Some(expires) = stored.expiry() {
            self.retained
                .expiring
                .insert((expires, stored.stamp), index);
        }
        self.retained.body_bytes += stored.body_bytes();
        if let Some(topic) = self.names.at_mut(index) {
            topic.retained = Some(message);
            self.retained.name_bytes += topic.name.len() as u64;
            self.retained.by_name.insert(Arc::clone(&topic.name), index);
        }
        Ok(())
    }

    /// Removes a topic's retained message, if it has one.
    pub(super) fn remove_retained(&mut self, index: TopicIndex) -> Result<(), Fault> {
        let Some(topic) = self.names.at_mut(index) else {
            return Ok(());
        };
        let Some(message) = topic.retained.take() else {
            return Ok(());
        };
        self.retained.name_bytes -= topic.name.len() as u64;
        self.retained.by_name.remove(&topic.name);
        if let Some(stored) = self.messages.at(message) {
            self.retained.body_bytes -= stored.body_bytes();
            if let Some(expires) = stored.expiry() {
                self.retained.expiring.remove(&(expires, stored.stamp));
            }
        }
        self.release_message(message)
    }

    /// Removes retained messages that have expired; paced, so that the next entry is not held up.
    pub(crate) fn tick(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        for _ in 0..EXPIRED_PER_TICK_MAX {
            let due = self.retained.expiring.first_key_value();
            let Some((&(expires, _), &index)) = due else {
                break;
            };
            if expires > context.time {
                break;
            }
            self.counts.dropped_expired += 1;
            self.remove_retained(index)?;
        }
        Ok(())
    }
}
