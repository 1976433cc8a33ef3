//! What a worker counts. Plain numbers; the shell exports them.

use catena_mqtt::ReasonCode;

use super::opening::Verdict;

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
    /// Those of them that speak MQTT 3.1 or 3.1.1.
    pub sessions_v3: u64,
    /// Clients that got a session.
    pub sessions_opened: u64,
    /// Sessions that began, which is not so when one was resumed.
    pub sessions_created: u64,
    /// Clients with a session whose socket was closed by them or by the network.
    pub sockets_lost: u64,
    /// Credentials that were accepted.
    pub authentications_accepted: u64,
    /// Credentials that were wrong or missing.
    pub authentications_refused: u64,
    /// Credentials that could not be judged, as when there were too many at once.
    pub authentications_undecided: u64,
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
    /// Requests to the state store.
    pub store_requests: u64,
    /// Publishes to topics of the state store that were no requests, or by nobody who may.
    pub store_refused: u64,
    /// Batches exchanged with partitions.
    pub exchanges: u64,
    /// Requests in them.
    pub requests: u64,
}

impl Stats {
    pub(super) fn count_verdict(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Accepted => &mut self.authentications_accepted,
            Verdict::Refused(ReasonCode::ServerBusy | ReasonCode::ServerUnavailable) => {
                &mut self.authentications_undecided
            }
            Verdict::Refused(_) => &mut self.authentications_refused,
        };
        *count += 1;
    }
}
