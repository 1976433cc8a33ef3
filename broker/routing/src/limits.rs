//! How much the table holds at most.

/// Subscriptions of all sessions together. A subscription costs up to about 200 bytes, so the
/// whole table stays below 4 GB, and every index below fits into 31 bits.
pub const SUBSCRIPTIONS_MAX: u32 = 1 << 24;

/// The highest subscription identifier: a variable byte integer of four bytes.
pub const SUBSCRIPTION_ID_MAX: u32 = 268_435_455;

// A trie has at most one branching node per filter beside the one that the filter ends at, and a
// reference keeps one bit for itself.
const _: () = assert!(SUBSCRIPTIONS_MAX < 1 << 30);
// An identifier and four bits of options share 32 bits.
const _: () = assert!(SUBSCRIPTION_ID_MAX < 1 << 28);
