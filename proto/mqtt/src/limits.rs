//! What the decoder accepts at most. Every limit bounds the work that one packet can cause.

/// The largest value of a variable byte integer.
pub const VARIABLE_BYTE_INTEGER_MAX: u32 = 268_435_455;

/// The largest packet that MQTT can express, fixed header included, in bytes.
pub const PACKET_BYTES_MAX: u32 = VARIABLE_BYTE_INTEGER_MAX + 5;

/// Limits chosen by the caller of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest packet, fixed header included, in bytes.
    pub packet_bytes_max: u32,
    /// Most user properties in one property section.
    pub user_properties_max: u32,
    /// Largest property section, in bytes.
    pub property_bytes_max: u32,
    /// Most levels (parts between slashes) of a topic name or filter: bounds the depth of tries.
    pub topic_levels_max: u32,
    /// Longest topic name or filter, in bytes.
    pub topic_bytes_max: u16,
    /// Most filters in one SUBSCRIBE or UNSUBSCRIBE.
    pub filters_max: u32,
}

impl Limits {
    /// Generous for any sane client, and far below what makes one packet costly.
    pub const DEFAULT: Self = Self {
        packet_bytes_max: PACKET_BYTES_MAX,
        user_properties_max: 1_024,
        property_bytes_max: 262_144,
        topic_levels_max: 128,
        topic_bytes_max: u16::MAX,
        filters_max: 65_535,
    };
}

impl Limits {
    /// For bytes that were checked before.
    pub(crate) const NONE: Self = Self {
        packet_bytes_max: u32::MAX,
        user_properties_max: u32::MAX,
        property_bytes_max: u32::MAX,
        topic_levels_max: u32::MAX,
        topic_bytes_max: u16::MAX,
        filters_max: u32::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

// One user property with the longest name and value must fit: 1 + 2 * (2 + 65535) bytes.
const _: () = assert!(Limits::DEFAULT.property_bytes_max >= 131_075);
// A section full of empty user properties is cut by their number, not by its bytes.
const _: () =
    assert!(Limits::DEFAULT.user_properties_max * 5 <= Limits::DEFAULT.property_bytes_max);
const _: () = assert!(Limits::DEFAULT.topic_levels_max > 1);
