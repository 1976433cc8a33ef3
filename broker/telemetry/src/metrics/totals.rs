//! Sums over the workers of a node, as `$SYS` topics show them.

/// Counts since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// CONNECT packets from clients.
    pub connects_received: u64,
    /// Packets of any type from clients.
    pub packets_received: u64,
    /// Packets of any type to clients.
    pub packets_sent: u64,
    /// Bytes from clients.
    pub bytes_received: u64,
    /// Bytes to clients.
    pub bytes_sent: u64,
    /// PUBLISH packets from clients.
    pub publishes_received: u64,
    /// PUBLISH packets to clients.
    pub publishes_sent: u64,
    /// Payload bytes from clients.
    pub payload_bytes_received: u64,
    /// Payload bytes to clients.
    pub payload_bytes_sent: u64,
    /// Messages that did not reach a session.
    pub messages_dropped: u64,
}
