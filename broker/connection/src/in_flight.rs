//! What was sent to the client and not yet acknowledged, per partition: a ring of states, so that a
//! packet identifier finds its message by arithmetic.
//!
//! ```text
//! packet ID = 1 + place of the partition's range * IDs per range + position mod IDs per range
//!
//!   base = 1000                      front is never free
//!    v
//!  | sent | free | sent | sent |     slot i is position base + i
//! ```

use std::collections::VecDeque;

use catena_mqtt::PacketId;
use catena_types::{PartitionId, Position};

/// What a message in flight waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing: not sent, or done.
    Free,
    /// PUBACK.
    AtLeastOnce,
    /// PUBREC.
    ExactlyOnce,
    /// The partition, before PUBREL may leave.
    Received,
    /// PUBCOMP.
    Released,
    /// PUBCOMP, for a PUBLISH of an earlier connection: no part of this one's Receive Maximum.
    Resumed,
}

/// Why a position cannot be in flight now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// Its packet identifier stands for another message.
    Taken,
    /// It is in flight already.
    InFlight,
}

/// The messages in flight from one partition.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) partition: PartitionId,
    /// As last offered: goes back with acknowledgements.
    pub(crate) attachment: u32,
    /// First packet identifier of the range, less one.
    first: u16,
    /// Size of the range.
    size: u16,
    /// `base` mod `size`, so that nothing is divided per message.
    base_offset: u16,
    base: Position,
    slots: VecDeque<Slot>,
}

impl Window {
    /// For the range at `place`; `None` if there cannot be such a range.
    pub(crate) fn new(partition: PartitionId, place: u16, size: u16) -> Option<Self> {
        let first = place.checked_mul(size)?;
        first.checked_add(size)?;
        (size > 0).then_some(Self {
            partition,
            attachment: 0,
            first,
            size,
            base_offset: 0,
            base: Position::new(0),
            slots: VecDeque::new(),
        })
    }

    /// The packet identifier for `position` if it can be put in flight now.
    #[inline]
    pub(crate) fn packet_id(&mut self, position: Position) -> Result<PacketId, Unavailable> {
        if self.slots.is_empty() {
            self.rebase(position);
        } else if position < self.base {
            self.extend_down(position)?;
        }
        let index = position.since(self.base);
        if index >= u64::from(self.size) {
            return Err(Unavailable::Taken);
        }
        // Below the size of the range, so within 16 bits.
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        let index = index as u16;
        if !matches!(self.slots.get(usize::from(index)), None | Some(Slot::Free)) {
            return Err(Unavailable::InFlight);
        }
        let mut offset = u32::from(self.base_offset) + u32::from(index);
        if offset >= u32::from(self.size) {
            offset -= u32::from(self.size);
        }
        // first + size fits 16 bits, so this is 1 to 65,535.
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the range")]
        PacketId::new((u32::from(self.first) + 1 + offset) as u16).ok_or(Unavailable::Taken)
    }

    /// Puts a position in flight that [`packet_id`](Self::packet_id) has allowed.
    #[inline]
    pub(crate) fn put(&mut self, position: Position, slot: Slot) {
        let index = usize::try_from(position.since(self.base)).unwrap_or(usize::MAX);
        if index == self.slots.len() {
            self.slots.push_back(slot);
        } else if index < usize::from(self.size) {
            while self.slots.len() <= index {
                self.slots.push_back(Slot::Free);
            }
            self.set(index, slot);
        }
    }

    /// Where a packet identifier stands, if it is one of this range.
    #[inline]
    pub(crate) fn index_of(&self, packet_id: PacketId) -> Option<usize> {
        let offset = (packet_id.number() - 1).checked_sub(self.first)?;
        if offset >= self.size {
            return None;
        }
        let index = match offset.checked_sub(self.base_offset) {
            Some(index) => index,
            None => offset + (self.size - self.base_offset),
        };
        Some(usize::from(index))
    }

    /// The packet identifier of a position that is in flight.
    pub(crate) fn id_of(&self, position: Position) -> Option<PacketId> {
        let offset = u16::try_from(position.number() % u64::from(self.size)).ok()?;
        PacketId::new(self.first + 1 + offset)
    }

    #[inline]
    pub(crate) fn slot(&self, index: usize) -> Slot {
        self.slots.get(index).copied().unwrap_or(Slot::Free)
    }

    pub(crate) fn slot_of(&self, position: Position) -> Slot {
        if position < self.base {
            return Slot::Free;
        }
        self.slot(usize::try_from(position.since(self.base)).unwrap_or(usize::MAX))
    }

    #[inline]
    pub(crate) fn set(&mut self, index: usize, slot: Slot) {
        if let Some(old) = self.slots.get_mut(index) {
            *old = slot;
        }
    }

    #[inline]
    pub(crate) fn position(&self, index: usize) -> Position {
        self.base.plus(index as u64)
    }

    /// The message at `index` is done.
    #[inline]
    pub(crate) fn free(&mut self, index: usize) {
        self.set(index, Slot::Free);
        while self.slots.front() == Some(&Slot::Free) {
            self.slots.pop_front();
            self.base = self.base.plus(1);
            self.base_offset += 1;
            if self.base_offset == self.size {
                self.base_offset = 0;
            }
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn rebase(&mut self, base: Position) {
        self.base = base;
        // The remainder is below the size, which has 16 bits.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "remainder of a 16-bit number"
        )]
        let offset = (base.number() % u64::from(self.size)) as u16;
        self.base_offset = offset;
    }

    /// A position before all that are in flight: only after a change of tail.
    fn extend_down(&mut self, position: Position) -> Result<(), Unavailable> {
        let more = self.base.since(position);
        if more + self.slots.len() as u64 > u64::from(self.size) {
            return Err(Unavailable::Taken);
        }
        for _ in 0..more {
            self.slots.push_front(Slot::Free);
        }
        self.rebase(position);
        Ok(())
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate(&self) -> Result<usize, catena_types::Fault> {
        use catena_types::invariant;
        invariant!(
            self.slots.len() <= usize::from(self.size),
            "a window fits its range"
        );
        invariant!(
            self.slots.front() != Some(&Slot::Free),
            "the front of a window is in flight"
        );
        invariant!(
            self.slots.is_empty()
                || u64::from(self.base_offset) == self.base.number() % u64::from(self.size),
            "the offset is that of the base",
            base = self.base.number(),
            offset = self.base_offset,
        );
        let counted = |slot: &&Slot| !matches!(slot, Slot::Free | Slot::Resumed);
        Ok(self.slots.iter().filter(counted).count())
    }
}
