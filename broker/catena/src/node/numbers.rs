//! The numbers of frontend and backend, as metrics and as what `$SYS` topics are made from.

use std::sync::{Arc, Mutex, PoisonError};

use catena_backend::Backend;
use catena_frontend::worker::Stats;
use catena_frontend::{ListenerStatus, Refusal};
use catena_telemetry::metrics::{
    Collect, Direction, DisconnectReason, DropReason, Limit, PacketType, Samples, Totals, table,
};
use catena_telemetry::sys_topics::Snapshot;

use super::reasons;

/// What the frontend's workers told last. They are asked once a second: a scrape must not wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontend {
    pub(super) workers: Vec<Stats>,
    pub(super) listeners: Vec<ListenerStatus>,
    /// Connections refused before MQTT, by reason.
    pub(super) refused: Vec<(Refusal, u64)>,
}

/// The limits that metrics compare with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maxima {
    pub(super) connections: u64,
    pub(super) retained_messages: u64,
    pub(super) memory_bytes: u64,
    /// What the memory pool holds in all; publishes are refused below that.
    pub(super) memory_pool_bytes: u64,
}

/// A source of samples: the backend as it is, the frontend as it was told last.
pub(super) struct Numbers {
    backend: Arc<Backend>,
    frontend: Mutex<Frontend>,
    maxima: Maxima,
}

impl Numbers {
    pub(super) fn new(backend: Arc<Backend>, maxima: Maxima) -> Self {
        Self {
            backend,
            frontend: Mutex::default(),
            maxima,
        }
    }

    pub(super) fn tell(&self, frontend: Frontend) {
        *self.frontend.lock().unwrap_or_else(PoisonError::into_inner) = frontend;
    }

    fn frontend(&self) -> Frontend {
        let frontend = self.frontend.lock();
        frontend.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `$SYS` topics are made from, but for what the process knows of itself.
    pub(super) fn snapshot(&self) -> Snapshot {
        let stats = self.backend.stats();
        let (store, routing) = (&stats.partitions, &stats.routing);
        let workers = self.frontend().workers;
        let sum = |of: fn(&Stats) -> u64| workers.iter().map(of).sum::<u64>();
        let frontend_dropped = sum(dropped_by_worker);
        let store_dropped = store.dropped_oldest + store.dropped_expired + store.dropped_memory;
        Snapshot {
            totals: Totals {
                connects_received: sum(|stats| stats.connection.packets_received[1]),
                packets_received: sum(|stats| stats.connection.packets_received.iter().sum()),
                packets_sent: sum(|stats| stats.connection.packets_sent.iter().sum()),
                bytes_received: sum(|stats| stats.bytes_received),
                bytes_sent: sum(|stats| stats.bytes_sent),
                publishes_received: sum(publishes_received),
                publishes_sent: sum(publishes_sent),
                messages_dropped: frontend_dropped + store_dropped,
                ..Totals::default()
            },
            sockets_opened: sum(|stats| stats.connections_opened),
            clients_connected: store.connected,
            clients_total: store.sessions,
            clients_expired: store.sessions_expired,
            stored_messages: store.messages,
            stored_bytes: store.bytes,
            retained_messages: store.retained,
            subscriptions: routing.subscriptions as u64,
            shared_subscriptions: routing.shared_subscriptions as u64,
            ..Snapshot::default()
        }
    }
}

impl Collect for Numbers {
    fn collect(&self, samples: &mut Samples) {
        let frontend = self.frontend();
        for stats in &frontend.workers {
            worker(stats, samples);
        }
        for listener in &frontend.listeners {
            let (name, transport) = listener
                .name
                .split_once('@')
                .unwrap_or((&listener.name, ""));
            let transport = if transport.starts_with("unix:") {
                "unix"
            } else {
                "tcp"
            };
            let connections = u64::from(listener.connections);
            samples.add(&table::CONNECTIONS, [name, transport], connections);
        }
        for (refusal, count) in &frontend.refused {
            let reason = reasons::refusal(*refusal).as_str();
            samples.add(&table::CONNECTIONS_REFUSED, [reason], *count);
            if let Some(limit) = reasons::limit(*refusal) {
                hits(limit, *count, samples);
            }
        }
        let connections = frontend.workers.iter().map(|stats| stats.connections).sum();
        limit(
            Limit::Connections,
            connections,
            self.maxima.connections,
            samples,
        );
        self.store(samples);
    }
}

impl Numbers {
    fn store(&self, samples: &mut Samples) {
        let stats = self.backend.stats();
        let (store, routing) = (&stats.partitions, &stats.routing);
        let subscriptions = routing.subscriptions as u64;
        samples.add(&table::TOTAL_SESSIONS, [], store.sessions);
        samples.add(&table::TOTAL_SUBSCRIPTIONS, [], subscriptions);
        let brief = store.sessions.saturating_sub(store.persistent);
        samples.add(
            &table::STORE_TOTAL_SESSIONS,
            ["true", "true", CHAIN],
            store.persistent,
        );
        samples.add(
            &table::STORE_TOTAL_SESSIONS,
            ["false", "true", CHAIN],
            brief,
        );
        let chain = ["true", CHAIN];
        samples.add(&table::STORE_TOTAL_SUBSCRIPTIONS, chain, subscriptions);
        samples.add(&table::STORE_RETAINED_MESSAGES, chain, store.retained);
        samples.add(&table::STORE_RETAINED_BYTES, chain, store.retained_bytes);
        samples.add(&table::STORE_WILL_MESSAGES, chain, store.wills);
        samples.add(&table::STORE_WILL_BYTES, chain, store.will_bytes);
        for one in [
            &table::BACKEND_REPLICAS,
            &table::BACKEND_REPLICAS_CURRENT,
            &table::BACKEND_VERTICAL_CHAIN,
            &table::BACKEND_VERTICAL_CHAIN_CURRENT,
            &table::FRONTEND_REPLICAS,
            &table::FRONTEND_REPLICAS_CURRENT,
            &table::NUMBER_OF_ROUTES,
        ] {
            samples.add(one, [], 1);
        }
        let shared = routing.shared_subscriptions as u64;
        samples.add(&table::SHARED_SUBSCRIPTIONS, [], shared);
        samples.add(&table::QUEUED_MESSAGES, [], store.queued);
        samples.add(&table::QUEUED_BYTES, [], store.bytes);
        samples.add(&table::FAULTS, [], stats.faults);
        let pool = self.maxima.memory_pool_bytes.max(1);
        let percent = store.bytes.saturating_mul(100) / pool;
        samples.add(&table::BUFFER_POOL_USED_PERCENT, ["messages"], percent);
        dropped(
            DropReason::QueueFullDropOldest,
            store.dropped_oldest,
            samples,
        );
        dropped(DropReason::Expired, store.dropped_expired, samples);
        dropped(DropReason::MemoryPool, store.dropped_memory, samples);
        dropped(DropReason::NoSession, store.dropped_offline, samples);
        dropped(DropReason::RetainedLimit, store.refused_retained, samples);
        let retained = self.maxima.retained_messages;
        limit(Limit::RetainedMessages, store.retained, retained, samples);
        hits(Limit::RetainedMessages, store.refused_retained, samples);
        limit(
            Limit::MemoryPool,
            store.bytes,
            self.maxima.memory_bytes,
            samples,
        );
        let refused = store.refused_memory + store.dropped_memory;
        hits(Limit::MemoryPool, refused, samples);
        hits(Limit::QueueLength, store.dropped_oldest, samples);
    }
}

fn worker(stats: &Stats, samples: &mut Samples) {
    let connection = &stats.connection;
    samples.add(
        &table::PUBLISHES_RECEIVED,
        [CATEGORY],
        publishes_received(stats),
    );
    samples.add(&table::PUBLISHES_SENT, [CATEGORY], publishes_sent(stats));
    samples.add(&table::BYTES_RECEIVED, [], stats.bytes_received);
    samples.add(&table::BYTES_SENT, [], stats.bytes_sent);
    // Packet types begin at 1.
    let received = connection.packets_received.iter().skip(1);
    let sent = connection.packets_sent.iter().skip(1);
    for ((packet_type, received), sent) in PacketType::ALL.iter().zip(received).zip(sent) {
        samples.add(&table::PACKETS_RECEIVED, [packet_type.as_str()], *received);
        samples.add(&table::PACKETS_SENT, [packet_type.as_str()], *sent);
    }
    for (code, count) in (0..=u8::MAX).zip(connection.closed) {
        if count > 0 {
            let reason = reasons::disconnect(code);
            samples.add(&table::DISCONNECTS, [reason.as_str()], count);
        }
    }
    let taken_over = DisconnectReason::TakenOver.as_str();
    samples.add(&table::DISCONNECTS, [taken_over], stats.taken_over);
    dropped(
        DropReason::ReceiverBufferFull,
        stats.deliveries_dropped,
        samples,
    );
    dropped(DropReason::Expired, connection.deliveries_expired, samples);
    dropped(
        DropReason::PacketTooLarge,
        connection.deliveries_too_large,
        samples,
    );
    let outgoing = Direction::Outgoing.as_str();
    let labels = [CATEGORY, outgoing];
    samples.add(
        &table::QOS0_MESSAGES_DROPPED,
        labels,
        stats.deliveries_dropped,
    );
}

fn publishes_received(stats: &Stats) -> u64 {
    stats.connection.publishes_received.iter().sum()
}

fn publishes_sent(stats: &Stats) -> u64 {
    stats.connection.publishes_sent.iter().sum()
}

fn dropped_by_worker(stats: &Stats) -> u64 {
    let connection = &stats.connection;
    stats.deliveries_dropped + connection.deliveries_expired + connection.deliveries_too_large
}

fn dropped(reason: DropReason, count: u64, samples: &mut Samples) {
    samples.add(&table::MESSAGES_DROPPED, [reason.as_str()], count);
}

fn limit(limit: Limit, used: u64, max: u64, samples: &mut Samples) {
    samples.add(&table::LIMIT_USED, [limit.as_str()], used);
    samples.add(&table::LIMIT_MAX, [limit.as_str()], max);
}

fn hits(limit: Limit, count: u64, samples: &mut Samples) {
    samples.add(&table::LIMIT_HITS, [limit.as_str()], count);
}

/// One process is one chain, as far as those who read the compatible metrics can tell.
const CHAIN: &str = "1";

/// Nothing gives clients a category yet.
const CATEGORY: &str = "uncategorized";
