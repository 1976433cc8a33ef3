//! A stamp of one node in eight bytes.

use std::fmt;

use crate::{Millis, Stamp};

/// Bits of the counter; the wall time has the others, which last until the year 10889.
const COUNTER_BITS: u32 = 16;

/// A stamp of a node that everybody knows, without the node. Ordered like its stamps.
///
/// ```text
/// 63                   16 15        0
/// |  wall milliseconds   |  counter  |
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(u64);

impl Version {
    /// Earlier than every version that a clock gives.
    pub const ZERO: Self = Self(0);

    /// The version at `wall` with this counter; a later one, if the counter does not fit.
    pub const fn new(wall: Millis, counter: u64) -> Self {
        let last = u64::MAX >> COUNTER_BITS;
        let wall = if wall.number() > last {
            last
        } else {
            wall.number()
        };
        if counter >> COUNTER_BITS == 0 {
            Self(wall << COUNTER_BITS | counter)
        } else {
            Self((wall << COUNTER_BITS).saturating_add(1 << COUNTER_BITS))
        }
    }

    /// From the packed form.
    pub const fn from_packed(packed: u64) -> Self {
        Self(packed)
    }

    /// The packed form.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// The wall time.
    pub const fn wall(self) -> Millis {
        Millis::new(self.0 >> COUNTER_BITS)
    }

    /// The counter.
    pub const fn counter(self) -> u64 {
        self.0 & ((1 << COUNTER_BITS) - 1)
    }

    /// The stamp that it stands for, if `node` gave it.
    pub const fn stamp(self, node: &str) -> Stamp<'_> {
        Stamp {
            wall: self.wall(),
            counter: self.counter(),
            node,
        }
    }

    /// The version of a stamp that `node` gave; none for stamps of others, or that a
    /// [`Clock`](crate::Clock) never gives.
    pub fn of_stamp(stamp: &Stamp<'_>, node: &str) -> Option<Self> {
        let version = Self::new(stamp.wall, stamp.counter);
        (version.stamp(node) == *stamp).then_some(version)
    }

    /// The version right after this one; the last has none.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.wall().number(), self.counter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_for_the_stamps_of_its_node_only() {
        let stamp = Stamp::parse("1696374425000:65535:StateStore").unwrap();
        let version = Version::of_stamp(&stamp, "StateStore").unwrap();
        assert_eq!(version.stamp("StateStore"), stamp);
        assert_eq!(Version::from_packed(version.packed()), version);
        assert_eq!(Version::of_stamp(&stamp, "Other"), None);
        for none in ["1:65536:StateStore", "281474976710656:0:StateStore"] {
            assert_eq!(
                Version::of_stamp(&Stamp::parse(none).unwrap(), "StateStore"),
                None
            );
        }
    }

    #[test]
    fn versions_are_ordered_like_their_stamps() {
        let parts = [(0, 0), (0, 1), (1, 0), (1, 65_535), (2, 0)];
        let versions = parts.map(|(wall, counter)| Version::new(Millis::new(wall), counter));
        assert!(versions.windows(2).all(|pair| pair[0] < pair[1]));
        let stamps = versions.map(|version| version.stamp("n"));
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_counter_that_does_not_fit_gives_a_later_version() {
        let wall = Millis::new(7);
        assert_eq!(Version::new(wall, 65_536), Version::new(Millis::new(8), 0));
        assert_eq!(
            Version::new(wall, u64::MAX),
            Version::new(Millis::new(8), 0)
        );
        assert_eq!(
            Version::new(Millis::new(u64::MAX), u64::MAX).packed(),
            u64::MAX
        );
    }
}
