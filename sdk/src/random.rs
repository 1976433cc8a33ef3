//! Chance: for names that nobody else has, and for delays that differ between clients.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that the system's entropy decides. Good for names and jitter, not for secrets.
pub(crate) fn number() -> u64 {
    // The standard library seeds each state from the system, and no two states are the same.
    RandomState::new().build_hasher().finish()
}

/// 16 bytes that nobody else has, as correlation data.
pub(crate) fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number().to_be_bytes());
    bytes[8..].copy_from_slice(&number().to_be_bytes());
    bytes
}

/// A name that nobody else has: the prefix and 16 hexadecimal digits.
pub(crate) fn name(prefix: &str) -> String {
    format!("{prefix}{:016x}", number())
}
