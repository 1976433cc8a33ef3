//! A pool of places with stable indices: like a growing vector, but in chunks, so that growing
//! neither copies nor leaves a half-sized copy behind for the allocator to keep, and so that what
//! has become empty goes back to the allocator.

/// Places per chunk.
const CHUNK: usize = 256;

/// Empty chunks that are kept: a pool that fills and empties all the time allocates nothing.
const SPARE_MAX: usize = 4;

/// Values by index. A freed index is given out again.
#[derive(Debug)]
pub struct Pool<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks with a free place, each once; also some that have none any more.
    roomy: Vec<u32>,
    /// Chunks without memory.
    bare: Vec<u32>,
    /// Chunks with memory and without values.
    spare: usize,
    len: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    /// All of them, or none.
    places: Box<[Place<T>]>,
    /// The first free place, as a chain through the vacant ones.
    free: u32,
    taken: u32,
    is_listed: bool,
}

#[derive(Debug)]
enum Place<T> {
    Vacant { next: u32 },
    Taken(T),
}

impl<T> Chunk<T> {
    /// Without memory.
    fn bare() -> Self {
        Self {
            places: Box::default(),
            free: NONE,
            taken: 0,
            is_listed: false,
        }
    }

    /// With memory and listed as roomy.
    fn empty() -> Self {
        let last = CHUNK as u32 - 1;
        let vacant = |offset| Place::Vacant {
            next: if offset == last { NONE } else { offset + 1 },
        };
        Self {
            places: (0..=last).map(vacant).collect(),
            free: 0,
            taken: 0,
            is_listed: true,
        }
    }
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
            roomy: Vec::new(),
            bare: Vec::new(),
            spare: 0,
            len: 0,
        }
    }

    /// Puts a value into a free place.
    pub fn insert(&mut self, value: T) -> u32 {
        let number = self.chunk_with_room();
        let Some(chunk) = self.chunks.get_mut(number as usize) else {
            return NONE;
        };
        let offset = chunk.free;
        if let Some(place) = chunk.places.get_mut(offset as usize)
            && let Place::Vacant { next } = *place
        {
            *place = Place::Taken(value);
            chunk.free = next;
            self.spare -= usize::from(chunk.taken == 0);
            chunk.taken += 1;
            self.len += 1;
        }
        number * CHUNK as u32 + offset
    }

    /// A chunk with a free place, with memory.
    fn chunk_with_room(&mut self) -> u32 {
        while let Some(&number) = self.roomy.last() {
            match self.chunks.get_mut(number as usize) {
                Some(chunk) if chunk.free != NONE => return number,
                Some(chunk) => chunk.is_listed = false,
                None => {}
            }
            self.roomy.pop();
        }
        let number = match self.bare.pop() {
            Some(number) => number,
            None => {
                self.chunks.push(Chunk::bare());
                self.chunks.len() as u32 - 1
            }
        };
        if let Some(chunk) = self.chunks.get_mut(number as usize) {
            *chunk = Chunk::empty();
        }
        self.spare += 1;
        self.roomy.push(number);
        number
    }

    /// The value at `index`.
    #[inline]
    pub fn at(&self, index: u32) -> Option<&T> {
        let chunk = self.chunks.get(index as usize / CHUNK)?;
        match chunk.places.get(index as usize % CHUNK)? {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        }
    }

    /// The value at `index`.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        let chunk = self.chunks.get_mut(index as usize / CHUNK)?;
        match chunk.places.get_mut(index as usize % CHUNK)? {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        }
    }

    /// Takes the value at `index` out and frees the place; with the last value of a chunk its
    /// memory, unless few chunks are empty.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let number = index / CHUNK as u32;
        let chunk = self.chunks.get_mut(number as usize)?;
        let place = chunk.places.get_mut(index as usize % CHUNK)?;
        if let Place::Vacant { .. } = place {
            return None;
        }
        let taken = std::mem::replace(place, Place::Vacant { next: chunk.free });
        chunk.free = index % CHUNK as u32;
        chunk.taken -= 1;
        self.len -= 1;
        if !chunk.is_listed {
            chunk.is_listed = true;
            self.roomy.push(number);
        }
        if chunk.taken == 0 {
            self.spare += 1;
            if self.spare > SPARE_MAX {
                self.strip(number);
            }
        }
        match taken {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        }
    }

    /// Gives the memory of an empty chunk back.
    fn strip(&mut self, number: u32) {
        self.spare -= 1;
        if self.len == 0 {
            *self = Self::new();
            return;
        }
        if let Some(chunk) = self.chunks.get_mut(number as usize) {
            *chunk = Chunk::bare();
        }
        self.roomy.retain(|&other| other != number);
        self.bare.push(number);
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
        let chunks = (0..).step_by(CHUNK).zip(&self.chunks);
        let places = chunks.flat_map(|(first, chunk)| (first..).zip(chunk.places.iter()));
        places.filter_map(|(index, place)| match place {
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
    fn a_few_values_that_stay_do_not_keep_the_memory_of_all() {
        let mut pool = Pool::new();
        let mut stays = BTreeMap::new();
        for round in 0..3u32 {
            let all: Vec<u32> = (0..100_000).map(|_| pool.insert(round)).collect();
            for index in all {
                if index % 50_000 == 0 {
                    stays.insert(index, round);
                } else {
                    assert_eq!(pool.remove(index), Some(round));
                }
            }
            let with_memory = pool.chunks.iter().filter(|c| !c.places.is_empty()).count();
            assert!(with_memory <= stays.len() + SPARE_MAX, "{with_memory}");
            assert!(pool.roomy.len() <= with_memory);
        }
        let found: BTreeMap<u32, u32> = pool.iter().map(|(at, value)| (at, *value)).collect();
        assert_eq!(found, stays);
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
