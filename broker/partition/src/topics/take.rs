//! Lending a frontend what waits for it. Changes nothing that is replicated.

use catena_mqtt::Qos;
use catena_types::{Fault, FrontendId, Position, Stamp};

use super::attached::Record;
use super::outward::{Push, PushTo, Waiting};
use super::queue::{QueueEntry, Source};
use super::sets::{Placed, RecipientSet, terms};
use super::state::Topics;
use crate::{AttachmentIndex, Delivery, Outgoing, OutgoingPublish, Receiver, Taken};

impl Topics {
    /// Lends everything that waits for a frontend until it is taken or refused for now.
    pub(crate) fn take(
        &mut self,
        frontend: FrontendId,
        receiver: &mut impl Receiver,
    ) -> Result<(), Fault> {
        let Some(waiting) = self.outward.take(frontend) else {
            return Ok(());
        };
        for &(index, position) in &waiting.releases {
            self.lend_release(frontend, index, position, receiver);
        }
        if waiting.pushes_first {
            self.lend_pushes(frontend, &waiting, receiver);
        }
        for &index in &waiting.ready {
            self.lend_queue(frontend, index, receiver);
        }
        if !waiting.pushes_first {
            self.lend_pushes(frontend, &waiting, receiver);
        }
        self.release_pushes(&waiting)?;
        self.outward.put_back(frontend, waiting);
        Ok(())
    }

    fn lend_release(
        &self,
        frontend: FrontendId,
        index: u32,
        position: u64,
        receiver: &mut impl Receiver,
    ) {
        let Some(record) = self.attached.at(index) else {
            return;
        };
        let entry = self
            .attached
            .queue(index)
            .and_then(|queue| queue.at(position));
        let due = entry.is_some_and(|entry| entry.is_received() && !entry.is_released());
        if record.online && record.frontend == frontend && due {
            let stamp = self.stamp_of(entry);
            let what = Outgoing::Release {
                position: Position::new(position),
            };
            // A PUBREL is four bytes and always goes out; there is nothing to refuse.
            receiver.deliver(&delivery(record, index, stamp, what));
        }
    }

    fn stamp_of(&self, entry: Option<QueueEntry>) -> Stamp {
        let message = entry.and_then(|entry| self.messages.at(entry.message()));
        message.map_or_else(Default::default, |message| message.stamp)
    }

    fn lend_queue(&mut self, frontend: FrontendId, index: u32, receiver: &mut impl Receiver) {
        let Some((record, queue)) = self.attached.queue_mut(index) else {
            return;
        };
        queue.ready = false;
        if !record.online || record.frontend != frontend {
            return;
        }
        let (mut taken, handed) = (queue.taken, queue.handed);
        let mut stalled = false;
        let Some(record) = self.attached.at(index) else {
            return;
        };
        let Some(queue) = self.attached.queue(index) else {
            return;
        };
        while taken < handed {
            let entry = queue.at(taken).filter(|entry| !entry.is_released());
            if let Some(entry) = entry
                && self.lend_entry(record, index, entry, taken, queue.sent_before, receiver)
                    == Taken::NotNow
            {
                stalled = true;
                break;
            }
            taken += 1;
        }
        if let Some((_, queue)) = self.attached.queue_mut(index) {
            queue.taken = taken;
            queue.stalled = stalled;
        }
    }

    fn lend_entry(
        &self,
        record: &Record,
        index: u32,
        entry: QueueEntry,
        position: u64,
        sent_before: u64,
        receiver: &mut impl Receiver,
    ) -> Taken {
        let Some(message) = self.messages.at(entry.message()) else {
            return Taken::Yes;
        };
        let Some(topic) = self.names.at(message.topic) else {
            return Taken::Yes;
        };
        let what = if entry.is_received() {
            Outgoing::Release {
                position: Position::new(position),
            }
        } else {
            let mut one = [0];
            return receiver.deliver(&delivery(
                record,
                index,
                message.stamp,
                Outgoing::Publish(OutgoingPublish {
                    topic: &topic.name,
                    qos: entry.qos(),
                    retain: entry.retain(),
                    dup: position < sent_before && entry.qos() != Qos::AtMostOnce,
                    position: Some(Position::new(position)),
                    expires: message.expiry(),
                    subscription_ids: self.ids_of(record, message.set, entry.source(), &mut one),
                    properties: message.properties(),
                    payload: message.payload(),
                    shared: message.shared(),
                }),
            ));
        };
        receiver.deliver(&delivery(record, index, message.stamp, what))
    }

    /// The subscription identifiers of an entry; a single one is put into `one`.
    fn ids_of<'a>(
        &'a self,
        record: &Record,
        set: u32,
        source: Source,
        one: &'a mut [u32; 1],
    ) -> &'a [u32] {
        let single = match source {
            Source::Recipient { ordinal, own } => {
                let Some(set) = self.sets.at(set) else {
                    return &[];
                };
                let Some(placed) = set.recipients.get(ordinal as usize) else {
                    return &[];
                };
                let Some((_, _, ids)) = terms(&placed.recipient, own) else {
                    return &[];
                };
                return set.ids(ids);
            }
            Source::Shared { group } => self.groups.at(group).and_then(|group| {
                let found = group.members.iter().find(|m| m.session == record.session);
                found.and_then(|member| member.subscription_id)
            }),
            Source::Replay { replay } => self
                .replays
                .at(replay)
                .and_then(|replay| replay.subscription_id),
        };
        match single {
            Some(id) => {
                one[0] = id;
                one
            }
            None => &[],
        }
    }

    /// Lends pushes in runs with the same receivers: for each receiver the whole run, so that its
    /// buffer is written once.
    fn lend_pushes(&self, frontend: FrontendId, waiting: &Waiting, receiver: &mut impl Receiver) {
        let mut rest = waiting.pushes.as_slice();
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|push| push.to == first.to).count();
            let (run, later) = rest.split_at(same);
            rest = later;
            match first.to {
                PushTo::Set(set) => {
                    let Some(set) = self.sets.at(set) else {
                        continue;
                    };
                    for placed in &set.recipients {
                        self.lend_to_recipient(frontend, (set, placed), run, waiting, receiver);
                    }
                }
                PushTo::Recipient { set, ordinal } => {
                    let Some(set) = self.sets.at(set) else {
                        continue;
                    };
                    if let Some(placed) = set.recipients.get(ordinal as usize) {
                        self.lend_to_recipient(frontend, (set, placed), run, waiting, receiver);
                    }
                }
                PushTo::Member {
                    attachment,
                    session,
                    ..
                } => {
                    let record = self.attached.online(attachment, session);
                    let Some(record) = record.filter(|r| r.frontend == frontend) else {
                        continue;
                    };
                    for push in run {
                        self.lend_to_member(record, push, waiting, receiver);
                    }
                }
            }
        }
    }

    /// Lets go of what pushes that were lent had named.
    fn release_pushes(&mut self, waiting: &Waiting) -> Result<(), Fault> {
        for push in &waiting.pushes {
            self.names.release(push.topic);
            if let PushTo::Set(set) | PushTo::Recipient { set, .. } = push.to {
                self.sets.release(set)?;
            }
        }
        Ok(())
    }

    fn lend_to_recipient(
        &self,
        frontend: FrontendId,
        (set, placed): (&RecipientSet, &Placed),
        run: &[Push],
        waiting: &Waiting,
        receiver: &mut impl Receiver,
    ) {
        let session = placed.recipient.session;
        let record = self.attached.online(placed.attachment, session);
        let Some(record) = record.filter(|record| record.frontend == frontend) else {
            return;
        };
        for push in run {
            let own = session == push.publisher;
            let Some((qos, as_published, ids)) = terms(&placed.recipient, own) else {
                continue;
            };
            if push.qos.min(qos) != Qos::AtMostOnce {
                continue;
            }
            let retain = push.retain && as_published;
            let index = placed.attachment;
            self.lend_push(record, index, push, retain, set.ids(ids), waiting, receiver);
        }
    }

    fn lend_to_member(
        &self,
        record: &Record,
        push: &Push,
        waiting: &Waiting,
        receiver: &mut impl Receiver,
    ) {
        let PushTo::Member {
            attachment,
            subscription_id,
            retain_as_published,
            ..
        } = push.to
        else {
            return;
        };
        let one = subscription_id.map(|id| [id]);
        let ids = one.as_ref().map_or(&[][..], |one| &one[..]);
        let retain = push.retain && retain_as_published;
        self.lend_push(record, attachment, push, retain, ids, waiting, receiver);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call per copy: a struct would be built for it"
    )]
    fn lend_push(
        &self,
        record: &Record,
        index: u32,
        push: &Push,
        retain: bool,
        subscription_ids: &[u32],
        waiting: &Waiting,
        receiver: &mut impl Receiver,
    ) {
        let Some(topic) = self.names.at(push.topic) else {
            return;
        };
        let middle = push.start + push.properties_len as usize;
        let end = middle + push.payload_len as usize;
        let (Some(properties), Some(payload)) = (
            waiting.bodies.get(push.start..middle),
            waiting.bodies.get(middle..end),
        ) else {
            return;
        };
        let publish = OutgoingPublish {
            topic: &topic.name,
            qos: Qos::AtMostOnce,
            retain,
            dup: false,
            position: None,
            expires: push.expires,
            subscription_ids,
            properties,
            payload,
            shared: None,
        };
        // What is refused at QoS 0 is dropped: the frontend counts it.
        receiver.deliver(&delivery(
            record,
            index,
            push.stamp,
            Outgoing::Publish(publish),
        ));
    }
}

fn delivery<'a>(record: &Record, index: u32, stamp: Stamp, what: Outgoing<'a>) -> Delivery<'a> {
    Delivery {
        connection: record.connection,
        generation: record.generation,
        session: record.session,
        attachment: AttachmentIndex(index),
        stamp,
        what,
    }
}
