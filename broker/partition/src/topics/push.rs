//! QoS 0: pushed to whoever is attached, without a position. Only what has to stay behind an older
//! value of its topic takes a place in a queue.

use catena_mqtt::Qos;
use catena_types::{Fault, FrontendId, Moment, Stamp, invariant};

use super::limits::HOLDING_MAX;
use super::messages::MessageIndex;
use super::names::{Topic, TopicIndex};
use super::outward::{PushOrder, PushTo};
use super::publish::{body_bytes, expiry};
use super::queue::{QueueEntry, Source};
use super::sets::{SetIndex, terms};
use super::state::Topics;
use crate::partition::Context;
use crate::{Publish, Settings};

impl Topics {
    /// Pushes a QoS 0 message to whoever is attached. `false` if a retained replay of its topic is
    /// under way, or an entry holds it back: then it has to be a command to keep its place.
    pub(crate) fn push(&mut self, settings: &Settings, publish: &Publish<'_>, now: Moment) -> bool {
        let Some(index) = self.names.find(publish.topic) else {
            return true;
        };
        let Some(topic) = self.names.at(index) else {
            return true;
        };
        let set = topic.set;
        if topic.holding > 0 || self.replays.any() && topic.retained.is_some() {
            return false;
        }
        let Some(recipients) = self.sets.at(set) else {
            return true;
        };
        let (plain, groups) = (recipients.recipients.len(), recipients.groups.len());
        if self.is_full() {
            self.counts.dropped_memory += 1;
            return true;
        }
        let stamp = Stamp::new(now.nanos());
        if plain > 0 {
            self.push_to_set(stamp, expiry(publish, now), index, set, publish);
        }
        for at in 0..groups {
            if let Some(group) = self.group_at(set, at) {
                let order = PushOrder {
                    topic: index,
                    stamp,
                    expires: expiry(publish, now),
                };
                self.push_to_group(settings, group, publish, order);
            }
        }
        true
    }

    /// A command's part at QoS 0: pushed to the plain recipients that are granted no more, but
    /// queued for those whose queue has something that it must not overtake.
    pub(super) fn give_at_zero(
        &mut self,
        context: &Context<'_>,
        topic: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
        stored: &mut Option<MessageIndex>,
    ) -> Result<(), Fault> {
        let expires = expiry(publish, context.time);
        if self.names.at(topic).is_none_or(|topic| topic.holding == 0) {
            self.push_to_set(context.stamp, expires, topic, set, publish);
            return Ok(());
        }
        let order = PushOrder {
            topic,
            stamp: context.stamp,
            expires,
        };
        let plain = self.sets.at(set).map_or(0, |set| set.recipients.len());
        for ordinal in 0..plain as u32 {
            let recipients = self.sets.at(set).map(|set| &set.recipients);
            let Some(placed) = recipients.and_then(|all| all.get(ordinal as usize)) else {
                break;
            };
            let (attachment, session) = (placed.attachment, placed.recipient.session);
            let own = session == publish.publisher;
            let Some((qos, as_published, _)) = terms(&placed.recipient, own) else {
                continue;
            };
            if Self::granted(publish.qos, qos) != Qos::AtMostOnce {
                continue;
            }
            let Some(record) = self.attached.online(attachment, session) else {
                self.counts.dropped_offline += 1;
                continue;
            };
            let frontend = record.frontend;
            let queue = self.attached.queue(attachment);
            if queue.is_none_or(|queue| queue.holding == 0) {
                self.push_one(frontend, publish, PushTo::Recipient { set, ordinal }, order);
            } else if self.fits_behind(context, attachment, publish) {
                let message = self.stored(context, topic, set, publish, stored)?;
                let source = Source::Recipient { ordinal, own };
                let retain = publish.retain && as_published;
                let entry = QueueEntry::new(message, source, Qos::AtMostOnce, retain);
                self.enqueue(context, attachment, entry, body_bytes(publish))?;
            } else {
                self.counts.dropped_memory += 1;
            }
        }
        Ok(())
    }

    /// Whether a message at QoS 0 may wait in a queue. It never displaces another.
    fn fits_behind(&self, context: &Context<'_>, index: u32, publish: &Publish<'_>) -> bool {
        let limit = context.settings.queue;
        let room = self.attached.queue(index).is_none_or(|queue| {
            let bytes = queue.waiting_bytes.saturating_add(body_bytes(publish));
            queue.holding < HOLDING_MAX
                && queue.next() - queue.handed < limit.length_max
                && bytes <= limit.bytes_max
        });
        room && !self.is_full()
    }

    /// Counts an entry that holds pushes of its topic, about to be queued.
    pub(super) fn hold_pushes(&mut self, index: u32, entry: QueueEntry) -> Result<(), Fault> {
        self.count_holding(entry)?;
        if let Some(record) = self.attached.at(index).filter(|record| record.online) {
            self.outward.put_pushes_first(record.frontend);
        }
        Ok(())
    }

    /// Counts an entry that holds pushes of its topic.
    pub(super) fn count_holding(&mut self, entry: QueueEntry) -> Result<(), Fault> {
        self.held_topic(entry)?.holding += 1;
        Ok(())
    }

    /// The opposite: the entry is released.
    pub(super) fn hold_pushes_no_more(&mut self, entry: QueueEntry) -> Result<(), Fault> {
        let topic = self.held_topic(entry)?;
        invariant!(
            topic.holding > 0,
            "a topic counts the entries that hold pushes",
            topic = topic.name
        );
        topic.holding -= 1;
        Ok(())
    }

    fn held_topic(&mut self, entry: QueueEntry) -> Result<&mut Topic, Fault> {
        let message = self.messages.at(entry.message());
        let topic = message.and_then(|message| self.names.at_mut(message.topic));
        topic.ok_or_else(|| Fault::new("a queued message has its topic", format!("{entry:?}")))
    }

    /// Pushes to those of a set that are granted QoS 0.
    fn push_to_set(
        &mut self,
        stamp: Stamp,
        expires: Option<Moment>,
        topic: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
    ) {
        let Some(recipients) = self.sets.at_mut(set) else {
            return;
        };
        let audience = recipients.audience(&self.attached);
        if publish.qos == Qos::AtMostOnce {
            self.counts.dropped_offline += u64::from(audience.offline);
        } else if audience.at_zero > 0 {
            self.counts.dropped_offline += u64::from(audience.offline_at_zero);
        } else {
            return;
        }
        let frontends = audience.frontends;
        let order = PushOrder {
            topic,
            stamp,
            expires,
        };
        for bit in (0..63u16).filter(|bit| frontends >> bit & 1 == 1) {
            self.push_one(FrontendId::new(bit), publish, PushTo::Set(set), order);
        }
        if frontends >> 63 == 1 {
            for frontend in 63..self.outward.frontends() {
                self.push_one(FrontendId::new(frontend), publish, PushTo::Set(set), order);
            }
        }
    }

    /// Pushes to one frontend; counts it as dropped if too much waits for that already.
    pub(super) fn push_one(
        &mut self,
        frontend: FrontendId,
        publish: &Publish<'_>,
        to: PushTo,
        order: PushOrder,
    ) {
        if !self.outward.waiting(frontend).push(publish, to, order) {
            self.counts.dropped_memory += 1;
            return;
        }
        if let PushTo::Set(set) | PushTo::Recipient { set, .. } = to {
            self.sets.refer(set);
        }
        if let Some(topic) = self.names.at_mut(order.topic) {
            topic.references += 1;
        }
    }
}
