//! The subset of RESP3 that the state store speaks: arrays, byte strings, numbers, simple texts.
//!
//! Strict: each line ends in CRLF, lengths are what is counted, and nothing may be left over.

/// A payload that does not follow the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payload does not follow the grammar of the state store")]
pub struct Malformed;

/// One value of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// `+text`
    Simple(&'a str),
    /// `-text`
    Error(&'a str),
    /// `:number`
    Number(i64),
    /// `$length` and as many bytes
    Bytes(&'a [u8]),
    /// `$-1`
    Null,
    /// `*count`, and as many values after it
    Array(usize),
}

/// Takes values off a payload; never runs past its end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `payload`.
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// What is not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The number of elements that an array announces. They may be fewer: each is still to be read.
    ///
    /// # Errors
    /// [`Malformed`] if here is no array, as for every method.
    pub fn array(&mut self) -> Result<usize, Malformed> {
        self.mark(b'*')?;
        self.length()
    }

    /// The bytes of a byte string.
    ///
    /// # Errors
    /// [`Malformed`]
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        self.mark(b'$')?;
        self.octets()
    }

    /// Any value of a reply.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn item(&mut self) -> Result<Item<'a>, Malformed> {
        let (mark, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        match mark {
            b'+' => Ok(Item::Simple(self.text()?)),
            b'-' => Ok(Item::Error(self.text()?)),
            b':' => Ok(Item::Number(signed(self.line()?).ok_or(Malformed)?)),
            b'$' if self.rest.starts_with(b"-") => match self.line()? {
                b"-1" => Ok(Item::Null),
                _ => Err(Malformed),
            },
            b'$' => Ok(Item::Bytes(self.octets()?)),
            b'*' => Ok(Item::Array(self.length()?)),
            _ => Err(Malformed),
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// [`Malformed`] if something is.
    pub fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    #[inline]
    fn mark(&mut self, mark: u8) -> Result<(), Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        if *first == mark {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    #[inline]
    fn octets(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        let (octets, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest.strip_prefix(b"\r\n").ok_or(Malformed)?;
        Ok(octets)
    }

    /// A number without sign and its CRLF.
    #[inline]
    fn length(&mut self) -> Result<usize, Malformed> {
        let (mut number, mut read) = (0_usize, 0);
        for byte in self.rest.iter().take_while(|byte| byte.is_ascii_digit()) {
            let tenfold = number.checked_mul(10).ok_or(Malformed)?;
            let digit = usize::from(byte - b'0');
            number = tenfold.checked_add(digit).ok_or(Malformed)?;
            read += 1;
        }
        if read == 0 {
            return Err(Malformed);
        }
        let rest = self.rest.get(read..).unwrap_or_default();
        self.rest = rest.strip_prefix(b"\r\n").ok_or(Malformed)?;
        Ok(number)
    }

    /// Everything up to the next CRLF.
    fn line(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == b'\r')
            .ok_or(Malformed)?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(b"\r\n").ok_or(Malformed)?;
        Ok(line)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.line()?).map_err(|_| Malformed)
    }
}

/// An unsigned decimal number with any padding.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then_some(u64::from(*digit))?;
        number.checked_mul(10)?.checked_add(digit - u64::from(b'0'))
    })
}

/// A decimal number, with `-` before it if it is negative.
pub fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => 0i64.checked_sub_unsigned(unsigned(digits)?),
        None => i64::try_from(unsigned(text)?).ok(),
    }
}

/// Appends `*count`.
pub fn write_array(out: &mut Vec<u8>, count: usize) {
    out.push(b'*');
    write_number(out, count as u64);
    out.extend_from_slice(b"\r\n");
}

/// Appends a byte string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    write_number(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits.
pub fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a number in decimal digits, with `-` before it if it is negative.
pub fn write_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    write_number(out, number.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_counted_and_content_is_never_split() {
        let mut reader = Reader::new(b"$5\r\nv\r\n\x001\r\n$0\r\n\r\n$003\r\nabc\r\n");
        assert_eq!(reader.bytes(), Ok(b"v\r\n\x001".as_slice()));
        assert_eq!(reader.bytes(), Ok(b"".as_slice()));
        assert_eq!(reader.bytes(), Ok(b"abc".as_slice()));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn what_is_no_byte_string_is_refused() {
        for text in [
            "",
            "$",
            "$1",
            "$1\r",
            "$1\r\n",
            "$1\r\na",
            "$1\r\na\r",
            "$1\r\nab\r\n",
            "$2\r\na\r\n",
            "$-1\r\n",
            "$+1\r\na\r\n",
            "$\r\n\r\n",
            "$1\na\r\n",
            "$ 1\r\na\r\n",
            "*1\r\n",
            "$99999999999999999999\r\na\r\n",
            "$18446744073709551615\r\na\r\n",
        ] {
            assert_eq!(
                Reader::new(text.as_bytes()).bytes(),
                Err(Malformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn items_are_told_apart() {
        let item = |text: &'static str| Reader::new(text.as_bytes()).item();
        assert_eq!(item("+OK\r\n"), Ok(Item::Simple("OK")));
        assert_eq!(item("-ERR no\r\n"), Ok(Item::Error("ERR no")));
        assert_eq!(item(":-1\r\n"), Ok(Item::Number(-1)));
        assert_eq!(
            item(":-9223372036854775808\r\n"),
            Ok(Item::Number(i64::MIN))
        );
        assert_eq!(item("$-1\r\n"), Ok(Item::Null));
        assert_eq!(item("$1\r\na\r\n"), Ok(Item::Bytes(b"a")));
        assert_eq!(item("*12\r\n"), Ok(Item::Array(12)));
        for text in [
            "",
            "-1",
            "$-2\r\n",
            ":\r\n",
            ":-\r\n",
            ":1",
            ":+1\r\n",
            "?\r\n",
            "+a\n",
            ":9223372036854775808\r\n",
            "*-1\r\n",
        ] {
            assert_eq!(item(text), Err(Malformed), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: i64) {
            let mut out = Vec::new();
            write_signed(&mut out, number);
            prop_assert_eq!(&out, &number.to_string().into_bytes());
            prop_assert_eq!(signed(&out), Some(number));
        }
    }
}
