//! Reason string and user properties: what most answers may carry.

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::properties::{Property, PropertySet, Section, UserProperties};
use crate::reader::Reader;
use crate::writer::Sink;

/// The properties of acknowledgements, SUBACK and UNSUBACK. MQTT 3 has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonProperties<'a> {
    /// A reason for people to read.
    pub reason_string: Option<&'a str>,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
}

impl<'a> ReasonProperties<'a> {
    /// No properties.
    pub const EMPTY: Self = Self {
        reason_string: None,
        user_properties: UserProperties::EMPTY,
    };

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.reason_string.is_none() && self.user_properties.is_empty()
    }

    pub(super) fn decode(reader: &mut Reader<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[0x1F, 0x26]);
        let mut section = Section::open(reader, ALLOWED, limits)?;
        let mut reason_string = None;
        while let Some(property) = section.next()? {
            if let Property::ReasonString(text) = property {
                reason_string = Some(text);
            }
        }
        let count = section.user_properties();
        let user_properties = UserProperties::within(section.whole(), count);
        Ok(Self {
            reason_string,
            user_properties,
        })
    }

    pub(super) fn write(&self, sink: &mut dyn Sink) {
        if let Some(text) = self.reason_string {
            Property::ReasonString(text).write(sink);
        }
        self.user_properties.write(sink);
    }

    /// Leaves out user properties, then the reason string too, until `size` of what is left is
    /// at most `packet_bytes_max`.
    pub(super) fn fit(self, packet_bytes_max: u32, size: impl Fn(Self) -> Option<usize>) -> Self {
        let fits =
            |properties| size(properties).is_some_and(|bytes| bytes <= packet_bytes_max as usize);
        let without_user = Self {
            user_properties: UserProperties::EMPTY,
            ..self
        };
        if fits(self) {
            self
        } else if fits(without_user) {
            without_user
        } else {
            Self::EMPTY
        }
    }
}
