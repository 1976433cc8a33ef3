//! Acknowledgements that we owe a publisher, in the order of its publishes.
//!
//! ```text
//!          first            (ring position = number of the ticket)
//!            v
//!  left    | 7: waiting | 8: success | 9: waiting |   next ticket: 10
//! ```
//! An answer leaves when all before it have left, so that a client sees its PUBACKs, and its
//! PUBRECs, in the order it published in.

use std::collections::{BTreeMap, VecDeque};

use catena_mqtt::{PacketId, ReasonCode};

/// Which answer belongs to which publish. Only good for the connection that gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    pub(crate) kind: Kind,
    number: u32,
}

/// Which acknowledgement is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// For QoS 1.
    PubAck,
    /// For QoS 2.
    PubRec,
}

/// The acknowledgements of one kind.
#[derive(Debug)]
pub(crate) struct Receipts {
    kind: Kind,
    /// The ticket number of the front. Wraps.
    first: u32,
    ring: VecDeque<Receipt>,
    /// What to say to those few answers that have words of their own, by ticket number.
    details: BTreeMap<u32, &'static str>,
    /// Ticket numbers of publishes that came again before the first was answered.
    repeats: BTreeMap<PacketId, Vec<u32>>,
}

/// One publish.
#[derive(Clone, Copy, Debug)]
struct Receipt {
    packet_id: PacketId,
    answer: Option<ReasonCode>,
    begins_exchange: bool,
}

/// An acknowledgement that may leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) packet_id: PacketId,
    pub(crate) reason: ReasonCode,
    pub(crate) detail: Option<&'static str>,
    /// Whether its publish began a QoS 2 exchange, and was not one sent again.
    pub(crate) begins_exchange: bool,
}

impl Receipts {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            first: 0,
            ring: VecDeque::new(),
            details: BTreeMap::new(),
            repeats: BTreeMap::new(),
        }
    }

    /// A publish has come, with its answer if that is already known.
    #[inline]
    pub(crate) fn push(
        &mut self,
        packet_id: PacketId,
        answer: Option<ReasonCode>,
        begins_exchange: bool,
    ) -> Ticket {
        // Never 2^32 at once: the caller bounds the ring by 65,535.
        #[expect(clippy::cast_possible_truncation, reason = "the ring is bounded")]
        let number = self.first.wrapping_add(self.ring.len() as u32);
        self.ring.push_back(Receipt {
            packet_id,
            answer,
            begins_exchange,
        });
        Ticket {
            kind: self.kind,
            number,
        }
    }

    /// A publish has come again whose answer is not known yet: it is answered along with the first.
    #[cold]
    pub(crate) fn push_repeat(&mut self, packet_id: PacketId) {
        let ticket = self.push(packet_id, None, false);
        self.repeats
            .entry(packet_id)
            .or_default()
            .push(ticket.number);
    }

    /// The broker has answered. Returns which publish; a ticket that is not in the ring changes
    /// nothing.
    #[inline]
    pub(crate) fn answer(&mut self, ticket: Ticket, reason: ReasonCode) -> Option<PacketId> {
        let index = ticket.number.wrapping_sub(self.first) as usize;
        let receipt = self.ring.get_mut(index)?;
        receipt.answer = Some(reason);
        let packet_id = receipt.packet_id;
        if !self.repeats.is_empty() {
            for number in self.repeats.remove(&packet_id).unwrap_or_default() {
                let index = number.wrapping_sub(self.first) as usize;
                if let Some(repeat) = self.ring.get_mut(index) {
                    repeat.answer = Some(reason);
                }
            }
        }
        Some(packet_id)
    }

    /// What to say along with the answer. A ticket that is not in the ring changes nothing.
    #[cold]
    pub(crate) fn explain(&mut self, ticket: Ticket, detail: &'static str) {
        let index = ticket.number.wrapping_sub(self.first) as usize;
        if index < self.ring.len() {
            self.details.insert(ticket.number, detail);
        }
    }

    /// The next acknowledgement that may leave.
    #[inline]
    pub(crate) fn pop_answered(&mut self) -> Option<Answered> {
        let Receipt {
            packet_id,
            answer,
            begins_exchange,
        } = *self.ring.front()?;
        let reason = answer?;
        self.ring.pop_front();
        let number = self.first;
        self.first = number.wrapping_add(1);
        let detail = if self.details.is_empty() {
            None
        } else {
            self.details.remove(&number)
        };
        Some(Answered {
            packet_id,
            reason,
            detail,
            begins_exchange,
        })
    }

    pub(crate) fn contains(&self, packet_id: PacketId) -> bool {
        self.ring
            .iter()
            .any(|receipt| receipt.packet_id == packet_id)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }
}
