//! What one request may ask for.

/// Keys in one multi-get: each costs a look-up, and all values travel in one reply.
pub const GET_MANY_KEYS_MAX: usize = 1_024;

/// Writes in one group: all are checked before the first is applied, while others wait, which takes
/// a few milliseconds at most. A reply has some 50 bytes for each.
pub const GROUP_WRITES_MAX: usize = 4_096;

/// Bytes of a scan's pattern: matching takes at worst pattern times key.
pub const PATTERN_BYTES_MAX: usize = 1_024;

/// Elements of the longest command outside groups and multi-gets: `SET key value NX PX ms`.
pub(crate) const ELEMENTS_MAX: usize = 6;
