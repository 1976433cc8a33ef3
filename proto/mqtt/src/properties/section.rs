//! A property section on its way in: length, which properties may stand in it, duplicates, limits.

use super::{Property, PropertySet};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::reader::Reader;
use crate::reason::ReasonCode;

/// Walks a property section once, in linear time, and checks it on the way.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a, 'l> {
    reader: Reader<'a>,
    whole: &'a [u8],
    allowed: PropertySet,
    repeatable: PropertySet,
    seen: PropertySet,
    user_properties: u32,
    limits: &'l Limits,
}

impl<'a, 'l> Section<'a, 'l> {
    /// Takes the section (its length, then its properties) out of `packet`.
    #[inline]
    pub(crate) fn open(
        packet: &mut Reader<'a>,
        allowed: PropertySet,
        limits: &'l Limits,
    ) -> Result<Self, DecodeError> {
        let length = packet.variable_byte_integer()?;
        let whole = packet.bytes(length as usize)?;
        if length > limits.property_bytes_max {
            return Err(DecodeError::new(
                ReasonCode::PacketTooLarge,
                "too many property bytes",
            ));
        }
        Ok(Self::over(whole, allowed, limits))
    }

    /// A section whose length has been taken off.
    #[inline]
    pub(crate) const fn over(whole: &'a [u8], allowed: PropertySet, limits: &'l Limits) -> Self {
        Self {
            reader: Reader::new(whole),
            whole,
            allowed,
            repeatable: USER_PROPERTY,
            seen: PropertySet::EMPTY,
            user_properties: 0,
            limits,
        }
    }

    /// Also allows more than one of these. User properties may always be repeated.
    pub(crate) const fn repeatable(mut self, repeatable: PropertySet) -> Self {
        self.repeatable = repeatable;
        self
    }

    /// The next property, or `None` at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Property<'a>>, DecodeError> {
        match self.next_id()? {
            Some(id) => Property::read(id, &mut self.reader, self.limits).map(Some),
            None => Ok(None),
        }
    }

    /// The identifier of the next property, or `None` at the end. Its value has to be read by
    /// [`reader`](Self::reader) or [`check_value`](Self::check_value).
    #[inline]
    pub(crate) fn next_id(&mut self) -> Result<Option<u8>, DecodeError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        // Identifiers are variable byte integers, but all that exist take one byte.
        let id = self.reader.u8()?;
        if !self.allowed.contains(id) {
            return Err(DecodeError::malformed(
                "property not allowed in this packet",
            ));
        }
        if self.seen.contains(id) && !self.repeatable.contains(id) {
            return Err(DecodeError::protocol("property more than once"));
        }
        self.seen.insert(id);
        if USER_PROPERTY.contains(id) {
            self.user_properties += 1;
            if self.user_properties > self.limits.user_properties_max {
                let reason = ReasonCode::PacketTooLarge;
                return Err(DecodeError::new(reason, "too many user properties"));
            }
        }
        Ok(Some(id))
    }

    /// Reads the value of the property `id` only to check it.
    #[inline]
    pub(crate) fn check_value(&mut self, id: u8) -> Result<(), DecodeError> {
        Property::check(id, &mut self.reader, self.limits)
    }

    /// Stands before the value of the property that [`next_id`](Self::next_id) told.
    #[inline]
    pub(crate) const fn reader(&mut self) -> &mut Reader<'a> {
        &mut self.reader
    }

    /// The bytes of the whole section.
    #[inline]
    pub(crate) const fn whole(&self) -> &'a [u8] {
        self.whole
    }

    /// How far [`next`](Self::next) has come within [`whole`](Self::whole).
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.whole.len() - self.reader.len()
    }

    /// How many user properties there were so far.
    #[inline]
    pub(crate) const fn user_properties(&self) -> u32 {
        self.user_properties
    }
}

const USER_PROPERTY: PropertySet = PropertySet::of(&[0x26]);
