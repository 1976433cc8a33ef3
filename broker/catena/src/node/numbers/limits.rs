//! Every limit: how much of it is used, how far it goes, and how often it acted.

use catena_backend::Stats;
use catena_connection::Stats as ConnectionStats;
use catena_mqtt::ReasonCode;
use catena_resources::BrokerSettings;
use catena_telemetry::metrics::{Limit, Samples, table};

use super::super::{options, reasons};
use super::Frontend;

pub(super) fn collect(
    stats: &Stats,
    frontend: &Frontend,
    settings: &BrokerSettings,
    samples: &mut Samples,
) {
    connections(frontend, settings, samples);
    packets(frontend, settings, samples);
    promises(frontend, settings, samples);
    content(stats, settings, samples);
    let refused = frontend.sum(|stats| stats.connection.subscriptions_refused);
    hits(Limit::SubscriptionsPerSession, refused, samples);
}

fn connections(frontend: &Frontend, settings: &BrokerSettings, samples: &mut Samples) {
    let limits = &settings.limits;
    for (refusal, count) in &frontend.refused {
        if let Some(limit) = reasons::limit(*refusal) {
            hits(limit, *count, samples);
        }
    }
    let open = frontend.sum(|stats| stats.connections);
    used(Limit::Connections, open, samples);
    max(Limit::Connections, limits.connections.to_u64(), samples);
    let most = u64::from(frontend.most_connections_per_address);
    used(Limit::ConnectionsPerAddress, most, samples);
    if let Some(limit) = limits.connections_per_address {
        max(Limit::ConnectionsPerAddress, limit.to_u64(), samples);
    }
    used(Limit::Handshakes, frontend.handshakes.into(), samples);
    max(Limit::Handshakes, limits.handshakes.to_u64(), samples);
    hits(Limit::Handshakes, frontend.handshakes_delayed, samples);
    let seconds = limits.connect_timeout_seconds.to_u64();
    max(Limit::ConnectTimeout, seconds, samples);
    let late = frontend.sum(|stats| stats.connection.connect_timeouts);
    hits(Limit::ConnectTimeout, late, samples);
}

/// What a packet may hold: whoever sends more is disconnected, for one of these reasons alone.
fn packets(frontend: &Frontend, settings: &BrokerSettings, samples: &mut Samples) {
    let limits = &settings.limits;
    for (limit, most, reason) in [
        (
            Limit::ReceiveMaximum,
            limits.receive_maximum.to_u64(),
            ReasonCode::ReceiveMaximumExceeded,
        ),
        (
            Limit::TopicAliasMaximum,
            limits.topic_alias_maximum.to_u64(),
            ReasonCode::TopicAliasInvalid,
        ),
        (
            Limit::MaximumQos,
            limits.maximum_qos.to_u8().into(),
            ReasonCode::QosNotSupported,
        ),
        (
            Limit::RetainAvailable,
            limits.retain_available.into(),
            ReasonCode::RetainNotSupported,
        ),
    ] {
        max(limit, most, samples);
        let acted = frontend.sum(|stats| stats.connection.closed_with(reason));
        hits(limit, acted, samples);
    }
    let sum = |of: fn(&ConnectionStats) -> u64| frontend.sum(|stats| of(&stats.connection));
    let user_properties = sum(|stats| stats.user_properties_exceeded);
    let too_large = sum(|stats| stats.closed_with(ReasonCode::PacketTooLarge));
    for (limit, most, acted) in [
        (
            Limit::PacketBytes,
            limits.packet_bytes.to_u64(),
            too_large.saturating_sub(user_properties),
        ),
        (
            Limit::UserProperties,
            limits.user_properties.to_u64(),
            user_properties,
        ),
        (
            Limit::TopicBytes,
            limits.topic_bytes.to_u64(),
            sum(|stats| stats.topic_bytes_exceeded),
        ),
        (
            Limit::TopicLevels,
            limits.topic_levels.to_u64(),
            sum(|stats| stats.topic_levels_exceeded),
        ),
        (
            Limit::FiltersPerSubscribe,
            limits.filters_per_subscribe.to_u64(),
            sum(|stats| stats.subscribes_too_long),
        ),
    ] {
        max(limit, most, samples);
        hits(limit, acted, samples);
    }
}

/// What a client asks for and gets less of.
fn promises(frontend: &Frontend, settings: &BrokerSettings, samples: &mut Samples) {
    let limits = &settings.limits;
    let sum = |of: fn(&ConnectionStats) -> u64| frontend.sum(|stats| of(&stats.connection));
    let expiry = limits.session_expiry_seconds.to_u64();
    max(Limit::SessionExpiry, expiry, samples);
    let lowered = sum(|stats| stats.session_expiries_lowered);
    hits(Limit::SessionExpiry, lowered, samples);
    if let Some(seconds) = limits.keep_alive_seconds {
        max(Limit::KeepAlive, seconds.to_u64(), samples);
    }
    let lowered = sum(|stats| stats.keep_alives_lowered);
    hits(Limit::KeepAlive, lowered, samples);
    let most = limits.client_receive_maximum.to_u64();
    max(Limit::ClientReceiveMaximum, most, samples);
    let held_back = sum(|stats| stats.deliveries_held_back);
    hits(Limit::ClientReceiveMaximum, held_back, samples);
    if let Some(seconds) = limits.message_expiry_seconds {
        max(Limit::MessageExpiry, seconds.to_u64(), samples);
    }
    let lowered = sum(|stats| stats.message_expiries_lowered);
    hits(Limit::MessageExpiry, lowered, samples);
}

/// What partitions hold.
fn content(stats: &Stats, settings: &BrokerSettings, samples: &mut Samples) {
    let (limits, store) = (&settings.limits, &stats.partitions);
    let memory = options::memory_bytes_max(settings);
    for (limit, now, most, acted) in [
        (
            Limit::Sessions,
            store.sessions,
            options::sessions_max(settings),
            store.refused_sessions,
        ),
        (
            Limit::RetainedMessages,
            store.retained,
            limits.retained_messages.to_u64(),
            store.refused_retained,
        ),
        (
            Limit::MemoryPool,
            store.bytes,
            memory,
            store.refused_memory + store.dropped_memory,
        ),
    ] {
        used(limit, now, samples);
        max(limit, most, samples);
        hits(limit, acted, samples);
    }
    let most = limits.half_finished_qos2.to_u64();
    max(Limit::Qos2HalfFinished, most, samples);
    let refused = store.refused_half_finished;
    hits(Limit::Qos2HalfFinished, refused, samples);
    let most = limits.subscriptions_per_session.to_u64();
    max(Limit::SubscriptionsPerSession, most, samples);
    let queue = &settings.subscriber_queue;
    if let Some(length) = queue.length {
        max(Limit::QueueLength, length.to_u64(), samples);
    }
    if let Some(bytes) = queue.bytes {
        max(Limit::QueueBytes, bytes.to_u64(), samples);
    }
    hits(Limit::QueueLength, store.dropped_oldest, samples);
}

pub(super) fn used(limit: Limit, now: u64, samples: &mut Samples) {
    samples.add(&table::LIMIT_USED, [limit.as_str()], now);
}

pub(super) fn max(limit: Limit, most: u64, samples: &mut Samples) {
    samples.add(&table::LIMIT_MAX, [limit.as_str()], most);
}

pub(super) fn hits(limit: Limit, count: u64, samples: &mut Samples) {
    samples.add(&table::LIMIT_HITS, [limit.as_str()], count);
}
