//! The properties of a publish or will that a server passes on as they are.

use std::fmt;

use super::{Property, PropertySet, Section, UserProperties};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::reader::Reader;

/// The properties that a server passes on unchanged and in order: payload format [MQTT-3.3.2-4],
/// content type [MQTT-3.3.2-20], response topic [MQTT-3.3.2-15], correlation data [MQTT-3.3.2-16]
/// and user properties [MQTT-3.3.2-17] [MQTT-3.3.2-18], as the checked bytes of the input.
///
/// Mostly they stand in one piece. Where others (alias, expiry, subscription identifiers, will
/// delay) stand between them, the bytes from the first to the last are kept and the others are
/// skipped on the way out: right for any order, and nothing is allocated.
///
/// ```text
///  section   expiry │ content type │ user property │ alias │ user property │ alias
///  bytes             └──────────────────────────────────────────────────┘
///  parts             └─────────────────────────────┘        └──────────────┘
/// ```
#[derive(Clone, Copy, Default)]
pub struct Forwarded<'a> {
    bytes: &'a [u8],
    /// Sum of the sizes of the forwarded properties within `bytes`.
    len: usize,
    count: u32,
    user_properties: u32,
}

impl<'a> Forwarded<'a> {
    /// No properties.
    pub const EMPTY: Self = Self {
        bytes: &[],
        len: 0,
        count: 0,
        user_properties: 0,
    };

    /// Reads forwarded properties that were copied before, or built with [`Property::encode`].
    ///
    /// # Errors
    /// As for a PUBLISH with these properties; any other property is malformed.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let mut section = Section::over(bytes, FORWARDED, limits);
        let mut builder = Builder::default();
        while section.next()?.is_some() {
            builder.add(section.position());
        }
        Ok(builder.finish(&section))
    }

    /// The number of bytes that [`copy_to`](Self::copy_to) appends.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no properties.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of properties.
    #[inline]
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// The bytes, if they stand in one piece, as they do unless a property that is not forwarded
    /// stands between two that are.
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> Option<&'a [u8]> {
        if self.bytes.len() == self.len {
            Some(self.bytes)
        } else {
            None
        }
    }

    /// Appends the bytes to `out`.
    #[inline]
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        match self.as_slice() {
            Some(bytes) => out.extend_from_slice(bytes),
            None => self.parts().for_each(|part| out.extend_from_slice(part)),
        }
    }

    /// The pieces of the input that make up the bytes, in order.
    pub const fn parts(&self) -> ForwardedParts<'a> {
        ForwardedParts {
            rest: self.bytes,
            one_piece: self.bytes.len() == self.len,
        }
    }

    /// The properties, in order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            loop {
                let (property, after) = read(rest)?;
                rest = after;
                if FORWARDED.contains(property.id()) {
                    return Some(property);
                }
            }
        })
    }

    /// The properties that belong to calls, in order, as the bytes that were checked: for who
    /// compares most of them and looks closely at few.
    #[inline]
    pub fn call_properties(&self) -> impl Iterator<Item = CallProperty<'a>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || CallProperty::next(&mut reader))
    }

    /// The user properties, in order.
    #[inline]
    #[must_use]
    pub const fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::within(self.bytes, self.user_properties)
    }
}

/// One of the properties that a request carries for whoever answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallProperty<'a> {
    /// Where the response is to be published: a topic name.
    ResponseTopic(&'a [u8]),
    /// What the requester knows its request by.
    CorrelationData(&'a [u8]),
    /// Name and value of the user's own, both UTF-8.
    UserProperty(&'a [u8], &'a [u8]),
}

impl<'a> CallProperty<'a> {
    /// The next one in checked bytes; others are passed over.
    #[inline]
    fn next(reader: &mut Reader<'a>) -> Option<Self> {
        loop {
            return match reader.u8().ok()? {
                0x08 => reader.binary().ok().map(Self::ResponseTopic),
                0x09 => reader.binary().ok().map(Self::CorrelationData),
                0x26 => {
                    let name = reader.binary().ok()?;
                    Some(Self::UserProperty(name, reader.binary().ok()?))
                }
                other => {
                    Property::read(other, reader, &Limits::NONE).ok()?;
                    continue;
                }
            };
        }
    }
}

impl PartialEq for Forwarded<'_> {
    /// Equal properties in equal order are equal bytes.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for Forwarded<'_> {}

impl fmt::Debug for Forwarded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over the pieces of [`Forwarded`].
#[derive(Clone, Debug)]
pub struct ForwardedParts<'a> {
    rest: &'a [u8],
    one_piece: bool,
}

impl<'a> Iterator for ForwardedParts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.one_piece {
            let whole = std::mem::take(&mut self.rest);
            return (!whole.is_empty()).then_some(whole);
        }
        let mut skipped = self.rest;
        loop {
            let (property, after) = read(skipped)?;
            if FORWARDED.contains(property.id()) {
                break;
            }
            skipped = after;
        }
        let mut end = skipped;
        while let Some((property, after)) = read(end) {
            if !FORWARDED.contains(property.id()) {
                break;
            }
            end = after;
        }
        self.rest = end;
        skipped.get(..skipped.len() - end.len())
    }
}

/// Finds the forwarded properties while a section is walked.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    /// Where the property that is read next begins.
    begin: usize,
    first: Option<usize>,
    end: usize,
    len: usize,
    count: u32,
}

impl Builder {
    /// The property that ends at `position` is forwarded.
    #[inline]
    pub(crate) fn add(&mut self, position: usize) {
        self.first.get_or_insert(self.begin);
        self.len += position - self.begin;
        self.count += 1;
        self.end = position;
        self.begin = position;
    }

    /// The property that ends at `position` is not forwarded.
    #[inline]
    pub(crate) const fn skip(&mut self, position: usize) {
        self.begin = position;
    }

    #[inline]
    pub(crate) fn finish<'a>(&self, section: &Section<'a, '_>) -> Forwarded<'a> {
        let first = self.first.unwrap_or_default();
        Forwarded {
            bytes: section.whole().get(first..self.end).unwrap_or_default(),
            len: self.len,
            count: self.count,
            user_properties: section.user_properties(),
        }
    }
}

/// The checked property at the start of `bytes`, and what follows it.
fn read(bytes: &[u8]) -> Option<(Property<'_>, &[u8])> {
    let mut reader = Reader::new(bytes);
    let id = reader.u8().ok()?;
    let property = Property::read(id, &mut reader, &Limits::NONE).ok()?;
    Some((property, reader.rest()))
}

/// The identifiers of the forwarded properties.
pub(crate) const FORWARDED: PropertySet = PropertySet::of(&[0x01, 0x03, 0x08, 0x09, 0x26]);
