//! A pool of places with stable indices: like a growing vector, but in chunks, so that growing
//! neither copies nor leaves a half-sized copy behind for the allocator to keep.

/// Places per chunk.
const CHUNK: usize = 256;

/// Values by index. A freed index is given out again, the last freed first.
#[derive(Debug)]
pub struct Pool<T> {
    chunks: Vec<Box<[Place<T>]>>,
    /// The first free place, as a chain through the vacant ones.
    free: u32,
    len: usize,
}

#[derive(Debug)]
enum Place<T> {
    Vacant { next: u32 },
    Taken(T),
}

/// The end of the chain of free places.
const NONE: u32 = u32::MAX;

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Pool<T> {
    /// A pool without places; takes no memory.
    pub const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Puts a value into a free place.
    pub fn insert(&mut self, value: T) -> u32 {
        if self.free == NONE {
            self.grow();
        }
        let index = self.free;
        if let Some(place) = self.place_mut(index)
            && let Place::Vacant { next } = *place
        {
            *place = Place::Taken(value);
            self.free = next;
            self.len += 1;
        }
        index
    }

    fn grow(&mut self) {
        let first = (self.chunks.len() * CHUNK) as u32;
        let last = first + CHUNK as u32 - 1;
        let vacant = |index| Place::Vacant {
            next: if index == last { NONE } else { index + 1 },
        };
        self.chunks.push((first..=last).map(vacant).collect());
        self.free = first;
    }

    #[inline]
    fn place_mut(&mut self, index: u32) -> Option<&mut Place<T>> {
        let chunk = self.chunks.get_mut(index as usize / CHUNK)?;
        chunk.get_mut(index as usize % CHUNK)
    }

    /// The value at `index`.
    #[inline]
    pub fn at(&self, index: u32) -> Option<&T> {
        match self
            .chunks
            .get(index as usize / CHUNK)?
            .get(index as usize % CHUNK)?
        {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        }
    }

    /// The value at `index`.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.place_mut(index)? {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        }
    }

    /// Takes the value at `index` out and frees the place. The last value to go frees all memory.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let free = self.free;
        let place = self.place_mut(index)?;
        if let Place::Vacant { .. } = place {
            return None;
        }
        let taken = std::mem::replace(place, Place::Vacant { next: free });
        self.free = index;
        self.len -= 1;
        if self.len == 0 && self.chunks.len() > 16 {
            *self = Self::new();
        }
        match taken {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more than the highest index that was ever in use.
    pub fn end(&self) -> u32 {
        (self.chunks.len() * CHUNK) as u32
    }

    /// All values with their indices, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = self.chunks.iter().flat_map(|chunk| chunk.iter());
        (0..).zip(places).filter_map(|(index, place)| match place {
            Place::Taken(value) => Some((index, value)),
            Place::Vacant { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn values_stay_where_they_were_put() {
        let mut pool = Pool::new();
        let mut model = BTreeMap::new();
        for step in 0..5_000u32 {
            if step % 3 == 2 {
                let index = *model.keys().nth(step as usize % model.len()).unwrap();
                assert_eq!(pool.remove(index), model.remove(&index));
                assert_eq!(pool.at(index), None);
            } else {
                let index = pool.insert(step);
                assert_eq!(model.insert(index, step), None, "a place is taken once");
            }
        }
        assert_eq!(pool.len(), model.len());
        let all: BTreeMap<u32, u32> = pool.iter().map(|(index, value)| (index, *value)).collect();
        assert_eq!(all, model);
    }

    #[test]
    fn the_last_value_to_go_frees_the_memory() {
        let mut pool: Pool<u64> = (0..10_000).fold(Pool::new(), |mut pool, value| {
            pool.insert(value);
            pool
        });
        (0..10_000).for_each(|index| assert!(pool.remove(index).is_some()));
        assert_eq!(
            (pool.end(), pool.remove(0), pool.at(u32::MAX)),
            (0, None, None)
        );
    }

    #[test]
    fn a_freed_place_is_used_again() {
        let mut pool = Pool::new();
        let (first, second) = (pool.insert("a"), pool.insert("b"));
        assert_eq!(pool.remove(first), Some("a"));
        assert_eq!(pool.insert("c"), first);
        assert_eq!(pool.at(second), Some(&"b"));
        assert_eq!(pool.at_mut(first), Some(&mut "c"));
    }
}
