//! What was sent to the client and not yet acknowledged, per partition: a ring of states, so that a
//! packet identifier finds its message by arithmetic.
//!
//! ```text
//! packet ID = 1 + place of the partition's range * IDs per range + position mod IDs per range
//!
//!   base = 1000                      front and back are never free
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
    pub(crate) fn packet_id(&self, position: Position) -> Result<PacketId, Unavailable> {
        if self.slots.is_empty() || position < self.base {
            let more = self.base.since(position);
            if !self.slots.is_empty() && more + self.slots.len() as u64 > u64::from(self.size) {
                return Err(Unavailable::Taken);
            }
            return self.id_at(self.offset_of(position));
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
        // The offset of the base plus the index, mod the size, without passing 16 bits.
        let left = self.size - self.base_offset;
        self.id_at(if index < left {
            self.base_offset + index
        } else {
            index - left
        })
    }

    /// Puts a position in flight that [`packet_id`](Self::packet_id) has allowed, or changes its
    /// state.
    #[inline]
    pub(crate) fn put(&mut self, position: Position, slot: Slot) {
        if self.slots.is_empty() {
            self.rebase(position);
        }
        // Only after a change of tail.
        while position < self.base {
            self.slots.push_front(Slot::Free);
            self.rebase(Position::new(self.base.number() - 1));
        }
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
        self.id_at(self.offset_of(position)).ok()
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
        while self.slots.back() == Some(&Slot::Free) {
            self.slots.pop_back();
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn rebase(&mut self, base: Position) {
        self.base = base;
        self.base_offset = self.offset_of(base);
    }

    fn offset_of(&self, position: Position) -> u16 {
        // The remainder is below the size, which has 16 bits.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "remainder of a 16-bit number"
        )]
        let offset = (position.number() % u64::from(self.size)) as u16;
        offset
    }

    /// The identifier at an offset within the range. The range fits 16 bits, so this never wraps.
    #[inline]
    fn id_at(&self, offset: u16) -> Result<PacketId, Unavailable> {
        PacketId::new(self.first.wrapping_add(offset).wrapping_add(1)).ok_or(Unavailable::Taken)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A window for the range of 5 identifiers from 11 on.
    fn window() -> Window {
        Window::new(PartitionId::new(0), 2, 5).unwrap()
    }

    #[test]
    fn a_range_has_to_fit_the_packet_identifiers() {
        assert!(Window::new(PartitionId::new(0), 255, 255).is_some());
        assert!(Window::new(PartitionId::new(0), 257, 255).is_none());
        assert!(Window::new(PartitionId::new(0), 0, 0).is_none());
    }

    #[test]
    fn identifiers_of_other_ranges_are_not_found() {
        let mut window = window();
        window.put(Position::new(0), Slot::AtLeastOnce);
        for (number, found) in [
            (10, None),
            (11, Some(0)),
            (15, Some(4)),
            (16, None),
            (1, None),
        ] {
            assert_eq!(window.index_of(PacketId::new(number).unwrap()), found);
        }
    }

    proptest! {
        /// Against a set of positions: any position near those in flight, any order of
        /// acknowledgements.
        #[test]
        fn a_window_is_a_set_of_positions(steps in vec((any::<bool>(), 0..8_u64), 0..200)) {
            let (mut window, mut model) = (window(), BTreeSet::new());
            let mut base = 1_000_000;
            for (is_put, at) in steps {
                if is_put {
                    let position = base + at;
                    let low = model.first().copied().unwrap_or(position).min(position);
                    let high = model.last().copied().unwrap_or(position).max(position);
                    let outcome = window.packet_id(Position::new(position));
                    if model.contains(&position) {
                        prop_assert_eq!(outcome, Err(Unavailable::InFlight));
                    } else if high - low >= 5 {
                        prop_assert_eq!(outcome, Err(Unavailable::Taken));
                    } else {
                        let expected = 11 + u16::try_from(position % 5).unwrap();
                        prop_assert_eq!(outcome, Ok(PacketId::new(expected).unwrap()));
                        prop_assert_eq!(
                            window.id_of(Position::new(position)), PacketId::new(expected));
                        window.put(Position::new(position), Slot::AtLeastOnce);
                        model.insert(position);
                    }
                } else {
                    let packet_id = PacketId::new(11 + u16::try_from(at % 5).unwrap()).unwrap();
                    let index = window.index_of(packet_id).unwrap();
                    let known = model.iter().find(|position| *position % 5 == at % 5).copied();
                    let is_known = window.slot(index) != Slot::Free;
                    prop_assert_eq!(known, is_known.then(|| window.position(index).number()));
                    window.free(index);
                    known.map(|known| model.remove(&known));
                    base += 1;
                }
                prop_assert_eq!(window.validate().unwrap(), model.len());
                prop_assert_eq!(window.is_empty(), model.is_empty());
            }
        }
    }
}
