//! Limits on the documents themselves: a document is a few pages, whoever wrote it.

/// Longest text of one source, in bytes. 1 MiB is what Kubernetes lets a resource hold.
pub(crate) const SOURCE_BYTES_MAX: usize = 1 << 20;

/// Most values in one source.
pub(crate) const NODES_MAX: usize = 100_000;

/// Most documents in one source.
pub(crate) const DOCUMENTS_MAX: usize = 256;

/// Most fields of one mapping.
pub(crate) const FIELDS_MAX: usize = 1_000;

/// Most methods of one `BrokerAuthentication`.
pub(crate) const METHODS_MAX: usize = 16;

/// Most errors, and most notes, reported; what is beyond them shows after the first ones are
/// mended.
pub(crate) const DIAGNOSTICS_MAX: usize = 200;

/// Longest found value quoted in a diagnostic, in characters.
pub(crate) const QUOTED_CHARACTERS_MAX: usize = 60;

const _: () = assert!(
    FIELDS_MAX < NODES_MAX,
    "one mapping must not use up the whole document"
);
