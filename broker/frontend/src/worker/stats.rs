//! What a worker counts. Plain numbers; the shell exports them.

/// Counts since the worker began, and gauges of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// What the connections count: packets by type, publishes by QoS, closes by reason.
    pub connection: catena_connection::Stats,
    /// Network connections opened.
    pub connections_opened: u64,
    /// Network connections open now.
    pub connections: u64,
    /// Clients with a session now.
    pub sessions: u64,
    /// Connections that were taken over by another.
    pub taken_over: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// QoS 0 deliveries dropped because the client's output was above its mark.
    pub deliveries_dropped: u64,
    /// Deliveries that were not taken: for lack of room, of a range, or behind older ones.
    pub deliveries_postponed: u64,
    /// Times that reading from a client was paused.
    pub reads_paused: u64,
    /// Batches exchanged with partitions.
    pub exchanges: u64,
    /// Requests in them.
    pub requests: u64,
}
