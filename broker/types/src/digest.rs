//! Digests: equal states have equal digests, on every replica and platform.

use std::fmt;

/// The hash of a machine's replicated state.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Folds a stream of values into a [`Digest`]. The order of the values matters.
#[derive(Debug, Clone)]
pub struct Digester {
    state: u64,
}

impl Default for Digester {
    fn default() -> Self {
        Self::new()
    }
}

impl Digester {
    /// An empty digest.
    pub const fn new() -> Self {
        Self {
            state: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        let mixed = (self.state ^ number).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        self.state = (mixed ^ mixed >> 32).wrapping_add(0xA076_1D64_78BD_642F);
    }

    /// Adds a byte string with its length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
    }

    /// The digest of all that was added.
    pub fn finish(&self) -> Digest {
        Digest(self.state ^ self.state >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&[u8]]) -> Digest {
        let mut digester = Digester::new();
        parts.iter().for_each(|part| digester.bytes(part));
        digester.finish()
    }

    #[test]
    fn order_length_and_content_all_count() {
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"b", b"a"]));
        assert_ne!(of(&[b"a"]), of(&[b"a\0"]));
    }
}
