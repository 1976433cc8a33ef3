//! Giving a share group's messages to its members, and taking them back.

use catena_mqtt::Qos;
use catena_types::{Fault, siphash};

use super::groups::{Group, Member};
use super::messages::MessageIndex;
use super::names::TopicIndex;
use super::outward::{PushOrder, PushTo};
use super::publish::body_bytes;
use super::queue::{QueueEntry, Source};
use super::sets::SetIndex;
use super::state::Topics;
use crate::partition::Context;
use crate::{Publish, QueueLimit, Settings, ShareStrategy};

impl Topics {
    /// Gives a message to the member whose turn it is; if none can take it, the group keeps it.
    pub(super) fn give_to_group(
        &mut self,
        context: &mut Context<'_>,
        group: u32,
        topic: TopicIndex,
        set: SetIndex,
        publish: &Publish<'_>,
        stored: &mut Option<MessageIndex>,
    ) -> Result<(), Fault> {
        if self
            .groups
            .at(group)
            .is_none_or(|group| group.members.is_empty())
        {
            return Ok(());
        }
        let waiting = self
            .groups
            .at(group)
            .is_some_and(|group| !group.waiting.is_empty());
        let chosen = if waiting {
            None
        } else {
            self.choose(context.settings, group, publish)
        };
        let qos_zero = publish.qos == Qos::AtMostOnce
            || chosen
                .as_ref()
                .is_some_and(|member| member.qos == Qos::AtMostOnce);
        if qos_zero {
            if let Some(member) = chosen {
                let order = PushOrder {
                    topic,
                    stamp: context.stamp,
                    expires: super::publish::expiry(publish, context.time),
                };
                self.push_to_member(&member, publish, order);
            }
            return Ok(());
        }
        let message = self.stored(context, topic, set, publish, stored)?;
        match chosen {
            Some(member) => {
                let retain = publish.retain && member.retain_as_published;
                self.assign(
                    context,
                    group,
                    &member,
                    message,
                    retain,
                    body_bytes(publish),
                )
            }
            None => {
                if let Some(group) = self.groups.at_mut(group) {
                    group.waiting.push_back(message);
                    self.entries += 1;
                }
                Ok(())
            }
        }
    }

    /// Puts a message into a member's queue; the reference is already counted.
    fn assign(
        &mut self,
        context: &Context<'_>,
        group: u32,
        member: &Member,
        message: MessageIndex,
        retain: bool,
        bytes: u64,
    ) -> Result<(), Fault> {
        let published = self
            .messages
            .at(message)
            .map_or(Qos::AtLeastOnce, |message| message.qos);
        let qos = Self::granted(published, member.qos);
        self.groups.entry_made(group);
        let entry = QueueEntry::new(message, Source::Shared { group }, qos, retain);
        self.enqueue(context, member.attachment, entry, bytes)
    }

    /// The member whose turn it is, if any can take a message now.
    fn choose(&mut self, settings: &Settings, index: u32, publish: &Publish<'_>) -> Option<Member> {
        let group = self.groups.at(index)?;
        let count = group.members.len();
        let key = settings.placement.key();
        let start = match settings.share_strategy {
            ShareStrategy::RoundRobin | ShareStrategy::Sticky => group.cursor as usize,
            ShareStrategy::Random => publish.random as usize,
            ShareStrategy::HashTopic => siphash(key, 1, publish.topic.as_bytes()) as usize,
            ShareStrategy::HashClient => {
                siphash(key, 2, &publish.publisher.packed().to_le_bytes()) as usize
            }
        } % count;
        let at = (0..count)
            .map(|step| (start + step) % count)
            .find(|&at| self.can_take(settings.queue, group, at, body_bytes(publish)))?;
        let member = group.members[at].clone();
        let group = self.groups.at_mut(index)?;
        match settings.share_strategy {
            ShareStrategy::RoundRobin => group.cursor = ((at + 1) % count) as u32,
            ShareStrategy::Sticky => group.cursor = at as u32,
            ShareStrategy::Random | ShareStrategy::HashTopic | ShareStrategy::HashClient => {}
        }
        Some(member)
    }

    /// Whether a member may be given a message of so many body bytes: not while as many are open
    /// with it as it may have, nor while its queue is full, where another would have to give way.
    pub(super) fn can_take(&self, limit: QueueLimit, group: &Group, at: usize, bytes: u64) -> bool {
        let Some(member) = group.members.get(at) else {
            return false;
        };
        let record = self.attached.online(member.attachment, member.session);
        record.is_some_and(|record| {
            let queue = self.attached.queue(member.attachment);
            queue.is_none_or(|queue| {
                queue.shared_open < u32::from(record.share_credit) && queue.has_room(limit, bytes)
            })
        })
    }

    /// Body bytes of the oldest message that waits in a group.
    pub(super) fn oldest_bytes(&self, group: &Group) -> Option<u64> {
        let message = self.messages.at(*group.waiting.front()?)?;
        Some(message.body_bytes())
    }

    /// Gives a member what its groups have waiting, as far as its credit goes.
    pub(super) fn feed_member(&mut self, context: &Context<'_>, index: u32) -> Result<(), Fault> {
        let Some(session) = self.attached.at(index).map(|record| record.session) else {
            return Ok(());
        };
        for turn in 0..self.groups.of(session).len() {
            let Some(&group) = self.groups.of(session).get(turn) else {
                break;
            };
            self.feed_group_member(context, group, index)?;
        }
        Ok(())
    }

    fn feed_group_member(
        &mut self,
        context: &Context<'_>,
        index: u32,
        attachment: u32,
    ) -> Result<(), Fault> {
        loop {
            let Some(group) = self.groups.at(index) else {
                return Ok(());
            };
            let Some(bytes) = self.oldest_bytes(group) else {
                return Ok(());
            };
            let at = group
                .members
                .iter()
                .position(|member| member.attachment == attachment);
            let takes = |&at: &usize| self.can_take(context.settings.queue, group, at, bytes);
            let Some(at) = at.filter(takes) else {
                return Ok(());
            };
            let member = group.members[at].clone();
            self.assign_oldest(context, index, &member)?;
        }
    }

    /// Gives a member the oldest message that its group had waiting.
    fn assign_oldest(
        &mut self,
        context: &Context<'_>,
        group: u32,
        member: &Member,
    ) -> Result<(), Fault> {
        let place = self.groups.at_mut(group);
        let Some(message) = place.and_then(|group| group.waiting.pop_front()) else {
            return Ok(());
        };
        self.entries -= 1;
        let stored = self.messages.at(message);
        let (retain, bytes) = stored.map_or((false, 0), |m| (m.retain, m.body_bytes()));
        let retain = retain && member.retain_as_published;
        self.assign(context, group, member, message, retain, bytes)
    }

    /// Returns a member's unacknowledged shared messages to the front of their groups, but for
    /// QoS 2 deliveries that were begun: those finish with it or end with its session
    /// [MQTT-4.8.2-4] [MQTT-4.8.2-5].
    pub(super) fn return_shared(
        &mut self,
        context: &Context<'_>,
        index: u32,
        ended: bool,
    ) -> Result<(), Fault> {
        let Some(queue) = self
            .attached
            .queue(index)
            .filter(|queue| queue.shared_open > 0)
        else {
            return Ok(());
        };
        let begun_before = queue.sent_before;
        let positions: Vec<u64> = (queue.base..queue.next())
            .filter(|&position| {
                queue.at(position).is_some_and(|entry| {
                    let begun = entry.qos() == Qos::ExactlyOnce && position < begun_before;
                    entry.is_shared() && !entry.is_released() && !begun
                })
            })
            .collect();
        let mut fed = Vec::new();
        for &position in positions.iter().rev() {
            let Some((_, queue)) = self.attached.queue_mut(index) else {
                break;
            };
            let Some(entry) = queue.release(position) else {
                continue;
            };
            let Source::Shared { group } = entry.source() else {
                continue;
            };
            if let Some(place) = self.groups.at_mut(group)
                && !place.members.is_empty()
            {
                place.waiting.push_front(entry.message());
                self.groups.entry_gone(group)?;
                if !fed.contains(&group) {
                    fed.push(group);
                }
            } else {
                self.let_go(entry)?;
            }
        }
        if !ended {
            self.attached.drop_empty_queue(index);
            self.hand_out(context, index);
        }
        for group in fed {
            self.feed_group(context, group)?;
        }
        Ok(())
    }

    /// Gives what a group has waiting to any members with credit, in rotation.
    pub(super) fn feed_group(&mut self, context: &Context<'_>, index: u32) -> Result<(), Fault> {
        loop {
            let Some(group) = self.groups.at(index) else {
                return Ok(());
            };
            let Some(bytes) = self.oldest_bytes(group) else {
                return Ok(());
            };
            let (count, start) = (group.members.len(), group.cursor as usize);
            let found = (0..count)
                .map(|step| (start + step) % count)
                .find(|&at| self.can_take(context.settings.queue, group, at, bytes));
            let Some(at) = found else { return Ok(()) };
            let member = group.members[at].clone();
            if let Some(group) = self.groups.at_mut(index) {
                group.cursor = ((at + 1) % count) as u32;
            }
            self.assign_oldest(context, index, &member)?;
        }
    }

    /// Pushes a QoS 0 message to one member: a rotation of its own, unreplicated.
    pub(super) fn push_to_group(
        &mut self,
        settings: &Settings,
        index: u32,
        publish: &Publish<'_>,
        order: PushOrder,
    ) {
        let Some(group) = self.groups.at(index) else {
            return;
        };
        let count = group.members.len();
        if count == 0 {
            return;
        }
        let key = settings.placement.key();
        let start = match settings.share_strategy {
            ShareStrategy::RoundRobin | ShareStrategy::Sticky => group.push_cursor as usize,
            ShareStrategy::Random => publish.random as usize,
            ShareStrategy::HashTopic => siphash(key, 1, publish.topic.as_bytes()) as usize,
            ShareStrategy::HashClient => {
                siphash(key, 2, &publish.publisher.packed().to_le_bytes()) as usize
            }
        };
        let online = |at: &usize| {
            let member = &group.members[*at];
            self.attached
                .online(member.attachment, member.session)
                .is_some()
        };
        let found = (0..count)
            .map(|step| (start % count + step) % count)
            .find(online);
        let Some(at) = found else {
            self.counts.dropped_offline += 1;
            return;
        };
        let member = group.members[at].clone();
        if let Some(group) = self.groups.at_mut(index) {
            let next = if settings.share_strategy == ShareStrategy::Sticky {
                at
            } else {
                at + 1
            };
            group.push_cursor = (next % count) as u32;
        }
        self.push_to_member(&member, publish, order);
    }

    fn push_to_member(&mut self, member: &Member, publish: &Publish<'_>, order: PushOrder) {
        let online = self.attached.online(member.attachment, member.session);
        let Some(frontend) = online.map(|record| record.frontend) else {
            return;
        };
        let to = PushTo::Member {
            attachment: member.attachment,
            session: member.session,
            subscription_id: member.subscription_id,
            retain_as_published: member.retain_as_published,
        };
        self.push_one(frontend, publish, to, order);
    }
}
