//! The text form: `wall ":" counter ":" node`, read with any padding and written padded.

use std::fmt;

use crate::{Millis, NODE_BYTES_MAX, Stamp};

/// A text that is no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stamp is `milliseconds:counter:node`")]
pub struct Malformed;

impl<'a> Stamp<'a> {
    /// Reads the text form. Numbers are unsigned decimals of 64 bits with any padding.
    ///
    /// # Errors
    /// [`Malformed`] unless there are exactly three parts, two numbers and a node.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (wall, rest) = number(text)?;
        let (counter, node) = number(rest)?;
        if node.is_empty() || node.len() > NODE_BYTES_MAX || node.as_bytes().contains(&b':') {
            return Err(Malformed);
        }
        Ok(Self {
            wall: Millis::new(wall),
            counter,
            node,
        })
    }
}

/// The number before the first colon, without a sign, and what stands behind the colon. Every
/// write of the state store reads two of them.
#[inline]
fn number(text: &str) -> Result<(u64, &str), Malformed> {
    let (mut number, mut read) = (0_u64, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            b':' => break,
            _ => return Err(Malformed),
        };
        number = if read < DIGITS_THAT_FIT {
            number * 10 + digit
        } else {
            let tenfold = number.checked_mul(10).ok_or(Malformed)?;
            tenfold.checked_add(digit).ok_or(Malformed)?
        };
        read += 1;
    }
    match text.get(read..).and_then(|rest| rest.strip_prefix(':')) {
        Some(rest) if read > 0 => Ok((number, rest)),
        Some(_) | None => Err(Malformed),
    }
}

/// So many digits are below 2^64, whichever they are.
const DIGITS_THAT_FIT: usize = 19;

impl Stamp<'_> {
    /// Appends the text form: what `Display` gives, without its machinery.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_padded(self.wall.number(), 15, out);
        out.push(b':');
        write_padded(self.counter, 5, out);
        out.push(b':');
        out.extend_from_slice(self.node.as_bytes());
    }
}

/// Appends a decimal of at least `width` digits, at most 20. Two digits a step: there are twenty
/// of them in every response of the state store.
fn write_padded(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 {
        let pair = number % 100;
        number /= 100;
        first -= 2;
        digits[first] = b'0' + (pair / 10) as u8;
        digits[first + 1] = b'0' + (pair % 10) as u8;
    }
    if digits.get(first) == Some(&b'0') {
        first += 1;
    }
    out.extend_from_slice(&digits[first.min(digits.len() - width)..]);
}

impl fmt::Display for Stamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = self.wall.number();
        write!(f, "{wall:015}:{:05}:{}", self.counter, self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_padded_when_they_are_written() {
        let stamp = Stamp::parse("1696374425000:0:Client1").unwrap();
        assert_eq!(stamp.to_string(), "001696374425000:00000:Client1");
        let wide = Stamp::parse("001696374425000:100000:n").unwrap();
        assert_eq!(wide.counter, 100_000);
        assert_eq!(wide.to_string(), "001696374425000:100000:n");
    }

    proptest! {
        #[test]
        fn both_ways_of_writing_agree(wall: u64, counter: u64, node in "[a-z0-9-]{1,40}") {
            let stamp = Stamp { wall: Millis::new(wall), counter, node: &node };
            let mut written = Vec::new();
            stamp.write(&mut written);
            prop_assert_eq!(written, stamp.to_string().into_bytes());
        }
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        for text in [
            "",
            ":",
            "::",
            "1:2",
            "1:2:3:4",
            "x:0:n",
            "1:y:n",
            "1:0:",
            ":0:n",
            "1::n",
            "+1:0:n",
            "-1:0:n",
            "1:+0:n",
            " 1:0:n",
            "1:0 :n",
            "18446744073709551616:0:n",
            "abc",
        ] {
            assert_eq!(Stamp::parse(text), Err(Malformed), "{text}");
        }
        let long = format!("1:0:{}", "n".repeat(NODE_BYTES_MAX + 1));
        assert_eq!(Stamp::parse(&long), Err(Malformed));
        assert!(Stamp::parse(&long[1..].replace(":0:n", "1:0:")).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            wall in any::<u64>(),
            counter in any::<u64>(),
            node in "[^:]{1,60}",
        ) {
            let stamp = Stamp { wall: Millis::new(wall), counter, node: &node };
            let text = stamp.to_string();
            prop_assert_eq!(Stamp::parse(&text), Ok(stamp));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Stamp::parse(&text);
        }
    }
}
