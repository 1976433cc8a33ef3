//! Reading. Never trusts a number: what refers to nothing is no snapshot.

use std::collections::VecDeque;

use catena_mqtt::Qos;
use catena_types::{FrontendId, Generation, Moment, Reader, SessionId, Stamp, Truncated};

use crate::topics::attached::Record;
use crate::topics::groups::{GroupName, Member};
use crate::topics::messages::{Message, MessageIndex, MessageParts};
use crate::topics::queue::{Queue, QueueEntry, Source};
use crate::topics::replay::Replay;
use crate::topics::sets::{EMPTY, NONE, Placed, RecipientSet};
use crate::topics::state::Topics;
use crate::{IdRun, Own, Recipient, Settings};

impl Topics {
    /// The state that wrote this.
    pub(crate) fn read(settings: &Settings, reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut topics = Self::new(settings);
        topics.epoch = reader.u32()?;
        topics.foreign_epoch = reader.u32()?;
        topics.allowed = reader.u64()?;
        let records = topics.read_records(reader)?;
        let groups = topics.read_groups(reader)?;
        let sets = topics.read_sets(&groups, reader)?;
        let names = topics.read_topics(settings, &sets, reader)?;
        let messages = topics.read_messages(&sets, &names, reader)?;
        topics.read_retained(&names, &messages, reader)?;
        topics.read_waiting(&groups, &messages, reader)?;
        let replays = topics.read_replays(reader)?;
        for &record in &records {
            topics.read_queue(record, (&groups, &messages, &replays), reader)?;
        }
        for &record in &records {
            topics.mark_ready(record);
        }
        Ok(topics)
    }

    fn read_records(&mut self, reader: &mut Reader<'_>) -> Result<Vec<u32>, Truncated> {
        let count = reader.count(29)?;
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            let session = SessionId::from_packed(reader.u64()?);
            let mut record = Record::offline(session);
            record.next = reader.u64()?;
            record.connection = reader.u32()?;
            record.generation = Generation::new(reader.u32()?);
            record.frontend = FrontendId::new(reader.u16()?);
            record.share_credit = reader.u16()?;
            record.online = flag(reader)?;
            if self.attached.find(session).is_some() {
                return Err(Truncated);
            }
            self.outward.know(record.frontend);
            records.push(self.attached.insert(record));
        }
        Ok(records)
    }

    fn read_groups(&mut self, reader: &mut Reader<'_>) -> Result<Vec<u32>, Truncated> {
        let next_serial = reader.u64()?;
        let count = reader.count(28)?;
        let mut groups = Vec::with_capacity(count);
        for _ in 0..count {
            let filter = reader.text()?;
            let serial = reader.u64()?;
            let cursor = reader.u32()?;
            let index = self.groups.find_or_insert(filter);
            for _ in 0..reader.count(14)? {
                let session = SessionId::from_packed(reader.u64()?);
                let member = Member {
                    session,
                    attachment: self.attached.find(session).ok_or(Truncated)?,
                    qos: qos(reader)?,
                    retain_as_published: flag(reader)?,
                    subscription_id: Some(reader.u32()?).filter(|&id| id != 0),
                };
                self.groups.join(filter, member);
            }
            let group = self.groups.at_mut(index).ok_or(Truncated)?;
            group.cursor = cursor;
            group.serial = serial;
            groups.push(index);
        }
        self.groups.next_serial = next_serial;
        Ok(groups)
    }

    fn read_sets(
        &mut self,
        groups: &[u32],
        reader: &mut Reader<'_>,
    ) -> Result<Vec<u32>, Truncated> {
        let count = reader.count(25)?;
        let mut sets = Vec::with_capacity(count);
        for _ in 0..count {
            let recipients = reader.count(19)?;
            let mut placed = Vec::with_capacity(recipients);
            for _ in 0..recipients {
                let recipient = read_recipient(reader)?;
                // The session may have ended since: then nobody is there under its number.
                let attachment = self.attached.find(recipient.session).unwrap_or(u32::MAX);
                placed.push(Placed {
                    attachment,
                    recipient,
                });
            }
            let mut named = Vec::new();
            for _ in 0..reader.count(4)? {
                let index = *groups.get(reader.u32()? as usize).ok_or(Truncated)?;
                let serial = self.groups.at(index).ok_or(Truncated)?.serial;
                named.push(GroupName { index, serial });
            }
            let mut ids = Vec::new();
            for _ in 0..reader.count(4)? {
                ids.push(reader.u32()?);
            }
            let mut set = RecipientSet::new(placed.into(), named.into(), ids.into());
            set.is_complete = flag(reader)?;
            sets.push(self.sets.restore(set));
        }
        Ok(sets)
    }

    fn read_topics(
        &mut self,
        settings: &Settings,
        sets: &[u32],
        reader: &mut Reader<'_>,
    ) -> Result<Vec<u32>, Truncated> {
        let count = reader.count(16)?;
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            let index = self.names.find_or_insert(reader.text()?);
            let set = set_index(sets, reader.u32()?)?;
            self.sets.refer(set);
            let topic = self.names.at_mut(index).ok_or(Truncated)?;
            topic.set = set;
            topic.epoch = reader.u32()?;
            topic.is_foreign = settings.placement.partition_of(&topic.name) != settings.id;
            names.push(index);
        }
        Ok(names)
    }

    fn read_messages(
        &mut self,
        sets: &[u32],
        names: &[u32],
        reader: &mut Reader<'_>,
    ) -> Result<Vec<MessageIndex>, Truncated> {
        let count = reader.count(42)?;
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            let stamp = Stamp::new(reader.u64()?);
            let expires = Moment::from_nanos(reader.u64()?);
            let topic = *names.get(reader.u32()? as usize).ok_or(Truncated)?;
            let set = set_index(sets, reader.u32()?)?;
            let (qos, retain) = (qos(reader)?, flag(reader)?);
            let (properties, payload) = (reader.bytes()?, reader.bytes()?);
            let parts = MessageParts {
                stamp,
                expires,
                topic,
                set,
                qos,
                retain,
                properties,
                payload,
            };
            self.sets.refer(set);
            self.names.at_mut(topic).ok_or(Truncated)?.references += 1;
            messages.push(self.messages.insert(Message::from_parts(&parts)));
        }
        Ok(messages)
    }

    fn read_retained(
        &mut self,
        names: &[u32],
        messages: &[MessageIndex],
        reader: &mut Reader<'_>,
    ) -> Result<(), Truncated> {
        for _ in 0..reader.count(8)? {
            let topic = *names.get(reader.u32()? as usize).ok_or(Truncated)?;
            let message = *messages.get(reader.u32()? as usize).ok_or(Truncated)?;
            self.messages.refer(message).map_err(|_| Truncated)?;
            self.set_retained(topic, message).map_err(|_| Truncated)?;
        }
        Ok(())
    }

    fn read_waiting(
        &mut self,
        groups: &[u32],
        messages: &[MessageIndex],
        reader: &mut Reader<'_>,
    ) -> Result<(), Truncated> {
        for &group in groups {
            for _ in 0..reader.count(4)? {
                let message = *messages.get(reader.u32()? as usize).ok_or(Truncated)?;
                self.messages.refer(message).map_err(|_| Truncated)?;
                self.groups
                    .at_mut(group)
                    .ok_or(Truncated)?
                    .waiting
                    .push_back(message);
                self.entries += 1;
            }
        }
        Ok(())
    }

    fn read_replays(&mut self, reader: &mut Reader<'_>) -> Result<Vec<u32>, Truncated> {
        let count = reader.count(38)?;
        let mut replays = Vec::with_capacity(count);
        for _ in 0..count {
            let session = SessionId::from_packed(reader.u64()?);
            let mut replay = Replay {
                session,
                attachment: self.attached.find(session).ok_or(Truncated)?,
                filter: reader.text()?.into(),
                qos: qos(reader)?,
                subscription_id: Some(reader.u32()?).filter(|&id| id != 0),
                cursor: reader.text()?.into(),
                drawn: Default::default(),
                finished: flag(reader)?,
                entries: 0,
            };
            for _ in 0..reader.count(8)? {
                replay.drawn.insert(reader.text()?.into());
            }
            replays.push(self.replays.insert(replay));
        }
        Ok(replays)
    }

    fn read_queue(
        &mut self,
        record: u32,
        (groups, messages, replays): (&[u32], &[MessageIndex], &[u32]),
        reader: &mut Reader<'_>,
    ) -> Result<(), Truncated> {
        let count = reader.count(9)?;
        if count == 0 {
            return Ok(());
        }
        let mut queue = Queue::starting_at(reader.u64()?, VecDeque::with_capacity(count));
        queue.handed = reader.u64()?;
        queue.sent_before = reader.u64()?;
        let mut position = queue.base;
        for _ in 0..count {
            let (message, number, flags) = (reader.u32()?, reader.u32()?, reader.u8()?);
            let released = QueueEntry::from_flags(0, 0, flags).is_released();
            if released {
                queue.push_released(QueueEntry::from_flags(0, 0, flags));
                position += 1;
                continue;
            }
            let message = *messages.get(message as usize).ok_or(Truncated)?;
            let number = match QueueEntry::from_flags(0, 0, flags).source() {
                Source::Recipient { .. } => number,
                Source::Shared { .. } => {
                    let group = *groups.get(number as usize).ok_or(Truncated)?;
                    self.groups.entry_made(group);
                    group
                }
                Source::Replay { .. } => {
                    let replay = *replays.get(number as usize).ok_or(Truncated)?;
                    self.replays.entry_made(replay);
                    replay
                }
            };
            self.messages.refer(message).map_err(|_| Truncated)?;
            let waits = position >= queue.handed;
            let bytes = self.messages.at(message).map_or(0, Message::body_bytes);
            let entry = QueueEntry::from_flags(message, number, flags);
            if entry.holds_pushes() {
                self.count_holding(entry).map_err(|_| Truncated)?;
            }
            queue.push(entry, if waits { bytes } else { 0 });
            self.entries += 1;
            position += 1;
        }
        if queue.handed > queue.next() || queue.handed < queue.base {
            return Err(Truncated);
        }
        queue.in_hand = queue.counted();
        self.attached.put_queue(record, queue);
        Ok(())
    }
}

fn read_recipient(reader: &mut Reader<'_>) -> Result<Recipient, Truncated> {
    Ok(Recipient {
        session: SessionId::from_packed(reader.u64()?),
        qos: qos(reader)?,
        retain_as_published: flag(reader)?,
        ids: run(reader)?,
        own: match reader.u8()? {
            0 => Own::Same,
            1 => Own::Excluded,
            2 => Own::Only {
                qos: qos(reader)?,
                retain_as_published: flag(reader)?,
                ids: run(reader)?,
            },
            _ => return Err(Truncated),
        },
    })
}

fn run(reader: &mut Reader<'_>) -> Result<IdRun, Truncated> {
    Ok(IdRun {
        start: reader.u32()?,
        count: reader.u32()?,
    })
}

fn qos(reader: &mut Reader<'_>) -> Result<Qos, Truncated> {
    match reader.u8()? {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        2 => Ok(Qos::ExactlyOnce),
        _ => Err(Truncated),
    }
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, Truncated> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Truncated),
    }
}

fn set_index(sets: &[u32], number: u32) -> Result<u32, Truncated> {
    match number {
        NONE | EMPTY => Ok(number),
        number => sets.get(number as usize).copied().ok_or(Truncated),
    }
}
