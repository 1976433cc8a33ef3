//! The user properties of a packet.

use super::Property;
use crate::limits::Limits;
use crate::reader::Reader;
use crate::writer::Sink;

/// User properties, in their order: decoded ones, or pairs that are to be written.
#[derive(Clone, Copy)]
pub struct UserProperties<'a>(Source<'a>);

/// Three words, since most packets carry none and pay for the size only.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// So many within a checked property section. Other properties may stand between.
    Section(u32, &'a [u8]),
    Pairs(&'a [(&'a str, &'a str)]),
}

impl<'a> UserProperties<'a> {
    /// None.
    pub const EMPTY: Self = Self(Source::Pairs(&[]));

    /// The user properties among the checked properties of `section`.
    #[inline]
    pub(crate) const fn within(section: &'a [u8], count: u32) -> Self {
        Self(Source::Section(count, section))
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub const fn count(&self) -> usize {
        match self.0 {
            Source::Section(count, _) => count as usize,
            Source::Pairs(pairs) => pairs.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Name and value of each, in order.
    #[must_use]
    pub const fn iter(&self) -> UserPropertiesIter<'a> {
        UserPropertiesIter {
            source: self.0,
            left: self.count(),
        }
    }

    /// The value of the first with this name.
    #[must_use]
    pub fn value_of(&self, name: &str) -> Option<&'a str> {
        self.iter()
            .find(|(candidate, _)| *candidate == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn write(&self, sink: &mut dyn Sink) {
        for (name, value) in *self {
            Property::UserProperty(name, value).write(sink);
        }
    }
}

impl Default for UserProperties<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> From<&'a [(&'a str, &'a str)]> for UserProperties<'a> {
    fn from(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self(Source::Pairs(pairs))
    }
}

impl PartialEq for UserProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && self.iter().eq(other.iter())
    }
}

impl Eq for UserProperties<'_> {}

impl std::fmt::Debug for UserProperties<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for UserProperties<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = UserPropertiesIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Iterates over [`UserProperties`].
#[derive(Clone)]
pub struct UserPropertiesIter<'a> {
    source: Source<'a>,
    left: usize,
}

impl<'a> Iterator for UserPropertiesIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.source {
            Source::Pairs(pairs) => {
                let (first, rest) = pairs.split_first()?;
                *pairs = rest;
                Some(*first)
            }
            Source::Section(_, section) => loop {
                let mut reader = Reader::new(section);
                // Checked when the packet was decoded, so neither of these ends the iteration.
                let id = reader.u8().ok()?;
                let property = Property::read(id, &mut reader, &Limits::NONE).ok()?;
                *section = reader.rest();
                if let Property::UserProperty(name, value) = property {
                    return Some((name, value));
                }
            },
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for UserPropertiesIter<'_> {}
