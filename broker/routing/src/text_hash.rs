//! Hashes texts that clients choose, with a seed that they do not know.

use std::hash::Hasher;

use foldhash::{SharedSeed, fast::FoldHasher};

/// A seeded hash function. Nothing that can be seen depends on its values: they only spread
/// entries over tables whose order is never observed.
#[derive(Debug, Clone)]
pub(crate) struct TextHash {
    seed: u64,
    shared: SharedSeed,
}

impl TextHash {
    /// The function that belongs to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            shared: SharedSeed::from_u64(seed),
        }
    }

    /// The seed it was made with.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The hash of a text.
    pub(crate) fn text(&self, text: &str) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    /// The hash of a number.
    pub(crate) fn number(&self, number: u64) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write_u64(number);
        hasher.finish()
    }

    /// The hash of the way from a node down a level, given the hash of the level's text.
    pub(crate) fn edge(parent: u32, level: u64) -> u64 {
        let mixed = level ^ u64::from(parent).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let product = u128::from(mixed) * 0xD6E8_FEB8_6659_FD93;
        (product >> 64) as u64 ^ product as u64
    }
}
