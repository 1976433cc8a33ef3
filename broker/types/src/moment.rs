//! Time as the cores see it: a count that somebody else reads off a clock.

use std::fmt;
use std::time::Duration;

/// A point in monotonic time: nanoseconds since some start that a whole process shares.
///
/// Cores never read a clock; a shell (or the simulator) passes the moment in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The start of time.
    pub const ZERO: Self = Self(0);
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The moment `duration` later, or [`Moment::NEVER`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// The moment `seconds` later, or [`Moment::NEVER`].
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000_000)))
    }

    /// How long `self` is after `earlier`; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// When a head ordered an entry: its chain's time, which never falls within the chain.
///
/// Frontends compare the stamps of different partitions only to be fair among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(u64);

impl Stamp {
    /// A stamp later than every other.
    pub const NEVER: Self = Self(u64::MAX);

    /// The stamp with this count.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The bare count.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_neither_wrap_nor_go_below_zero() {
        assert_eq!(Moment::NEVER.plus(Duration::from_secs(1)), Moment::NEVER);
        assert_eq!(Moment::ZERO.plus_seconds(u64::MAX), Moment::NEVER);
        assert_eq!(Moment::ZERO.since(Moment::NEVER), Duration::ZERO);
        assert_eq!(Moment::from_nanos(5).plus_seconds(2).nanos(), 2_000_000_005);
    }
}
