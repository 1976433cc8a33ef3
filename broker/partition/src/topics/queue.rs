//! A session's delivery queue.
//!
//! ```text
//!          base        sent_before      taken        handed           next
//!           │               │             │             │               │
//!  ─────────┼───────────────┼─────────────┼─────────────┼───────────────┤
//!  released │ sent earlier, │ lent in this connection   │ waiting for   │ free
//!           │ again: DUP    │             │ not taken   │ credit        │
//!
//!  base <= handed <= next        base <= taken <= handed        handed <= base + window
//! ```
//! Positions are never reused within a session, and at most `window` of them are handed out at a
//! time, so that position mod window is a packet ID that nothing else in flight has.

use std::collections::VecDeque;

use catena_mqtt::Qos;
#[cfg(any(test, feature = "validate"))]
use catena_types::{Fault, invariant};

use super::messages::MessageIndex;
use crate::{QueueLimit, QueueStrategy};

/// A reference to a message, with how it is delivered: eight bytes.
///
/// ```text
/// flags: 7 released │ 6 received │ 5 shared │ 4 replay │ 3 own │ 2 retain │ 1-0 QoS
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueEntry {
    message: MessageIndex,
    source_and_flags: u32,
}

const RETAIN: u32 = 1 << 2;
const OWN: u32 = 1 << 3;
const REPLAY: u32 = 1 << 4;
const SHARED: u32 = 1 << 5;
const RECEIVED: u32 = 1 << 6;
const RELEASED: u32 = 1 << 7;

/// Where an entry's terms (subscription identifiers) stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The recipient with this ordinal in the message's recipient set; or its own-publish terms.
    Recipient { ordinal: u32, own: bool },
    /// A member of this share group.
    Shared { group: u32 },
    /// This retained replay.
    Replay { replay: u32 },
}

impl QueueEntry {
    /// An entry that waits.
    pub(crate) fn new(message: MessageIndex, source: Source, qos: Qos, retain: bool) -> Self {
        let (number, flag) = match source {
            Source::Recipient {
                ordinal,
                own: false,
            } => (ordinal, 0),
            Source::Recipient { ordinal, own: true } => (ordinal, OWN),
            Source::Shared { group } => (group, SHARED),
            Source::Replay { replay } => (replay, REPLAY),
        };
        let retain = if retain { RETAIN } else { 0 };
        Self {
            message,
            source_and_flags: number << 8 | flag | retain | qos as u32,
        }
    }

    pub(crate) fn message(self) -> MessageIndex {
        self.message
    }

    pub(crate) fn source(self) -> Source {
        let number = self.source_and_flags >> 8;
        if self.source_and_flags & SHARED != 0 {
            Source::Shared { group: number }
        } else if self.source_and_flags & REPLAY != 0 {
            Source::Replay { replay: number }
        } else {
            let own = self.source_and_flags & OWN != 0;
            Source::Recipient {
                ordinal: number,
                own,
            }
        }
    }

    pub(crate) fn qos(self) -> Qos {
        match self.source_and_flags & 3 {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }

    pub(crate) fn retain(self) -> bool {
        self.source_and_flags & RETAIN != 0
    }

    pub(crate) fn is_shared(self) -> bool {
        self.source_and_flags & SHARED != 0
    }

    /// Whether a later QoS 0 message of its topic goes behind it, instead of being pushed: without
    /// that a live value could come before the retained one, which is older. What was held in
    /// this way holds the next.
    pub(crate) fn holds_pushes(self) -> bool {
        match self.source() {
            Source::Replay { .. } => true,
            Source::Recipient { .. } => self.qos() == Qos::AtMostOnce,
            // Nothing retained goes to a share group, and its order is not promised.
            Source::Shared { .. } => false,
        }
    }

    /// PUBREC has come: only PUBREL may be sent from now on.
    pub(crate) fn is_received(self) -> bool {
        self.source_and_flags & RECEIVED != 0
    }

    /// Acknowledged, dropped or given to another member; only its position is left.
    pub(crate) fn is_released(self) -> bool {
        self.source_and_flags & RELEASED != 0
    }

    /// Whether it counts for the client's Receive Maximum while it is handed out [MQTT-3.3.4-9].
    fn counts(self) -> bool {
        self.qos() != Qos::AtMostOnce && !self.is_released()
    }

    /// The flags that a snapshot keeps.
    pub(super) fn flags(self) -> u8 {
        self.source_and_flags as u8
    }

    /// From a snapshot: flags as [`QueueEntry::flags`] gave them, source number apart.
    pub(super) fn from_flags(message: MessageIndex, number: u32, flags: u8) -> Self {
        Self {
            message,
            source_and_flags: number << 8 | u32::from(flags),
        }
    }
}

/// A queue. Exists only while it has entries; its next position outlives it, with the session.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(super) entries: VecDeque<QueueEntry>,
    /// The position of the first entry.
    pub(crate) base: u64,
    /// Positions before this were handed out.
    pub(crate) handed: u64,
    /// Positions before this may have been sent on an earlier connection.
    pub(crate) sent_before: u64,
    /// Entries that were handed out and count for the client's Receive Maximum.
    pub(crate) in_hand: u32,
    /// Body bytes of what is not handed out yet.
    pub(crate) waiting_bytes: u64,
    /// Entries of share groups that are not released.
    pub(crate) shared_open: u32,
    /// Entries that hold pushes and are not released.
    pub(crate) holding: u32,
    /// The tail's own: positions before this have been taken by the frontend.
    pub(crate) taken: u64,
    /// The tail's own: it stands in its frontend's ready list.
    pub(crate) ready: bool,
    /// The tail's own: the frontend said not now.
    pub(crate) stalled: bool,
}

/// How much may be handed out to a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credit {
    /// Positions, from the oldest that is not released.
    pub(crate) window: u64,
    /// Entries that count for its Receive Maximum.
    pub(crate) messages: u32,
}

impl Queue {
    /// An empty queue whose first entry will have position `next`, in a reused buffer.
    pub(crate) fn starting_at(next: u64, entries: VecDeque<QueueEntry>) -> Self {
        let (base, handed, sent_before, taken) = (next, next, next, next);
        Self {
            entries,
            base,
            handed,
            sent_before,
            taken,
            ..Self::default()
        }
    }

    /// The position that the next entry gets.
    pub(crate) fn next(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// Appends an entry.
    pub(crate) fn push(&mut self, entry: QueueEntry, body_bytes: u64) {
        self.shared_open += u32::from(entry.is_shared());
        self.holding += u32::from(entry.holds_pushes());
        self.waiting_bytes += body_bytes;
        self.entries.push_back(entry);
    }

    /// Appends the place of an entry that was released out of order.
    pub(super) fn push_released(&mut self, entry: QueueEntry) {
        self.entries.push_back(entry);
    }

    /// Whether the limit lets one more message of so many body bytes wait without another giving
    /// way. Alone it may be larger than the limit.
    pub(crate) fn has_room(&self, limit: QueueLimit, more: u64) -> bool {
        let length = self.next() - self.handed;
        let fits = || {
            let bytes = self.waiting_bytes.saturating_add(more);
            length < limit.length_max && bytes <= limit.bytes_max
        };
        limit.strategy == QueueStrategy::None || length == 0 || fits()
    }

    /// The entry at a position.
    pub(crate) fn at(&self, position: u64) -> Option<QueueEntry> {
        let offset = usize::try_from(position.checked_sub(self.base)?).ok()?;
        self.entries.get(offset).copied()
    }

    /// Notes that PUBREC came for a position. Whether that was news.
    pub(crate) fn receive(&mut self, position: u64) -> bool {
        let Some(offset) = position.checked_sub(self.base) else {
            return false;
        };
        let Some(entry) = self.entries.get_mut(offset as usize) else {
            return false;
        };
        let news = entry.qos() == Qos::ExactlyOnce && !entry.is_received() && !entry.is_released();
        if news {
            entry.source_and_flags |= RECEIVED;
        }
        news
    }

    /// Releases the entry at a position; it comes out unless it was released before.
    pub(crate) fn release(&mut self, position: u64) -> Option<QueueEntry> {
        let offset = position.checked_sub(self.base)?;
        let entry = self.entries.get_mut(offset as usize)?;
        if entry.is_released() {
            return None;
        }
        let released = *entry;
        if position < self.handed {
            self.in_hand -= u32::from(released.counts());
        }
        self.shared_open -= u32::from(released.is_shared());
        self.holding -= u32::from(released.holds_pushes());
        if offset == 0 {
            self.entries.pop_front();
            self.base += 1;
            while self
                .entries
                .front()
                .is_some_and(|entry| entry.is_released())
            {
                self.entries.pop_front();
                self.base += 1;
            }
            self.handed = self.handed.max(self.base);
            self.taken = self.taken.max(self.base);
            self.sent_before = self.sent_before.max(self.base);
        } else {
            entry.source_and_flags |= RELEASED;
        }
        Some(released)
    }

    /// Hands out what the window and the client's credit allow. `bytes` gives the body size of an
    /// entry.
    pub(crate) fn hand_out(&mut self, credit: Credit, bytes: impl Fn(QueueEntry) -> u64) {
        while self.may_hand_out(credit) {
            let handed = self.at(self.handed);
            self.pass_next();
            if self.waiting_bytes > 0
                && let Some(entry) = handed.filter(|entry| !entry.is_released())
            {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes(entry));
            }
        }
        if self.handed == self.next() {
            self.waiting_bytes = 0;
        }
    }

    /// Whether the next entry that waits, if there is one, may be handed out.
    pub(crate) fn may_hand_out(&self, credit: Credit) -> bool {
        self.handed < self.next().min(self.base + credit.window)
            && (self.in_hand < credit.messages
                || self.at(self.handed).is_some_and(|entry| !entry.counts()))
    }

    /// Counts the next entry that waits as handed out.
    pub(crate) fn pass_next(&mut self) {
        let entry = self.at(self.handed);
        self.in_hand += u32::from(entry.is_some_and(QueueEntry::counts));
        self.handed += 1;
    }

    /// What was handed out from this position on waits again.
    pub(crate) fn take_back(&mut self, handed: u64) {
        self.handed = handed;
        self.in_hand = self.counted();
    }

    /// Counts [`Queue::in_hand`] anew.
    pub(crate) fn counted(&self) -> u32 {
        let handed = self.entries.iter().take((self.handed - self.base) as usize);
        handed.filter(|entry| entry.counts()).count() as u32
    }

    /// Checks the drawing at the top of this file.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate(&self, window: u64) -> Result<(), Fault> {
        let next = self.next();
        invariant!(!self.entries.is_empty(), "an empty queue is not kept");
        invariant!(
            self.base <= self.handed,
            "handed is not before base",
            base = self.base
        );
        invariant!(
            self.handed <= next,
            "handed is not beyond next",
            next = next
        );
        invariant!(
            self.base <= self.taken,
            "taken is not before base",
            base = self.base
        );
        invariant!(
            self.taken <= self.handed,
            "only what is handed out is taken",
            next = next
        );
        invariant!(
            self.handed <= self.base + window,
            "the window holds",
            handed = self.handed
        );
        let first = self.entries.front();
        invariant!(
            first.is_some_and(|entry| !entry.is_released()),
            "base is not released"
        );
        invariant!(
            self.in_hand == self.counted(),
            "entries in the client's hand are counted",
            n = self.in_hand
        );
        let open = || self.entries.iter().filter(|entry| !entry.is_released());
        let shared = open().filter(|entry| entry.is_shared()).count();
        invariant!(
            shared == self.shared_open as usize,
            "shared entries are counted",
            n = shared
        );
        let holding = open().filter(|entry| entry.holds_pushes()).count();
        invariant!(
            holding == self.holding as usize,
            "entries that hold pushes are counted",
            n = holding
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: u32) -> QueueEntry {
        let source = Source::Recipient {
            ordinal: message,
            own: false,
        };
        QueueEntry::new(message, source, Qos::AtLeastOnce, false)
    }

    #[test]
    fn an_entry_is_eight_bytes_and_keeps_what_it_was_given() {
        assert_eq!(size_of::<QueueEntry>(), 8);
        for source in [
            Source::Recipient {
                ordinal: 0xFF_FFFF,
                own: true,
            },
            Source::Recipient {
                ordinal: 0,
                own: false,
            },
            Source::Shared { group: 77 },
            Source::Replay { replay: 1 },
        ] {
            let entry = QueueEntry::new(u32::MAX, source, Qos::ExactlyOnce, true);
            assert_eq!(entry.source(), source);
            assert_eq!((entry.qos(), entry.retain()), (Qos::ExactlyOnce, true));
            assert!(!entry.is_released() && !entry.is_received());
        }
    }

    #[test]
    fn acknowledgements_out_of_order_hold_the_base_until_the_oldest_is_gone() {
        let mut queue = Queue::starting_at(10, VecDeque::new());
        (0..4).for_each(|message| queue.push(entry(message), 5));
        let credit = Credit {
            window: 3,
            messages: 3,
        };
        queue.hand_out(credit, |_| 5);
        assert_eq!(
            (queue.handed, queue.next(), queue.waiting_bytes),
            (13, 14, 5)
        );
        assert!(queue.release(11).is_some() && queue.release(11).is_none());
        assert_eq!(queue.base, 10);
        assert!(queue.release(10).is_some());
        assert_eq!(queue.base, 12);
        queue.hand_out(credit, |_| 5);
        assert_eq!((queue.handed, queue.waiting_bytes), (14, 0));
        queue.validate(3).unwrap();
    }
}
