//! The text form: `wall ":" counter ":" node`, read with any padding and written padded.

use std::fmt;

use crate::digits::{eight, leading};
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
        Self::parse_bytes(text.as_bytes())
    }

    /// As [`Stamp::parse`], of bytes that need not be UTF-8: only the node is looked at for that.
    ///
    /// # Errors
    /// As [`Stamp::parse`], and [`Malformed`] also if the node is no UTF-8.
    pub fn parse_bytes(text: &'a [u8]) -> Result<Self, Malformed> {
        let (nameless, node) = parts(text)?;
        let node = str::from_utf8(node).map_err(|_| Malformed)?;
        Ok(Self { node, ..nameless })
    }

    /// As [`Stamp::parse_bytes`], but with an empty node in place of the one that has to be there:
    /// for a [`Clock`](crate::Clock), which looks at no node.
    ///
    /// # Errors
    /// As [`Stamp::parse`].
    pub fn parse_nameless(text: &[u8]) -> Result<Stamp<'static>, Malformed> {
        parts(text).map(|(nameless, _)| nameless)
    }
}

/// The numbers of a stamp, and its node.
#[inline]
fn parts(text: &[u8]) -> Result<(Stamp<'static>, &[u8]), Malformed> {
    let (wall, rest) = number(text)?;
    let (counter, node) = number(rest)?;
    // To look at all of its bytes is faster than to stop at one.
    let has_colon = node
        .iter()
        .fold(false, |found, byte| found | (*byte == b':'));
    if node.is_empty() || node.len() > NODE_BYTES_MAX || has_colon {
        return Err(Malformed);
    }
    let nameless = Stamp {
        wall: Millis::new(wall),
        counter,
        node: "",
    };
    Ok((nameless, node))
}

/// The number before the first colon, without a sign, and what stands behind the colon. Every
/// write of the state store reads two of them.
fn number(text: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let (mut number, mut rest) = (0_u64, text);
    loop {
        let run = leading(rest);
        let shifted = number.checked_mul(run.scale()).ok_or(Malformed)?;
        number = shifted.checked_add(run.number).ok_or(Malformed)?;
        rest = rest.get(run.count..).unwrap_or_default();
        if run.count < 8 {
            break;
        }
    }
    match rest {
        [b':', after @ ..] if rest.len() < text.len() => Ok((number, after)),
        _ => Err(Malformed),
    }
}

impl Stamp<'_> {
    /// Appends the text form: what `Display` gives, without its machinery.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_padded::<15>(self.wall.number(), out);
        out.push(b':');
        write_padded::<5>(self.counter, out);
        out.push(b':');
        out.extend_from_slice(self.node.as_bytes());
    }
}

/// Appends a decimal of at least `WIDTH` digits, at most 16.
#[inline]
fn write_padded<const WIDTH: usize>(number: u64, out: &mut Vec<u8>) {
    if number >= 10_u64.pow(WIDTH as u32) {
        // Wider than any of ours.
        return out.extend_from_slice(number.to_string().as_bytes());
    }
    let mut digits = [b'0'; 16];
    let (left, right) = digits.split_at_mut(8);
    if WIDTH > 8 {
        left.copy_from_slice(&eight(number / EIGHT_DIGITS));
    }
    right.copy_from_slice(&eight(number % EIGHT_DIGITS));
    if let Some(last) = digits.last_chunk::<WIDTH>() {
        out.extend_from_slice(last);
    }
}

/// The first number of nine digits.
const EIGHT_DIGITS: u64 = 100_000_000;

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
            let nameless = Stamp::parse_nameless(text.as_bytes());
            assert_eq!(nameless, Err(Malformed), "{text}");
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
            let nameless = Stamp { node: "", ..stamp };
            prop_assert_eq!(Stamp::parse_nameless(text.as_bytes()), Ok(nameless));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Stamp::parse(&text);
        }
    }
}
