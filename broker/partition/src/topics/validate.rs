//! Every invariant of the topics side, checked after each step in tests and simulation.

use std::collections::BTreeMap;

use catena_types::{Fault, invariant};

use super::queue::Source;
use super::sets::NONE;
use super::state::Topics;
use crate::Settings;

impl Topics {
    /// Counts everything anew and compares.
    pub(crate) fn validate(&self, settings: &Settings) -> Result<(), Fault> {
        let window = u64::from(settings.placement.packet_ids_per_range());
        let mut references: BTreeMap<u32, u32> = BTreeMap::new();
        let (mut shared, mut replayed) = (BTreeMap::new(), BTreeMap::new());
        let mut holding: BTreeMap<u32, u32> = BTreeMap::new();
        let mut entries = 0;
        for (index, record) in self.attached.iter() {
            let found = self.attached.find(record.session);
            invariant!(
                found == Some(index),
                "a session is found where it is",
                index = index
            );
            let Some(queue) = self.attached.queue(index) else {
                continue;
            };
            queue.validate(window)?;
            for entry in queue.entries.iter().filter(|entry| !entry.is_released()) {
                entries += 1;
                *references.entry(entry.message()).or_default() += 1;
                if let Some(message) = self
                    .messages
                    .at(entry.message())
                    .filter(|_| entry.holds_pushes())
                {
                    *holding.entry(message.topic).or_default() += 1;
                }
                match entry.source() {
                    Source::Recipient { .. } => {}
                    Source::Shared { group } => *shared.entry(group).or_default() += 1,
                    Source::Replay { replay } => *replayed.entry(replay).or_default() += 1,
                }
            }
        }
        entries += self.validate_groups(settings, &mut references, &shared)?;
        for (index, replay) in self.replays.iter() {
            let counted: u32 = replayed.get(&index).copied().unwrap_or(0);
            invariant!(
                counted == replay.entries,
                "a replay counts its entries",
                replay = index
            );
        }
        invariant!(
            entries == self.entries,
            "entries are counted",
            counted = entries
        );
        self.validate_topics(&mut references, &holding)?;
        self.validate_messages(&references)
    }

    /// How many messages wait in groups.
    fn validate_groups(
        &self,
        settings: &Settings,
        references: &mut BTreeMap<u32, u32>,
        shared: &BTreeMap<u32, u32>,
    ) -> Result<u64, Fault> {
        let mut waiting = 0;
        for (index, group) in self.groups.iter() {
            waiting += group.waiting.len() as u64;
            for message in &group.waiting {
                *references.entry(*message).or_default() += 1;
            }
            let counted: u32 = shared.get(&index).copied().unwrap_or(0);
            invariant!(
                counted == group.entries,
                "a group counts its entries",
                group = index
            );
            let waits = group.waiting.is_empty() || !group.members.is_empty();
            invariant!(waits, "without members nothing waits", group = index);
            let idle = self.oldest_bytes(group).and_then(|bytes| {
                let mut members = 0..group.members.len();
                members.find(|&at| self.can_take(settings.queue, group, at, bytes))
            });
            invariant!(
                idle.is_none(),
                "nothing waits that a member could take",
                group = index
            );
        }
        Ok(waiting)
    }

    fn validate_topics(
        &self,
        references: &mut BTreeMap<u32, u32>,
        holding: &BTreeMap<u32, u32>,
    ) -> Result<(), Fault> {
        let mut retained = 0;
        for (index, topic) in self.names.iter() {
            let counted = holding.get(&index).copied().unwrap_or(0);
            invariant!(
                counted == topic.holding,
                "a topic counts the entries that hold pushes",
                name = topic.name
            );
            invariant!(
                !topic.is_idle(),
                "an idle topic is not kept",
                name = topic.name
            );
            if let Some(message) = topic.retained {
                retained += 1;
                *references.entry(message).or_default() += 1;
                let stored = self.messages.at(message);
                let own = stored.is_some_and(|stored| stored.topic == index && stored.retain);
                invariant!(own, "a retained message is of its topic", name = topic.name);
                let empty = stored.is_some_and(|stored| stored.payload().is_empty());
                invariant!(
                    !empty,
                    "an empty message is never retained",
                    name = topic.name
                );
            }
            let known = topic.set >= NONE - 1 || self.sets.at(topic.set).is_some();
            invariant!(known, "a topic's recipients are kept", name = topic.name);
        }
        invariant!(
            retained == self.retained.len(),
            "retained messages are counted"
        );
        Ok(())
    }

    fn validate_messages(&self, references: &BTreeMap<u32, u32>) -> Result<(), Fault> {
        for (index, message) in self.messages.iter() {
            let counted = references.get(&index).copied().unwrap_or(0);
            invariant!(
                counted > 0,
                "a message that nobody needs is not kept",
                index = index
            );
            invariant!(
                counted == message.references,
                "references are counted",
                index = index
            );
            let topic = self.names.at(message.topic);
            invariant!(
                topic.is_some_and(|t| t.references > 0),
                "a message has its topic"
            );
        }
        let stored = references.len();
        invariant!(
            stored == self.messages.len(),
            "what is referred to is stored"
        );
        for (index, set) in self.sets.iter() {
            invariant!(
                set.references > 0,
                "a set that nobody names is not kept",
                set = index
            );
        }
        Ok(())
    }
}
