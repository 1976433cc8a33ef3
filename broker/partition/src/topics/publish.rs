//! `Publish`, `Recipients` and `Forget`.

use catena_mqtt::{Qos, ReasonCode};
use catena_types::{Fault, Moment, invariant};

use super::limits::RECIPIENTS_MAX;
use super::messages::{MessageIndex, Order};
use super::names::TopicIndex;
use super::queue::{QueueEntry, Source};
use super::sets::{EMPTY, NONE, Placed, RecipientSet, SetIndex, terms};
use super::state::Topics;
use crate::partition::Context;
use crate::{Origin, Publish, RecipientList, Reply, Settings};

impl Topics {
    /// Notes who gets the messages of a topic from here on.
    pub(crate) fn recipients(
        &mut self,
        settings: &Settings,
        topic: &str,
        list: &RecipientList,
    ) -> Result<(), Fault> {
        invariant!(
            list.recipients.len() < RECIPIENTS_MAX,
            "an ordinal has 24 bits"
        );
        let attached = &self.attached;
        let placed = list.recipients.iter().filter_map(|recipient| {
            let attachment = attached.find(recipient.session)?;
            Some(Placed {
                attachment,
                recipient: *recipient,
            })
        });
        let groups = list
            .groups
            .iter()
            .filter_map(|group| self.groups.name(&group.filter));
        let mut set =
            RecipientSet::new(placed.collect(), groups.collect(), list.ids.clone().into());
        let is_foreign = settings.placement.partition_of(topic) != settings.id;
        let epoch = self.epoch_of(is_foreign);
        // Groups that match exactly, and sessions that never had to do with this partition, are
        // known only where the topic belongs.
        set.is_complete = !is_foreign
            || (set.recipients.len() == list.recipients.len() && list.groups.is_empty());
        let set = if set.is_complete {
            self.sets.insert(set)
        } else {
            self.sets.restore(set)
        };
        self.sets.refer(set);
        let index = self.names.find_or_insert(topic);
        let Some(topic) = self.names.at_mut(index) else {
            return Ok(());
        };
        let old = std::mem::replace(&mut topic.set, set);
        topic.is_foreign = is_foreign;
        topic.epoch = epoch;
        self.sets.release(old)
    }

    /// Drops a topic's recipients.
    pub(crate) fn forget(&mut self, topic: &str) -> Result<(), Fault> {
        let Some(index) = self.names.find(topic) else {
            return Ok(());
        };
        self.forget_at(index)
    }

    /// Drops a topic's recipients.
    pub(super) fn forget_at(&mut self, index: TopicIndex) -> Result<(), Fault> {
        let Some(topic) = self.names.at_mut(index) else {
            return Ok(());
        };
        let old = std::mem::replace(&mut topic.set, NONE);
        self.names.remove_if_idle(index);
        self.sets.release(old)
    }

    /// A message: stored once, referred to from the queue of each recipient.
    pub(crate) fn publish(
        &mut self,
        context: &mut Context<'_>,
        origin: Origin,
        publish: &Publish<'_>,
    ) -> Result<(), Fault> {
        let index = self.names.find_or_insert(publish.topic);
        self.publish_at(context, origin, index, publish)
    }

    /// As [`Topics::publish`], where the topic's place is known.
    pub(super) fn publish_at(
        &mut self,
        context: &mut Context<'_>,
        origin: Origin,
        index: TopicIndex,
        publish: &Publish<'_>,
    ) -> Result<(), Fault> {
        let set = self.names.at(index).map_or(EMPTY, |topic| topic.set);
        if let Some(refusal) = self.refusal(context, index, set, publish) {
            self.names.remove_if_idle(index);
            context.out.reply(origin, Reply::Published(refusal));
            return Ok(());
        }
        if self.replays.any() {
            self.draw_retained(context, index, publish.retain)?;
        }
        if publish.retain {
            self.retain(context, index, publish)?;
        }
        let reached = self.distribute(context, index, set, publish)?;
        if publish.retain && publish.payload.is_empty() {
            // Who clears a topic is done with it: its recipients would only take room.
            self.forget_at(index)?;
        }
        if set == NONE {
            self.names.remove_if_idle(index);
        }
        // 3.4.2.1: 0x10 says that nobody is subscribed.
        let reason = if reached {
            ReasonCode::Success
        } else {
            ReasonCode::NoMatchingSubscribers
        };
        context.out.reply(origin, Reply::Published(reason));
        Ok(())
    }

    /// Why a publish cannot be taken, if so: memory pool or retained messages at their limit.
    fn refusal(
        &mut self,
        context: &Context<'_>,
        index: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
    ) -> Option<ReasonCode> {
        let stores = publish.retain && !publish.payload.is_empty();
        let queues = set != EMPTY && publish.qos != Qos::AtMostOnce;
        if (stores || queues) && self.is_full() {
            if publish.qos == Qos::AtMostOnce {
                self.counts.dropped_memory += 1;
            } else {
                self.counts.refused_memory += 1;
            }
            return Some(ReasonCode::QuotaExceeded);
        }
        let is_new = || {
            let topic = self.names.at(index);
            topic.is_none_or(|topic| topic.retained.is_none())
        };
        let full = self.retained.len() as u64 >= context.settings.retained_messages_max;
        if stores && full && is_new() {
            self.counts.refused_retained += 1;
            return Some(ReasonCode::QuotaExceeded);
        }
        None
    }

    /// Gives a message to everyone in its recipient set. Whether there was anyone.
    fn distribute(
        &mut self,
        context: &mut Context<'_>,
        index: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
    ) -> Result<bool, Fault> {
        let Some(recipients) = self.sets.at(set) else {
            return Ok(false);
        };
        let (plain, groups) = (recipients.recipients.len(), recipients.groups.len());
        let at_zero = publish.qos == Qos::AtMostOnce || recipients.has_zero;
        let mut stored = None;
        if publish.qos != Qos::AtMostOnce {
            for ordinal in 0..plain {
                self.give(context, index, set, publish, ordinal as u32, &mut stored)?;
            }
        }
        for at in 0..groups {
            if let Some(group) = self.group_at(set, at) {
                self.give_to_group(context, group, index, set, publish, &mut stored)?;
            }
        }
        if plain > 0 && at_zero {
            self.give_at_zero(context, index, set, publish, &mut stored)?;
        }
        Ok(plain > 0 || groups > 0)
    }

    /// Queues a message for one plain recipient that is granted QoS 1 or 2 of it.
    fn give(
        &mut self,
        context: &mut Context<'_>,
        topic: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
        ordinal: u32,
        stored: &mut Option<MessageIndex>,
    ) -> Result<(), Fault> {
        let recipients = self.sets.at(set).map(|set| &set.recipients);
        let Some(placed) = recipients.and_then(|all| all.get(ordinal as usize)) else {
            return Ok(());
        };
        let (attachment, session) = (placed.attachment, placed.recipient.session);
        let own = session == publish.publisher;
        let Some((qos, as_published, _)) = terms(&placed.recipient, own) else {
            return Ok(());
        };
        let qos = Self::granted(publish.qos, qos);
        let known = self
            .attached
            .at(attachment)
            .is_some_and(|record| record.session == session);
        if qos == Qos::AtMostOnce || !known {
            return Ok(());
        }
        let message = self.stored(context, topic, set, publish, stored)?;
        let retain = publish.retain && as_published;
        let source = Source::Recipient { ordinal, own };
        let bytes = body_bytes(publish);
        self.enqueue(
            context,
            attachment,
            QueueEntry::new(message, source, qos, retain),
            bytes,
        )
    }

    /// The stored form of a message, with one reference more.
    pub(super) fn stored(
        &mut self,
        context: &Context<'_>,
        topic: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
        stored: &mut Option<MessageIndex>,
    ) -> Result<MessageIndex, Fault> {
        if let Some(message) = *stored {
            self.messages.refer(message)?;
            return Ok(message);
        }
        let expires = expiry(publish, context.time).unwrap_or(Moment::NEVER);
        let order = Order {
            stamp: context.stamp,
            expires,
            topic,
            set,
        };
        let message = self.messages.store(publish, order);
        self.sets.refer(set);
        if let Some(topic) = self.names.at_mut(topic) {
            topic.references += 1;
        }
        *stored = Some(message);
        Ok(message)
    }
}

/// When a message that came at `now` expires.
pub(super) fn expiry(publish: &Publish<'_>, now: Moment) -> Option<Moment> {
    publish
        .expiry_seconds
        .map(|seconds| now.plus_seconds(u64::from(seconds)))
}

/// Bytes of properties and payload.
pub(super) fn body_bytes(publish: &Publish<'_>) -> u64 {
    let properties: usize = publish.properties.iter().map(|part| part.len()).sum();
    (properties + publish.payload.len()) as u64
}
