//! Decimal digits, eight at a time in one machine word: each request and response of the state
//! store has forty of them.

/// Digits at the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The number that they are; 0 if there are none.
    pub(crate) number: u64,
    /// How many they are, at most eight.
    pub(crate) count: usize,
}

impl Run {
    /// What a number in front of them counts for: a power of ten.
    #[inline]
    pub(crate) const fn scale(self) -> u64 {
        POWERS[self.count]
    }
}

const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The digits, eight at most, that a text begins with.
#[inline]
pub(crate) fn leading(text: &[u8]) -> Run {
    let word = match text.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => short(text),
    };
    // A digit is 0x30 to 0x39: what is left of it without 0x30 stays below 0x10 with six added.
    let values = word ^ 0x3030_3030_3030_3030;
    let others = (values | values.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0;
    // The sum carries out of bytes that are no digits only, so up to the first it is right.
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return Run { number: 0, count };
    }
    // Zeros in front of the digits, and nothing behind them.
    let values = values << (64 - 8 * count);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_FFFF_0000_FFFF;
    let number = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xFFFF_FFFF;
    Run { number, count }
}

/// Fewer than eight bytes, with zeros behind them.
#[cold]
fn short(text: &[u8]) -> u64 {
    let place = |word, (index, byte): (usize, &u8)| word | (u64::from(*byte) << (8 * index));
    text.iter().take(8).enumerate().fold(0, place)
}

/// The last eight digits of a number.
#[inline]
pub(crate) const fn eight(number: u64) -> [u8; 8] {
    // Halves, then pairs, then digits, side by side with the highest in the lowest place. The
    // products by a reciprocal are quotients: by 100 below 10,000 and by 10 below 100.
    let number = number % 100_000_000;
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let pairs = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
    let digits = tens | ((pairs - 10 * tens) << 8);
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &[u8], number: u64, count: usize) {
        assert_eq!(leading(text), Run { number, count }, "{text:?}");
    }

    #[test]
    fn digits_are_read_up_to_the_first_other_byte() {
        check(b"", 0, 0);
        check(b":1", 0, 0);
        check(b"7", 7, 1);
        check(b"00425:node", 425, 5);
        check(b"123456789", 12_345_678, 8);
        check(b"99999999", 99_999_999, 8);
    }

    #[test]
    fn no_other_byte_is_a_digit_wherever_it_stands() {
        for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
            for count in 0..8 {
                let mut text = *b"98765432";
                text[count] = byte;
                let number = text[..count]
                    .iter()
                    .fold(0, |n, d| n * 10 + u64::from(d - b'0'));
                check(&text, number, count);
            }
        }
    }

    #[test]
    fn quotients_by_product_are_exact() {
        for half in 0..10_000_u64 {
            let text = format!("{half:04}{:04}", 9_999 - half);
            assert_eq!(eight(half * 10_000 + 9_999 - half), text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 0_u64..100_000_000) {
            let text = eight(number);
            prop_assert_eq!(text.to_vec(), format!("{number:08}").into_bytes());
            prop_assert_eq!(leading(&text), Run { number, count: 8 });
        }
    }
}
