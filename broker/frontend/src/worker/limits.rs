//! What bounds a client's share of a worker's memory.

/// Output waiting for a client, in bytes, above which deliveries are not taken: those with a
/// position wait in their partition, others (QoS 0) are dropped and counted.
pub(crate) const OUTPUT_BYTES_MARK: usize = 256 * 1024;

/// Output waiting, in bytes, at or below which deliveries are taken again: well below the mark, so
/// that a slow client costs few exchanges.
pub(crate) const OUTPUT_BYTES_LOW: usize = 128 * 1024;

/// Output waiting, in bytes, above which a client is not read from: it does not read our answers.
/// Above the mark for deliveries: a client that only writes while messages come in for it must not
/// be kept from reading them later.
pub(crate) const OUTPUT_BYTES_PAUSE: usize = 512 * 1024;

/// Large payloads that wait by reference, in bytes, above which deliveries are not taken. They are
/// stored anyway; this keeps the turns of one client short.
pub(crate) const SHARED_BYTES_MARK: usize = 1024 * 1024;

/// Large payloads waiting, in bytes, at or below which deliveries are taken again.
pub(crate) const SHARED_BYTES_LOW: usize = 512 * 1024;

/// Requests of one client without answer above which it is not read from.
pub(crate) const OUTSTANDING_MAX: u32 = 8_192;

/// Clients whose reads are exchanged together: the more there are, the less one more saves, and
/// each looks whether it is among them.
pub(crate) const ROUND_CLIENTS_MAX: usize = 64;

/// Rounds of exchanges in one `run`; what is left is for the next turn, after others had theirs.
pub(crate) const ROUNDS_MAX: u32 = 64;

/// Drained output buffers that are kept for the next client, in bytes together. A buffer that is
/// given back is faulted in again page by page.
pub(crate) const SPARE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The largest that is kept, in bytes: what a client's output can grow to before it waits.
pub(crate) const SPARE_BUFFER_BYTES_MAX: usize = 512 * 1024;
/// First size of an output buffer, in bytes.
pub(crate) const BUFFER_BYTES: usize = 2 * 1024;

/// Entries of a recycled request or action list that are kept.
pub(crate) const SPARE_ENTRIES_MAX: usize = 16 * 1024;

const _: () = assert!(OUTPUT_BYTES_LOW < OUTPUT_BYTES_MARK);
const _: () = assert!(OUTPUT_BYTES_MARK < OUTPUT_BYTES_PAUSE);
const _: () = assert!(BUFFER_BYTES <= SPARE_BUFFER_BYTES_MAX);
