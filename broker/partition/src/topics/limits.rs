//! The limits of the topics side, with their reasons.

/// Recipients of one message: their ordinal has 24 bits in a queue entry.
pub(crate) const RECIPIENTS_MAX: usize = 1 << 24;

/// Positions a retained replay may be ahead of the oldest unacknowledged one. Enough for a full
/// socket buffer of small messages, little enough that a million of them cost a slow receiver's
/// session nothing.
pub(crate) const REPLAY_AHEAD_MAX: u64 = 512;

/// Entries of one queue that later QoS 0 messages may be held behind; beyond, those are dropped, as
/// for any receiver that does not keep up.
pub(crate) const HOLDING_MAX: u32 = 2 * REPLAY_AHEAD_MAX as u32;

/// Retained messages that one `Tick` expires; the next is due at once.
pub(crate) const EXPIRED_PER_TICK_MAX: usize = 1_000;

/// Bytes of QoS 0 bodies that wait for one frontend worker to wake up; beyond, they are dropped.
pub(crate) const PUSHED_BYTES_MAX: usize = 64 << 20;

/// What a stored message costs beyond its body, for the memory pool's accounting.
pub(crate) const MESSAGE_BYTES: u64 = 96;

/// What a queue entry costs, for the memory pool's accounting.
pub(crate) const ENTRY_BYTES: u64 = 8;

/// What a retained message costs beyond body and message, for the memory pool's accounting.
pub(crate) const RETAINED_BYTES: u64 = 160;

/// Empty queues whose buffers are kept for the next one.
pub(crate) const SPARE_QUEUES_MAX: usize = 256;

/// Entries of a buffer worth keeping; larger ones go back to the allocator.
pub(crate) const SPARE_ENTRIES_MAX: usize = 1_024;

/// What a known topic costs beyond its name, for the limit on those kept for their recipients.
pub(crate) const TOPIC_BYTES: u64 = 96;

/// The part of the memory pool that topics kept for their recipients may take on top of it: a
/// client may publish to topics with names of 64 KiB that nobody ever asks for again.
pub(crate) const CACHED_TOPICS_SHARE: u64 = 8;
