//! What a sidecar takes.

/// How long an answer to a sidecar may be. The client that daprd has for components takes 4 MiB,
/// whatever daprd is configured to take itself; what is left between is for the envelope.
pub(crate) const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024 - 64 * 1024;
