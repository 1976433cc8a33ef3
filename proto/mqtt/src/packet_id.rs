//! Packet identifiers.

use std::fmt;
use std::num::NonZeroU16;

use crate::error::DecodeError;

/// A packet identifier: never zero [MQTT-2.2.1-3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub NonZeroU16);

impl PacketId {
    /// The packet identifier with this number; `None` for zero.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number on the wire.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for PacketId {
    type Error = DecodeError;

    #[inline]
    fn try_from(number: u16) -> Result<Self, DecodeError> {
        Self::new(number).ok_or(DecodeError::protocol("packet identifier 0"))
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
