//! Writing.

use std::collections::BTreeMap;

use catena_types::Writer;

use crate::topics::attached::Record;
use crate::topics::groups::Groups;
use crate::topics::messages::{Message, MessageIndex};
use crate::topics::queue::Source;
use crate::topics::sets::{EMPTY, NONE, RecipientSet};
use crate::topics::state::Topics;
use crate::{IdRun, Own};

/// Canonical numbers of what is referred to by index.
struct Numbers {
    groups: BTreeMap<u32, u32>,
    sets: BTreeMap<u32, u32>,
    topics: BTreeMap<u32, u32>,
    messages: BTreeMap<MessageIndex, u32>,
    replays: BTreeMap<u32, u32>,
}

impl Topics {
    /// Appends the replicated state.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(self.epoch);
        writer.u32(self.foreign_epoch);
        writer.u64(self.allowed);
        let mut records: Vec<(u32, &Record)> = self.attached.iter().collect();
        records.sort_by_key(|(_, record)| record.session);
        write_records(&records, writer);
        let mut topics: Vec<_> = self
            .names
            .iter()
            .filter(|(_, topic)| self.is_kept(topic))
            .collect();
        topics.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let mut messages: Vec<(MessageIndex, &Message)> = self.messages.iter().collect();
        // An entry can bring several messages, none of them twice.
        messages.sort_by_key(|(_, message)| {
            let topic = self.names.at(message.topic).map(|topic| &*topic.name);
            (
                message.stamp,
                message.set == EMPTY,
                topic,
                message.properties(),
                message.payload(),
            )
        });
        let named = topics.iter().map(|(_, topic)| topic.set);
        let named = named.chain(messages.iter().map(|(_, message)| message.set));
        let mut sets = BTreeMap::new();
        let mut ordered = Vec::new();
        for index in named {
            if self.sets.at(index).is_some() && !sets.contains_key(&index) {
                sets.insert(index, ordered.len() as u32);
                ordered.push(index);
            }
        }
        let numbers = Numbers {
            groups: number(self.groups.iter().map(|(index, _)| index)),
            sets,
            topics: number(topics.iter().map(|(index, _)| *index)),
            messages: number(messages.iter().map(|(index, _)| *index)),
            replays: number(self.replays.iter().map(|(index, _)| index)),
        };
        self.write_groups(writer);
        self.write_sets(&ordered, &numbers, writer);
        writer.len(topics.len());
        for (_, topic) in &topics {
            writer.bytes(topic.name.as_bytes());
            writer.u32(set_number(&numbers, topic.set));
            writer.u32(topic.epoch);
        }
        write_messages(&messages, &numbers, writer);
        self.write_retained(&numbers, writer);
        self.write_waiting(&numbers, writer);
        self.write_replays(writer);
        self.write_queues(&records, &numbers, writer);
    }

    /// A topic that only a push needs is not part of the replicated state.
    fn is_kept(&self, topic: &crate::topics::names::Topic) -> bool {
        topic.set != NONE
            || topic.retained.is_some()
            || self.messages.iter().any(|(_, message)| {
                self.names
                    .at(message.topic)
                    .is_some_and(|other| other.name == topic.name)
            })
    }

    fn write_groups(&self, writer: &mut Writer<'_>) {
        writer.u64(self.groups.next_serial);
        writer.len(self.groups.len());
        for (_, group) in self.groups.iter() {
            writer.bytes(group.filter.as_bytes());
            writer.u64(group.serial);
            writer.u32(group.cursor);
            writer.len(group.members.len());
            for member in &group.members {
                writer.u64(member.session.packed());
                writer.u8(member.qos as u8);
                writer.u8(u8::from(member.retain_as_published));
                writer.u32(member.subscription_id.unwrap_or(0));
            }
        }
    }

    fn write_sets(&self, ordered: &[u32], numbers: &Numbers, writer: &mut Writer<'_>) {
        writer.len(ordered.len());
        for set in ordered.iter().filter_map(|&index| self.sets.at(index)) {
            write_set(set, &self.groups, numbers, writer);
        }
    }

    fn write_retained(&self, numbers: &Numbers, writer: &mut Writer<'_>) {
        writer.len(self.retained.len());
        for (_, index) in self.retained.names() {
            let retained = self.names.at(index).and_then(|topic| topic.retained);
            let message = retained.and_then(|index| numbers.messages.get(&index));
            writer.u32(numbers.topics.get(&index).copied().unwrap_or(NONE));
            writer.u32(message.copied().unwrap_or(NONE));
        }
    }

    fn write_waiting(&self, numbers: &Numbers, writer: &mut Writer<'_>) {
        for (_, group) in self.groups.iter() {
            writer.len(group.waiting.len());
            for index in &group.waiting {
                writer.u32(numbers.messages.get(index).copied().unwrap_or(NONE));
            }
        }
    }

    fn write_replays(&self, writer: &mut Writer<'_>) {
        let replays: Vec<_> = self.replays.iter().collect();
        writer.len(replays.len());
        for (_, replay) in replays {
            writer.u64(replay.session.packed());
            writer.bytes(replay.filter.as_bytes());
            writer.u8(replay.qos as u8);
            writer.u32(replay.subscription_id.unwrap_or(0));
            writer.bytes(replay.cursor.as_bytes());
            writer.u8(u8::from(replay.finished));
            writer.len(replay.drawn.len());
            for name in &replay.drawn {
                writer.bytes(name.as_bytes());
            }
        }
    }

    fn write_queues(&self, records: &[(u32, &Record)], numbers: &Numbers, writer: &mut Writer<'_>) {
        for (index, _) in records {
            let Some(queue) = self.attached.queue(*index) else {
                writer.len(0);
                continue;
            };
            writer.len(queue.entries.len());
            writer.u64(queue.base);
            writer.u64(queue.handed);
            writer.u64(queue.sent_before);
            for entry in &queue.entries {
                // What a released entry referred to may be gone: only its place is kept.
                let (message, source) = if entry.is_released() {
                    (0, 0)
                } else {
                    let source = match entry.source() {
                        Source::Recipient { ordinal, .. } => Some(ordinal),
                        Source::Shared { group } => numbers.groups.get(&group).copied(),
                        Source::Replay { replay } => numbers.replays.get(&replay).copied(),
                    };
                    (
                        numbers.messages.get(&entry.message()).copied().unwrap_or(0),
                        source.unwrap_or(0),
                    )
                };
                writer.u32(message);
                writer.u32(source);
                writer.u8(entry.flags());
            }
        }
    }
}

fn number(indices: impl Iterator<Item = u32>) -> BTreeMap<u32, u32> {
    indices
        .enumerate()
        .map(|(number, index)| (index, number as u32))
        .collect()
}

fn set_number(numbers: &Numbers, index: u32) -> u32 {
    match index {
        NONE | EMPTY => index,
        index => numbers.sets.get(&index).copied().unwrap_or(NONE),
    }
}

fn write_records(records: &[(u32, &Record)], writer: &mut Writer<'_>) {
    writer.len(records.len());
    for (_, record) in records {
        writer.u64(record.session.packed());
        writer.u64(record.next);
        writer.u32(record.connection);
        writer.u32(record.generation.number());
        writer.u16(record.frontend.number());
        writer.u16(record.share_credit);
        writer.u8(u8::from(record.online));
    }
}

fn write_set(set: &RecipientSet, groups: &Groups, numbers: &Numbers, writer: &mut Writer<'_>) {
    writer.len(set.recipients.len());
    for placed in &set.recipients {
        let recipient = &placed.recipient;
        writer.u64(recipient.session.packed());
        writer.u8(recipient.qos as u8);
        writer.u8(u8::from(recipient.retain_as_published));
        write_run(recipient.ids, writer);
        match recipient.own {
            Own::Same => writer.u8(0),
            Own::Excluded => writer.u8(1),
            Own::Only {
                qos,
                retain_as_published,
                ids,
            } => {
                writer.u8(2);
                writer.u8(qos as u8);
                writer.u8(u8::from(retain_as_published));
                write_run(ids, writer);
            }
        }
    }
    // A group that is gone is named by nobody any more.
    let living = set.groups.iter().filter_map(|&name| groups.living(name));
    let groups: Vec<u32> = living
        .filter_map(|group| numbers.groups.get(&group).copied())
        .collect();
    writer.len(groups.len());
    groups.iter().for_each(|&group| writer.u32(group));
    writer.len(set.ids.len());
    set.ids.iter().for_each(|&id| writer.u32(id));
    writer.u8(u8::from(set.is_complete));
}

fn write_run(run: IdRun, writer: &mut Writer<'_>) {
    writer.u32(run.start);
    writer.u32(run.count);
}

fn write_messages(
    messages: &[(MessageIndex, &Message)],
    numbers: &Numbers,
    writer: &mut Writer<'_>,
) {
    writer.len(messages.len());
    for (_, message) in messages {
        writer.u64(message.stamp.number());
        writer.u64(message.expires.nanos());
        writer.u32(numbers.topics.get(&message.topic).copied().unwrap_or(NONE));
        writer.u32(set_number(numbers, message.set));
        writer.u8(message.qos as u8);
        writer.u8(u8::from(message.retain));
        writer.bytes(message.properties());
        writer.bytes(message.payload());
    }
}
