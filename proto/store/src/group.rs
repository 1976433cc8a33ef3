//! Lists inside a payload: read again each time they are walked, so that nothing is allocated.

use crate::Write;
use crate::parse::Arguments;
use crate::resp3::Reader;

/// Several keys. Equal if the keys are.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// The byte strings, checked when the payload was parsed.
    encoded: &'a [u8],
    count: usize,
}

impl<'a> Keys<'a> {
    pub(crate) const fn new(encoded: &'a [u8], count: usize) -> Self {
        Self { encoded, count }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The keys in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        (0..self.count).map_while(move |_| reader.bytes().ok())
    }

    /// Their bytes as they stand in a payload.
    pub(crate) const fn encoded(&self) -> &'a [u8] {
        self.encoded
    }
}

impl PartialEq for Keys<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Keys<'_> {}

/// Several writes, all or none. Equal if the writes are.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The arrays, checked when the payload was parsed.
    encoded: &'a [u8],
    count: usize,
}

impl<'a> Group<'a> {
    pub(crate) const fn new(encoded: &'a [u8], count: usize) -> Self {
        Self { encoded, count }
    }

    /// How many there are: at least one.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none; never so in a parsed command.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The writes in order.
    pub fn iter(&self) -> impl Iterator<Item = Write<'a>> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        (0..self.count).map_while(move |_| {
            let count = reader.array().ok()?;
            Arguments::read(&mut reader, count).ok()?.write().ok()
        })
    }
}

impl PartialEq for Group<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Group<'_> {}
