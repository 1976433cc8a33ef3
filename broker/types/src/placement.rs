//! Which partition owns a key. The same on every node, for ever: changing it moves all state.

use crate::PartitionId;

/// The most partitions that a cluster can have: 16 chains of 16 workers.
pub const PARTITIONS_MAX: u16 = 256;

/// `partition = keyed_hash(key) mod P`, with P and the hash key fixed when the cluster is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    partitions: u16,
    /// 65,535 / P: asked for with each message, so that it is divided once.
    packet_ids_per_range: u16,
    key: u64,
}

impl Placement {
    /// A placement over `partitions` (1 to [`PARTITIONS_MAX`]); `None` outside that range.
    pub fn new(partitions: u16, key: u64) -> Option<Self> {
        (1..=PARTITIONS_MAX).contains(&partitions).then(|| Self {
            partitions,
            packet_ids_per_range: u16::MAX / partitions,
            key,
        })
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The key of the hash, chosen when the cluster was created.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The partition of a client ID or topic name.
    pub fn partition_of(&self, key: &str) -> PartitionId {
        self.partition_of_bytes(key.as_bytes())
    }

    /// The partition of what a state key is placed by.
    pub fn partition_of_bytes(&self, key: &[u8]) -> PartitionId {
        let hash = siphash(self.key, !self.key, key);
        PartitionId::new((hash % u64::from(self.partitions)) as u16)
    }

    /// How many packet IDs each partition has for a session: 65,535 / P.
    pub fn packet_ids_per_range(&self) -> u16 {
        self.packet_ids_per_range
    }

    /// All partitions, ascending.
    pub fn all(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(PartitionId::new)
    }
}

/// SipHash-1-3 with the keys `k0` and `k1`: stable across releases and platforms, and hard to
/// steer for whoever does not know the key.
pub fn siphash(k0: u64, k1: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks();
    for word in words {
        absorb(&mut v, u64::from_le_bytes(*word));
    }
    // The last bytes, and the length in the highest place.
    let last = match bytes.last_chunk() {
        // They end the last whole word that fits: one load instead of one for each byte.
        Some(word) => {
            let others = 8 * (8 - rest.len() as u32);
            u64::from_le_bytes(*word).checked_shr(others).unwrap_or(0)
        }
        None => rest
            .iter()
            .rev()
            .fold(0, |last, byte| last << 8 | u64::from(*byte)),
    };
    absorb(&mut v, (bytes.len() as u64) << 56 | last);
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline]
fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

#[inline]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_evenly_and_stay_where_they_are() {
        let placement = Placement::new(8, 42).unwrap();
        let mut counts = [0u32; 8];
        for i in 0..8000 {
            let key = format!("plant/{i}/temperature");
            let partition = placement.partition_of(&key);
            assert_eq!(partition, placement.partition_of(&key));
            counts[usize::from(partition.number())] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1200).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn placement_is_part_of_the_stored_format() {
        // A changed value here would strand every stored session and message.
        // The values come from an independent implementation of SipHash-1-3.
        assert_eq!(siphash(1, 2, b""), 0x6bb1_f8f8_8056_63a0);
        assert_eq!(siphash(1, 2, b"a"), 0x2437_2da9_509d_c584);
        assert_eq!(
            siphash(1, 2, b"plant/line-1/temperature"),
            0x812d_1ccd_51d0_78c9
        );
    }

    #[test]
    fn a_hash_takes_every_byte_at_any_length() {
        use std::hash::{DefaultHasher, Hasher};
        let bytes: Vec<u8> = (1..=40).collect();
        for len in 0..=bytes.len() {
            // The same function with both keys 0, by somebody else.
            let mut hasher = DefaultHasher::new();
            hasher.write(&bytes[..len]);
            assert_eq!(siphash(0, 0, &bytes[..len]), hasher.finish(), "{len} bytes");
        }
    }

    #[test]
    fn the_number_of_partitions_is_bounded() {
        assert!(Placement::new(0, 1).is_none() && Placement::new(257, 1).is_none());
        assert_eq!(Placement::new(256, 1).unwrap().packet_ids_per_range(), 255);
        assert_eq!(Placement::new(1, 1).unwrap().packet_ids_per_range(), 65_535);
    }
}
