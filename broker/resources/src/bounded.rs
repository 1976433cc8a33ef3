//! Numbers that cannot leave their range.

use std::fmt;

/// A whole number from `MIN` to `MAX`, both included.
///
/// The unit stands in the name of the field that holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bounded<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Bounded<MIN, MAX> {
    /// The least value.
    pub const MIN: Self = Self(MIN);
    /// The greatest value.
    pub const MAX: Self = Self(MAX);

    /// The number, if it is in range.
    pub const fn new(value: u64) -> Option<Self> {
        if value < MIN || value > MAX {
            None
        } else {
            Some(Self(value))
        }
    }

    /// The number, or the end of the range that it is beyond.
    pub const fn clamped(value: u64) -> Self {
        if value < MIN {
            Self(MIN)
        } else if value > MAX {
            Self(MAX)
        } else {
            Self(value)
        }
    }

    /// A number that the compiler finds to be in range.
    pub(crate) const fn constant<const VALUE: u64>() -> Self {
        const { assert!(MIN <= VALUE && VALUE <= MAX, "out of range") };
        Self(VALUE)
    }

    /// The number.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The number; the largest `u32` where the range goes beyond that.
    pub const fn to_u32(self) -> u32 {
        if self.0 > u32::MAX as u64 {
            u32::MAX
        } else {
            self.0 as u32
        }
    }

    /// The number; the largest `u16` where the range goes beyond that.
    pub const fn to_u16(self) -> u16 {
        if self.0 > u16::MAX as u64 {
            u16::MAX
        } else {
            self.0 as u16
        }
    }

    /// The number; the largest `usize` where the range goes beyond that.
    pub const fn to_usize(self) -> usize {
        if self.0 > usize::MAX as u64 {
            usize::MAX
        } else {
            self.0 as usize
        }
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Debug for Bounded<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Bounded<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_range_exist() {
        type Small = Bounded<2, 5>;
        let made: Vec<_> = (0..=7).map(|n| Small::new(n).map(Small::to_u64)).collect();
        let expected = [None, None, Some(2), Some(3), Some(4), Some(5), None, None];
        assert_eq!(made, expected);
        assert_eq!(
            [Small::clamped(0), Small::clamped(9)],
            [Small::MIN, Small::MAX]
        );
    }

    #[test]
    fn narrower_types_saturate() {
        let large = Bounded::<0, { u64::MAX }>::MAX;
        assert_eq!((large.to_u16(), large.to_u32()), (u16::MAX, u32::MAX));
    }
}
