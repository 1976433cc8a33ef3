//! What one worker counts. Must be written by that worker alone.

use std::sync::Arc;

use super::category::{CATEGORIES_MAX, Categories, Category};
use super::counter::Counter;
use super::labels::{
    Direction, DisconnectReason, DropReason, Limit, MqttVersion, PacketType, RefusalReason,
};
use super::registry::Collect;
use super::samples::Samples;
use super::table;

/// The counters of one worker: written by it without locked instructions, read at scrape time.
///
/// Aligned to two cache lines, because processors fetch them in pairs: a worker's counting must
/// not slow its neighbour's.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerCounters {
    by_category: [CategoryCounters; CATEGORIES_MAX],
    packets_received: [Counter; PacketType::COUNT],
    packets_sent: [Counter; PacketType::COUNT],
    bytes_received: Counter,
    bytes_sent: Counter,
    sessions_removed: Counter,
    unrouted: Counter,
    faults: Counter,
    refused: [Counter; RefusalReason::COUNT],
    disconnected: [Counter; DisconnectReason::COUNT],
    dropped: [Counter; DropReason::COUNT],
    limit_hits: [Counter; Limit::COUNT],
    categories: Arc<Categories>,
}

impl WorkerCounters {
    /// All at zero. The categories are those of the whole node.
    pub fn new(categories: Arc<Categories>) -> Self {
        Self {
            by_category: std::array::from_fn(|_| CategoryCounters::default()),
            packets_received: zeros(),
            packets_sent: zeros(),
            bytes_received: Counter::new(),
            bytes_sent: Counter::new(),
            sessions_removed: Counter::new(),
            unrouted: Counter::new(),
            faults: Counter::new(),
            refused: zeros(),
            disconnected: zeros(),
            dropped: zeros(),
            limit_hits: zeros(),
            categories,
        }
    }

    /// A PUBLISH came in.
    pub fn publish_received(&self, category: Category, payload_bytes: u64) {
        self.publishes_received(category, 1, payload_bytes);
    }

    /// A run of `count` PUBLISH packets came in with so many bytes of payload together.
    pub fn publishes_received(&self, category: Category, count: u64, payload_bytes: u64) {
        let counters = self.of(category);
        counters.publishes_received.add(count);
        counters.payload_bytes_received.add(payload_bytes);
    }

    /// A run of `count` PUBLISH packets went out with so many bytes of payload together.
    pub fn publishes_sent(&self, category: Category, count: u64, payload_bytes: u64) {
        let counters = self.of(category);
        counters.publishes_sent.add(count);
        counters.payload_bytes_sent.add(payload_bytes);
    }

    /// `count` packets of this type came in.
    pub fn packets_received(&self, packet_type: PacketType, count: u64) {
        self.packets_received[packet_type as usize].add(count);
    }

    /// `count` packets of this type went out.
    pub fn packets_sent(&self, packet_type: PacketType, count: u64) {
        self.packets_sent[packet_type as usize].add(count);
    }

    /// So many bytes were read from clients.
    pub fn bytes_received(&self, bytes: u64) {
        self.bytes_received.add(bytes);
    }

    /// So many bytes were written to clients.
    pub fn bytes_sent(&self, bytes: u64) {
        self.bytes_sent.add(bytes);
    }

    /// A client proved who it is.
    pub fn authentication_succeeded(&self, category: Category) {
        self.of(category).authentication_successes.increment();
    }

    /// An authentication could not be decided.
    pub fn authentication_failed(&self, category: Category) {
        self.of(category).authentication_failures.increment();
    }

    /// A client was turned away.
    pub fn authentication_denied(&self, category: Category) {
        self.of(category).authentication_deny.increment();
    }

    /// `count` connects, publishes or subscribes were allowed.
    pub fn authorization_allowed(&self, category: Category, count: u64) {
        self.of(category).authorization_allow.add(count);
    }

    /// A connect, publish or subscribe was denied.
    pub fn authorization_denied(&self, category: Category) {
        self.of(category).authorization_deny.increment();
    }

    /// `count` QoS 0 messages were dropped; [`Self::messages_dropped`] counts them with the reason.
    pub fn qos0_dropped(&self, category: Category, direction: Direction, count: u64) {
        self.of(category).qos0_dropped[direction as usize].add(count);
    }

    /// A packet was rejected because the memory for messages was used up.
    pub fn backpressure_rejected(&self, category: Category) {
        self.of(category).backpressure_rejected.increment();
    }

    /// A connection got a session.
    pub fn session_connected(&self, category: Category, version: MqttVersion) {
        self.of(category).connected[version as usize].increment();
    }

    /// A connection with a session ended; category and version as when it began.
    pub fn session_disconnected(
        &self,
        category: Category,
        version: MqttVersion,
        reason: DisconnectReason,
    ) {
        self.of(category).ended[version as usize].increment();
        self.disconnected[reason as usize].increment();
    }

    /// `count` sessions ended.
    pub fn sessions_removed(&self, count: u64) {
        self.sessions_removed.add(count);
    }

    /// A connection was refused before it had a session.
    pub fn connection_refused(&self, reason: RefusalReason) {
        self.refused[reason as usize].increment();
    }

    /// `count` messages did not reach a session.
    pub fn messages_dropped(&self, reason: DropReason, count: u64) {
        self.dropped[reason as usize].add(count);
    }

    /// `count` messages matched no subscription.
    pub fn messages_unrouted(&self, count: u64) {
        self.unrouted.add(count);
    }

    /// A limit acted.
    pub fn limit_hit(&self, limit: Limit) {
        self.limit_hits(limit, 1);
    }

    /// A limit acted `count` times.
    pub fn limit_hits(&self, limit: Limit, count: u64) {
        self.limit_hits[limit as usize].add(count);
    }

    /// An invariant of ours was broken.
    pub fn fault(&self) {
        self.faults.increment();
    }

    /// The sums that `$SYS` topics are made from.
    pub fn totals(&self) -> Totals {
        let sum = |of: fn(&CategoryCounters) -> u64| self.by_category.iter().map(of).sum();
        let all = |counters: &[Counter]| counters.iter().map(Counter::value).sum();
        let connects = &self.packets_received[PacketType::Connect as usize];
        Totals {
            connects_received: connects.value(),
            packets_received: all(&self.packets_received),
            packets_sent: all(&self.packets_sent),
            bytes_received: self.bytes_received.value(),
            bytes_sent: self.bytes_sent.value(),
            publishes_received: sum(|counters| counters.publishes_received.value()),
            publishes_sent: sum(|counters| counters.publishes_sent.value()),
            payload_bytes_received: sum(|counters| counters.payload_bytes_received.value()),
            payload_bytes_sent: sum(|counters| counters.payload_bytes_sent.value()),
            messages_dropped: all(&self.dropped),
            sessions_connected: sum(|counters| {
                counters.connected.iter().map(Counter::value).sum::<u64>()
            }),
            sessions_disconnected: sum(|counters| {
                counters.ended.iter().map(Counter::value).sum::<u64>()
            }),
        }
    }

    fn of(&self, category: Category) -> &CategoryCounters {
        &self.by_category[category.index()]
    }

    fn collect_labelled(&self, samples: &mut Samples) {
        for &kind in PacketType::ALL {
            let received = self.packets_received[kind as usize].value();
            samples.add(&table::PACKETS_RECEIVED, [kind.as_str()], received);
            let sent = self.packets_sent[kind as usize].value();
            samples.add(&table::PACKETS_SENT, [kind.as_str()], sent);
        }
        for &reason in RefusalReason::ALL {
            let count = self.refused[reason as usize].value();
            samples.add(&table::CONNECTIONS_REFUSED, [reason.as_str()], count);
        }
        for &reason in DisconnectReason::ALL {
            let count = self.disconnected[reason as usize].value();
            samples.add(&table::DISCONNECTS, [reason.as_str()], count);
        }
        for &reason in DropReason::ALL {
            let count = self.dropped[reason as usize].value();
            samples.add(&table::MESSAGES_DROPPED, [reason.as_str()], count);
        }
        for &limit in Limit::ALL {
            let count = self.limit_hits[limit as usize].value();
            samples.add(&table::LIMIT_HITS, [limit.as_str()], count);
        }
    }
}

impl Collect for WorkerCounters {
    fn collect(&self, samples: &mut Samples) {
        for (category, name) in self.categories.list() {
            self.of(category).collect(samples, &name);
        }
        self.collect_labelled(samples);
        let totals = self.totals();
        samples.add(&table::CLIENT_CONNECTED, [], totals.sessions_connected);
        samples.add(
            &table::CLIENT_DISCONNECTED,
            [],
            totals.sessions_disconnected,
        );
        samples.add(&table::CLIENT_REMOVED, [], self.sessions_removed.value());
        samples.add(&table::BYTES_RECEIVED, [], totals.bytes_received);
        samples.add(&table::BYTES_SENT, [], totals.bytes_sent);
        samples.add(&table::MESSAGES_UNROUTED, [], self.unrouted.value());
        samples.add(&table::FAULTS, [], self.faults.value());
    }
}

/// Sums over workers, as `$SYS` topics show them.
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
    /// Connections that got a session.
    pub sessions_connected: u64,
    /// Connections with a session that ended.
    pub sessions_disconnected: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.connects_received += other.connects_received;
        self.packets_received += other.packets_received;
        self.packets_sent += other.packets_sent;
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
        self.publishes_received += other.publishes_received;
        self.publishes_sent += other.publishes_sent;
        self.payload_bytes_received += other.payload_bytes_received;
        self.payload_bytes_sent += other.payload_bytes_sent;
        self.messages_dropped += other.messages_dropped;
        self.sessions_connected += other.sessions_connected;
        self.sessions_disconnected += other.sessions_disconnected;
    }
}

/// What one worker counts for one category of clients.
#[derive(Debug, Default)]
struct CategoryCounters {
    publishes_received: Counter,
    publishes_sent: Counter,
    payload_bytes_received: Counter,
    payload_bytes_sent: Counter,
    authentication_successes: Counter,
    authentication_failures: Counter,
    authentication_deny: Counter,
    authorization_allow: Counter,
    authorization_deny: Counter,
    backpressure_rejected: Counter,
    qos0_dropped: [Counter; Direction::COUNT],
    connected: [Counter; MqttVersion::COUNT],
    ended: [Counter; MqttVersion::COUNT],
}

impl CategoryCounters {
    fn collect(&self, samples: &mut Samples, category: &str) {
        for (metric, counter) in [
            (&table::PUBLISHES_RECEIVED, &self.publishes_received),
            (&table::PUBLISHES_SENT, &self.publishes_sent),
            (&table::PAYLOAD_BYTES_RECEIVED, &self.payload_bytes_received),
            (&table::PAYLOAD_BYTES_SENT, &self.payload_bytes_sent),
            (
                &table::AUTHENTICATION_SUCCESSES,
                &self.authentication_successes,
            ),
            (
                &table::AUTHENTICATION_FAILURES,
                &self.authentication_failures,
            ),
            (&table::AUTHENTICATION_DENY, &self.authentication_deny),
            (&table::AUTHORIZATION_ALLOW, &self.authorization_allow),
            (&table::AUTHORIZATION_DENY, &self.authorization_deny),
            (
                &table::BACKPRESSURE_PACKETS_REJECTED,
                &self.backpressure_rejected,
            ),
        ] {
            samples.add(metric, [category], counter.value());
        }
        for &direction in Direction::ALL {
            let labels = [category, direction.as_str()];
            let count = self.qos0_dropped[direction as usize].value();
            samples.add(&table::QOS0_MESSAGES_DROPPED, labels, count);
        }
        for &version in MqttVersion::ALL {
            let labels = [category, version.as_str()];
            // The end is read first: a connection that ends between the reads must not make the
            // difference negative.
            let ended = self.ended[version as usize].value();
            let open = self.connected[version as usize]
                .value()
                .saturating_sub(ended);
            samples.add(&table::CONNECTED_SESSIONS, labels, open);
        }
    }
}

/// What one worker counts for one listener.
#[derive(Debug)]
#[repr(align(128))]
pub struct ListenerCounters {
    listener: String,
    transport: &'static str,
    accepted: Counter,
    closed: Counter,
}

impl ListenerCounters {
    /// All at zero, for the listener of this name; the transport is `tcp`, `tls`, `ws` or `wss`.
    pub fn new(listener: impl Into<String>, transport: &'static str) -> Self {
        Self {
            listener: listener.into(),
            transport,
            accepted: Counter::new(),
            closed: Counter::new(),
        }
    }

    /// This worker took a connection of the listener.
    pub fn connection_opened(&self) {
        self.accepted.increment();
    }

    /// A connection that this worker took is closed.
    pub fn connection_closed(&self) {
        self.closed.increment();
    }

    /// Connections taken so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.value()
    }
}

impl Collect for ListenerCounters {
    fn collect(&self, samples: &mut Samples) {
        let labels = [self.listener.as_str(), self.transport];
        let closed = self.closed.value();
        let accepted = self.accepted.value();
        samples.add(&table::CONNECTIONS_ACCEPTED, labels, accepted);
        samples.add(&table::CONNECTIONS, labels, accepted.saturating_sub(closed));
    }
}

fn zeros<const COUNT: usize>() -> [Counter; COUNT] {
    std::array::from_fn(|_| Counter::new())
}

#[cfg(test)]
mod tests;
