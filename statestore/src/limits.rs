//! What is bounded whatever the settings say, and what things cost by the store's accounting.

/// The longest key in bytes that an entry can hold: its length has 16 bits.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// What an entry costs besides its record: its place in a hash table, 34 bytes at worst, and what
/// an allocator rounds up.
pub const ENTRY_OVERHEAD_BYTES: u64 = 48;

/// What an entry costs in the index by deadline.
pub const EXPIRY_OVERHEAD_BYTES: u64 = 32;

/// The longest number that a counter can hold, in digits with their sign.
pub(crate) const DIGITS_MAX: usize = 20;

/// What a key costs besides its bytes while somebody is registered for it.
pub const WATCHED_OVERHEAD_BYTES: u64 = 160;

/// What a registration costs.
pub const REGISTRATION_OVERHEAD_BYTES: u64 = 64;

/// What a logged change costs besides its value.
pub const CHANGE_OVERHEAD_BYTES: u64 = 96;

/// Entries that are fetched from memory together, ahead of their commands: more than a processor
/// waits for at a time.
pub const APPROACHED_MAX: usize = 16;

/// Entries that one tick removes: well under a millisecond, so that a million that expire at once
/// do not hold up others.
pub const EXPIRIES_PER_TICK_MAX: usize = 1_000;

/// Notifications after which a tick leaves the rest to the next.
pub const NOTIFICATIONS_PER_TICK_MAX: usize = 1_000;

/// Comparisons after which a page of a scan ends: a few milliseconds. Looking at a key counts as
/// [`SCAN_STEPS_PER_KEY`] of them.
pub const SCAN_STEPS_MAX: u64 = 400_000;

/// What it costs to find a key and to sort it in, in comparisons.
pub const SCAN_STEPS_PER_KEY: u64 = 40;

/// Recent answers that are kept at most: a request that comes again is looked for among all.
pub const ANSWERS_MAX: u64 = 65_536;

/// The longest reply in bytes that takes no memory of its own among the recent answers.
pub(crate) const SHORT_REPLY_BYTES: usize = 6;
