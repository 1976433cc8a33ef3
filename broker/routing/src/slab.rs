//! Values in numbered places; a freed place is used again. The numbers are never seen outside.

use std::ops::{Index, IndexMut};

/// Places that are allocated at once.
const CHUNK: usize = 256;

/// Numbered places. A place that is not in use holds the default value.
#[derive(Debug, Clone)]
pub(crate) struct Slab<T> {
    /// Each of [`CHUNK`] places but the last: growing copies nothing, and leaves no smaller copy
    /// behind for the allocator to keep.
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T: Default> Slab<T> {
    /// Puts a value into a free place and returns its number.
    ///
    /// Numbers stay below 2^31: whoever inserts does so at most twice per subscription, and
    /// [`crate::SUBSCRIPTIONS_MAX`] bounds those.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self[index] = value;
            index
        } else {
            let index = self.places();
            match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
                Some(chunk) => chunk.push(value),
                None => {
                    let mut chunk = Vec::with_capacity(CHUNK);
                    chunk.push(value);
                    self.chunks.push(chunk);
                }
            }
            index as u32
        }
    }

    /// Takes the value out and frees its place.
    pub(crate) fn remove(&mut self, index: u32) -> T {
        let value = std::mem::take(&mut self[index]);
        if self.len() == 1 {
            self.chunks = Vec::new();
            self.free = Vec::new();
        } else {
            self.free.push(index);
        }
        value
    }
}

impl<T> Slab<T> {
    /// How many places are in use.
    pub(crate) fn len(&self) -> usize {
        self.places() - self.free.len()
    }

    /// How many places there are, free ones included.
    fn places(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    /// The value in a place, if there is such a place; the default if it is free.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.chunks
            .get(index as usize / CHUNK)?
            .get(index as usize % CHUNK)
    }

    /// All places, also the free ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.chunks.iter().flatten())
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

/// The number of a place, or none, in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link(u32);

impl Link {
    /// No place.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The place with this number.
    pub(crate) const fn to(index: u32) -> Self {
        Self(index)
    }

    /// The number, if there is one.
    pub(crate) fn index(self) -> Option<u32> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::NONE
    }
}
