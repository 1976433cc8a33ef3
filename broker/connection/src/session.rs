//! What the broker tells a connection about its session.

use catena_types::PartitionId;

/// The session that a connection got.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session<'s> {
    /// Whether there was state to resume [MQTT-3.2.2-3].
    pub present: bool,
    /// The client identifier, if the client left it to the broker [MQTT-3.1.3-7].
    pub assigned_client_id: Option<&'s str>,
    /// The partitions that have ranges of packet identifiers, in the order of their ranges.
    pub ranges: &'s [PartitionId],
}
