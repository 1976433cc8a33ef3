//! Chance: for names that nobody else has, and for delays that differ between clients.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that the system's entropy decides. Good for names and jitter, not for secrets.
pub(crate) fn number() -> u64 {
    // The standard library seeds each state from the system, and no two states are the same.
    RandomState::new().build_hasher().finish()
}

/// A name that nobody else has: the prefix and 16 hexadecimal digits.
pub(crate) fn name(prefix: &str) -> String {
    format!("{prefix}{:016x}", number())
}
