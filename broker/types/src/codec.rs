//! Fixed-layout bytes for snapshots: little-endian numbers and length-prefixed strings.

use std::fmt;

/// Snapshot bytes that end too early or hold an impossible value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are no complete snapshot of this version")
    }
}

impl std::error::Error for Truncated {}

/// Appends values to a byte vector.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A length as eight bytes.
    pub fn len(&mut self, value: usize) {
        self.u64(value as u64);
    }

    /// A byte string with its length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.out.extend_from_slice(bytes);
    }
}

/// Takes values off a byte slice; never runs past its end.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer, as for every method here.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        self.take(N)?.try_into().map_err(|_| Truncated)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Truncated`]
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes.
    ///
    /// # Errors
    /// [`Truncated`]
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// [`Truncated`]
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`Truncated`]
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A count of things that each take at least `bytes_each`, so that no allocation can exceed
    /// what is really there.
    ///
    /// # Errors
    /// [`Truncated`] if the rest could not hold that many.
    pub fn count(&mut self, bytes_each: usize) -> Result<usize, Truncated> {
        let count = usize::try_from(self.u64()?).map_err(|_| Truncated)?;
        let fits = count
            .checked_mul(bytes_each.max(1))
            .is_some_and(|all| all <= self.rest.len());
        if fits { Ok(count) } else { Err(Truncated) }
    }

    /// A byte string with its length.
    ///
    /// # Errors
    /// [`Truncated`]
    pub fn bytes(&mut self) -> Result<&'a [u8], Truncated> {
        let count = self.count(1)?;
        self.take(count)
    }

    /// A UTF-8 string with its length.
    ///
    /// # Errors
    /// [`Truncated`], also if it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Truncated> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_no_prefix_is_complete() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.u8(1);
        writer.u16(2);
        writer.u32(3);
        writer.u64(4);
        writer.bytes(b"five");
        let read = |bytes: &[u8]| -> Result<(), Truncated> {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.u8()?, 1);
            assert_eq!(reader.u16()?, 2);
            assert_eq!(reader.u32()?, 3);
            assert_eq!(reader.u64()?, 4);
            assert_eq!(reader.text()?, "five");
            Ok(())
        };
        assert_eq!(read(&bytes), Ok(()));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(Truncated));
        }
    }

    #[test]
    fn a_huge_count_allocates_nothing() {
        let bytes = u64::MAX.to_le_bytes();
        assert_eq!(Reader::new(&bytes).count(16), Err(Truncated));
        assert_eq!(Reader::new(&bytes).bytes(), Err(Truncated));
    }
}
