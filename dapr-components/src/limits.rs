//! What a sidecar takes.

/// The longest message that the client takes which daprd has for components, whatever daprd is
/// configured to take itself.
pub(crate) const TAKEN_BYTES_MAX: usize = 4 * 1024 * 1024;
