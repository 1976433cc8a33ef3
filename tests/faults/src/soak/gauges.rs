//! What the broker says that it has.

use std::fmt;

use crate::broker::{Broker, sum};

/// Gauges that a soak has to bring back to where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauges {
    /// Open connections.
    pub connections: u64,
    /// Sessions, connected or not.
    pub sessions: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Messages in delivery queues.
    pub queued: u64,
    /// Retained messages.
    pub retained: u64,
}

impl Gauges {
    /// Those of a broker.
    #[must_use]
    pub fn of(broker: &Broker) -> Self {
        let text = broker.metrics();
        Self {
            connections: sum(&text, "catena_frontend_connections", ""),
            sessions: sum(&text, "aio_broker_total_sessions", ""),
            subscriptions: sum(&text, "aio_broker_total_subscriptions", ""),
            queued: sum(&text, "catena_backend_queued_messages", ""),
            retained: sum(&text, "aio_broker_store_retained_messages", ""),
        }
    }
}

impl fmt::Display for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} connections, {} sessions, {} subscriptions, {} queued, {} retained",
            self.connections, self.sessions, self.subscriptions, self.queued, self.retained
        )
    }
}
