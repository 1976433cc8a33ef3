//! The topics side as a whole, and what every handler needs of it.

use catena_mqtt::Qos;
use catena_types::{Fault, FrontendId, Moment, SessionId};

use super::attached::{Attached, Record};
use super::groups::Groups;
use super::limits::{CACHED_TOPICS_SHARE, ENTRY_BYTES};
use super::messages::{MessageIndex, Messages};
use super::names::Names;
use super::outward::Outward;
use super::queue::{Credit, QueueEntry, Source};
use super::replay::Replays;
use super::retained::Retained;
use super::sets::{NONE, SetIndex, Sets};
use crate::partition::Context;
use crate::{AttachmentIndex, QueueStrategy, Settings, Stats};

/// Topics, messages, queues, retained messages and share groups.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(super) names: Names,
    pub(super) messages: Messages,
    pub(super) sets: Sets,
    pub(super) attached: Attached,
    pub(super) groups: Groups,
    pub(super) retained: Retained,
    pub(super) replays: Replays,
    pub(super) entries: u64,
    /// Bytes that may be held, by the partition's accounting.
    pub(super) allowed: u64,
    /// Raised by every change of a wildcard subscription: older matches are stale.
    pub(super) epoch: u32,
    /// Raised by every change of the routing table: older matches of other partitions' topics are
    /// stale, since nothing tells this partition of changes that concern those.
    pub(super) foreign_epoch: u32,
    /// Sessions whose connection here has ended, or given way to a newer one.
    pub(crate) left: Vec<SessionId>,
    /// Sessions that have ended.
    pub(crate) gone: Vec<SessionId>,
    pub(super) outward: Outward,
    pub(super) counts: Stats,
}

impl Topics {
    /// Nothing.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            names: Names::new(settings.hash_seed),
            messages: Messages::default(),
            sets: Sets::default(),
            attached: Attached::new(settings.hash_seed),
            groups: Groups::default(),
            retained: Retained::default(),
            replays: Replays::default(),
            entries: 0,
            allowed: settings.memory_bytes_max,
            epoch: 0,
            foreign_epoch: 0,
            left: Vec::new(),
            gone: Vec::new(),
            outward: Outward::default(),
            counts: Stats::default(),
        }
    }

    /// Whether the log has the topic's recipients and no later change made them stale.
    pub(crate) fn knows_recipients(&mut self, topic: &str) -> bool {
        let Some(index) = self.names.find(topic) else {
            return false;
        };
        let topic = self.names.at(index);
        topic.is_some_and(|topic| {
            topic.set != NONE && topic.epoch == self.epoch_of(topic.is_foreign)
        })
    }

    /// The epoch that a match of a topic of this or another partition has to be of.
    pub(super) fn epoch_of(&self, is_foreign: bool) -> u32 {
        if is_foreign {
            self.foreign_epoch
        } else {
            self.epoch
        }
    }

    /// A topic to forget, if more are kept for their recipients alone than allowed.
    pub(crate) fn forgettable(&mut self, settings: &Settings) -> Option<Box<str>> {
        let cached = self.names.len().saturating_sub(self.retained.len());
        let bytes = self
            .names
            .bytes()
            .saturating_sub(self.retained.name_bytes());
        let bytes_max = settings.memory_bytes_max / CACHED_TOPICS_SHARE;
        if cached <= settings.cached_topics_max as usize && bytes <= bytes_max {
            return None;
        }
        self.names
            .next_forgettable()
            .map(|topic| (&*topic.name).into())
    }

    /// The share group at a place of a set, if it has not gone.
    pub(super) fn group_at(&self, set: SetIndex, at: usize) -> Option<u32> {
        let name = *self.sets.at(set)?.groups.get(at)?;
        self.groups.living(name)
    }

    /// Lets a frontend take again from a queue that it had refused to take from.
    pub(crate) fn resume(&mut self, attachment: AttachmentIndex, session: SessionId) {
        let Some(index) = self.attached.find_at(attachment.0, session) else {
            return;
        };
        if let Some((_, queue)) = self.attached.queue_mut(index) {
            queue.stalled = false;
        }
        self.mark_ready(index);
    }

    /// The frontends that something waits for.
    pub(crate) fn woken(&mut self, each: impl FnMut(FrontendId)) {
        self.outward.woken(each);
    }

    /// When the next `Tick` is due.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.retained.next_expiry()
    }

    /// Bytes of messages, entries and retained topics, by the partition's accounting.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.messages.bytes() + self.entries * ENTRY_BYTES + self.retained.bytes()
    }

    /// Bytes that may be held.
    #[inline]
    pub(crate) fn allowed(&self) -> u64 {
        self.allowed
    }

    /// `Allow`.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// Whether nothing more may be held.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes() >= self.allowed
    }

    /// Adds this side's numbers.
    pub(crate) fn add_stats(&self, stats: &mut Stats) {
        stats.messages = self.messages.len() as u64;
        stats.bytes = self.bytes();
        stats.queued = self.entries;
        stats.retained = self.retained.len() as u64;
        stats.retained_bytes = self.retained.body_bytes();
        stats.topics = self.names.len() as u64;
        stats.attachments = self.attached.len() as u64;
        stats.share_groups = self.groups.len() as u64;
        stats.dropped_oldest = self.counts.dropped_oldest;
        stats.dropped_expired = self.counts.dropped_expired;
        stats.refused_memory += self.counts.refused_memory;
        stats.dropped_memory = self.counts.dropped_memory;
        stats.refused_retained = self.counts.refused_retained;
        stats.dropped_offline = self.counts.dropped_offline;
    }

    /// Appends a message to a session's queue; the caller has counted the reference. Gives way to
    /// the queue limit first.
    pub(super) fn enqueue(
        &mut self,
        context: &Context<'_>,
        index: u32,
        entry: QueueEntry,
        body_bytes: u64,
    ) -> Result<(), Fault> {
        let gives_way = context.settings.queue.strategy == QueueStrategy::DropOldest;
        let shared_gone = gives_way && self.make_room(context, index, body_bytes)?;
        if entry.holds_pushes() {
            self.hold_pushes(index, entry)?;
        }
        self.append(context, index, entry, body_bytes)?;
        // What gave way may have been larger, and its group may have a smaller message waiting.
        if shared_gone {
            self.feed_member(context, index)?;
        }
        Ok(())
    }

    #[inline]
    fn append(
        &mut self,
        context: &Context<'_>,
        index: u32,
        entry: QueueEntry,
        body_bytes: u64,
    ) -> Result<(), Fault> {
        let Some((record, queue)) = self.attached.queue_for(index) else {
            return Err(Fault::new(
                "a recipient has a record",
                format!("index={index}"),
            ));
        };
        queue.push(entry, body_bytes);
        self.entries += 1;
        if !record.online {
            return Ok(());
        }
        let is_next = queue.handed == queue.next() - 1;
        if is_next && queue.may_hand_out(credit(context, record)) {
            queue.pass_next();
            queue.waiting_bytes -= body_bytes;
        }
        if !queue.ready && !queue.stalled && queue.taken < queue.handed {
            queue.ready = true;
            let frontend = record.frontend;
            self.outward.waiting(frontend).ready.push(index);
        }
        Ok(())
    }

    /// Drops the oldest entries that were not handed out until one more fits the limit. Whether
    /// one of them was of a share group.
    fn make_room(&mut self, context: &Context<'_>, index: u32, more: u64) -> Result<bool, Fault> {
        let mut shared_gone = false;
        while let Some(queue) = self.attached.queue(index)
            && !queue.has_room(context.settings.queue, more)
        {
            let oldest = queue.handed;
            self.skip_unhanded(index)?;
            if let Some(dropped) = self.drop_entry(index, oldest)? {
                self.counts.dropped_oldest += 1;
                shared_gone |= dropped.is_shared();
            }
        }
        Ok(shared_gone)
    }

    /// Passes over the oldest entry that was not handed out.
    fn skip_unhanded(&mut self, index: u32) -> Result<(), Fault> {
        let messages = &self.messages;
        let Some((_, queue)) = self.attached.queue_mut(index) else {
            return Ok(());
        };
        let bytes = queue
            .at(queue.handed)
            .filter(|entry| !entry.is_released())
            .and_then(|entry| messages.at(entry.message()))
            .map_or(0, |message| message.body_bytes());
        queue.waiting_bytes = queue.waiting_bytes.saturating_sub(bytes);
        if queue.taken == queue.handed {
            queue.taken += 1;
        }
        queue.pass_next();
        Ok(())
    }

    /// Releases one position of a queue with everything that hangs on it. What was there.
    fn drop_entry(&mut self, index: u32, position: u64) -> Result<Option<QueueEntry>, Fault> {
        let Some((_, queue)) = self.attached.queue_mut(index) else {
            return Ok(None);
        };
        let Some(entry) = queue.release(position) else {
            return Ok(None);
        };
        let empty = queue.entries.is_empty();
        if empty {
            self.attached.drop_empty_queue(index);
        }
        self.let_go(entry)?;
        Ok(Some(entry))
    }

    /// Gives back what a released entry referred to.
    pub(super) fn let_go(&mut self, entry: QueueEntry) -> Result<(), Fault> {
        self.entries -= 1;
        if entry.holds_pushes() {
            self.hold_pushes_no_more(entry)?;
        }
        match entry.source() {
            Source::Recipient { .. } => {}
            Source::Shared { group } => self.groups.entry_gone(group)?,
            Source::Replay { replay } => self.replays.entry_gone(replay)?,
        }
        self.release_message(entry.message())
    }

    /// Takes one reference of a message back and frees what only it needed.
    pub(super) fn release_message(&mut self, index: MessageIndex) -> Result<(), Fault> {
        if let Some(referred) = self.messages.release(index)? {
            self.sets.release(referred.set)?;
            self.names.release(referred.topic);
        }
        Ok(())
    }

    /// Puts a queue with something to take into its frontend's ready list.
    pub(super) fn mark_ready(&mut self, index: u32) {
        let Some((record, queue)) = self.attached.queue_mut(index) else {
            return;
        };
        if !record.online || queue.ready || queue.stalled || queue.taken >= queue.handed {
            return;
        }
        queue.ready = true;
        let frontend = record.frontend;
        self.outward.waiting(frontend).ready.push(index);
    }

    /// Hands out to a session what its window and its credit allow now.
    pub(super) fn hand_out(&mut self, context: &Context<'_>, index: u32) {
        let messages = &self.messages;
        if let Some((record, queue)) = self.attached.queue_mut(index)
            && record.online
        {
            queue.hand_out(credit(context, record), |entry| {
                messages
                    .at(entry.message())
                    .map_or(0, |message| message.body_bytes())
            });
        }
        self.mark_ready(index);
    }

    /// The QoS at which a message goes to a subscription [MQTT-3.8.4-8].
    pub(super) fn granted(published: Qos, subscribed: Qos) -> Qos {
        published.min(subscribed)
    }
}

/// What may be handed out to a connected session. Where the oldest message of a full queue gives
/// way, the queue holds all that the client cannot take yet; else it makes no difference, and the
/// frontend alone heeds the Receive Maximum.
fn credit(context: &Context<'_>, record: &Record) -> Credit {
    Credit {
        window: u64::from(context.settings.placement.packet_ids_per_range()),
        messages: match context.settings.queue.strategy {
            QueueStrategy::DropOldest => u32::from(record.share_credit),
            QueueStrategy::None => u32::MAX,
        },
    }
}
