//! Values by the slots that somebody else gives out. Grows by chunks: a growing vector would copy
//! all connections, and leave half-sized copies behind for the allocator to keep.

/// Slots per chunk.
const CHUNK: usize = 256;

/// The values.
#[derive(Debug)]
pub(crate) struct Table<T> {
    chunks: Vec<Box<[Option<T>]>>,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Puts a value at a slot; the one before, if any, is dropped.
    pub(crate) fn put(&mut self, slot: u32, value: T) {
        let chunk = slot as usize / CHUNK;
        while self.chunks.len() <= chunk {
            self.chunks.push((0..CHUNK).map(|_| None).collect());
        }
        if let Some(place) = self.place(slot) {
            *place = Some(value);
        }
    }

    /// The value at a slot.
    #[inline]
    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK)?.get(slot % CHUNK)?.as_ref()
    }

    /// The value at a slot.
    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.place(slot)?.as_mut()
    }

    /// Takes the value at a slot out.
    pub(crate) fn take(&mut self, slot: u32) -> Option<T> {
        self.place(slot)?.take()
    }

    #[inline]
    fn place(&mut self, slot: u32) -> Option<&mut Option<T>> {
        let slot = slot as usize;
        self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_they_were_put() {
        let mut table = Table::new();
        assert!(table.at(0).is_none() && table.take(1_000).is_none());
        for slot in [700, 0, 255, 256] {
            table.put(slot, slot);
        }
        assert_eq!((table.at(256), table.at(257)), (Some(&256), None));
        assert_eq!((table.take(700), table.take(700)), (Some(700), None));
        assert_eq!(table.at_mut(255), Some(&mut 255));
    }
}
