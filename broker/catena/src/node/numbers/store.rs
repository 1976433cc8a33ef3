//! What partitions hold, and what they drop.

use catena_backend::Stats;
use catena_resources::BrokerSettings;
use catena_telemetry::metrics::{Direction, DropReason, Samples, table};

use super::{CATEGORY, CHAIN};

pub(super) fn collect(stats: &Stats, settings: &BrokerSettings, samples: &mut Samples) {
    sessions(stats, samples);
    content(stats, settings, samples);
    drops(stats, samples);
    // One process is a cluster of one.
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
}

fn sessions(stats: &Stats, samples: &mut Samples) {
    let (store, routing) = (&stats.partitions, &stats.routing);
    let subscriptions = routing.subscriptions as u64;
    samples.add(&table::TOTAL_SESSIONS, [], store.sessions);
    samples.add(&table::TOTAL_SUBSCRIPTIONS, [], subscriptions);
    // A session that does not outlive its connection has one.
    let brief = store.sessions.saturating_sub(store.persistent);
    let connected = store.connected.saturating_sub(brief);
    for (metric, persistent) in [
        (&table::STORE_TOTAL_SESSIONS, store.persistent),
        (&table::STORE_CONNECTED_SESSIONS, connected),
    ] {
        samples.add(metric, ["true", "true", CHAIN], persistent);
        samples.add(metric, ["false", "true", CHAIN], brief);
    }
    let chain = ["true", CHAIN];
    samples.add(&table::STORE_TOTAL_SUBSCRIPTIONS, chain, subscriptions);
    let shared = routing.shared_subscriptions as u64;
    samples.add(&table::SHARED_SUBSCRIPTIONS, [], shared);
}

fn content(stats: &Stats, settings: &BrokerSettings, samples: &mut Samples) {
    let store = &stats.partitions;
    let chain = ["true", CHAIN];
    samples.add(&table::STORE_RETAINED_MESSAGES, chain, store.retained);
    samples.add(&table::STORE_RETAINED_BYTES, chain, store.retained_bytes);
    samples.add(&table::STORE_WILL_MESSAGES, chain, store.wills);
    samples.add(&table::STORE_WILL_BYTES, chain, store.will_bytes);
    samples.add(&table::QUEUED_MESSAGES, [], store.queued);
    samples.add(&table::QUEUED_BYTES, [], store.bytes);
    samples.add(&table::FAULTS, [], stats.faults);
    let pool = settings.limits.memory_pool_bytes.to_u64();
    let percent = store.bytes.saturating_mul(100) / pool.max(1);
    samples.add(&table::BUFFER_POOL_USED_PERCENT, ["messages"], percent);
}

fn drops(stats: &Stats, samples: &mut Samples) {
    let store = &stats.partitions;
    for (reason, count) in [
        (DropReason::QueueFullDropOldest, store.dropped_oldest),
        (DropReason::Expired, store.dropped_expired),
        (DropReason::MemoryPool, store.dropped_memory),
        (DropReason::NoSession, store.dropped_offline),
        (DropReason::RetainedLimit, store.refused_retained),
    ] {
        samples.add(&table::MESSAGES_DROPPED, [reason.as_str()], count);
    }
    let incoming = [CATEGORY, Direction::Incoming.as_str()];
    samples.add(
        &table::QOS0_MESSAGES_DROPPED,
        incoming,
        store.dropped_memory,
    );
    let refused = store.refused_memory;
    samples.add(&table::BACKPRESSURE_REJECTED, [CATEGORY], refused);
}
