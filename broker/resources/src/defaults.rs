//! Every default, in one place. `tests/defaults.rs` holds the whole effective document.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::bounded::Bounded;
use crate::broker::{
    Admin, AnonymousAccess, BrokerSettings, Limits, Log, LogFilter, LogFormat, MaximumQos,
    MemoryProfile, QueueStrategy, SelfCheck, SharedSubscriptionStrategy, StateStoreLimits,
    SubscriberQueue, SystemTopics, Traces, Workers,
};
use crate::configuration::Configuration;
use crate::listener::{Access, AllowedOrigins, Endpoint, Listener, Port, Protocol, ProxyProtocol};
use crate::names::ResourceName;

/// Name of a Broker that no document names, and of what refers to it.
pub(crate) const NAME: &str = "default";

/// Name that seed-era documents give to the Broker.
pub(crate) const SEED_NAME: &str = "broker";

/// Name of the authentication that a password file on the command line stands for.
pub(crate) const PASSWORD_FILE_NAME: &str = "password-file";

/// Port of the listener that exists without any document.
pub(crate) const MQTT_PORT: Port = Port::constant::<1883>();

/// Seconds that a TLS handshake may take.
pub(crate) const TLS_HANDSHAKE_TIMEOUT_SECONDS: Bounded<1, 300> = Bounded::constant::<10>();

/// Port at which metrics and health are served.
const ADMIN_PORT: u16 = 9600;

/// Address at which metrics and health are served: they need no password, so not off the host.
pub(crate) const ADMIN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Worker threads of a frontend or a backend whose cardinality names none.
pub(crate) const FRONTEND_WORKERS: Bounded<1, 16> = Bounded::constant::<2>();

/// See [`FRONTEND_WORKERS`].
pub(crate) const BACKEND_WORKERS: Bounded<1, 16> = Bounded::constant::<1>();

/// Seconds between two publishes of `$SYS`.
pub(crate) const SYSTEM_TOPICS_INTERVAL_SECONDS: Bounded<1, 3_600> = Bounded::constant::<10>();

/// What a memory profile stands for.
pub(crate) struct ProfileDefaults {
    /// Largest packet, in bytes.
    pub(crate) packet_bytes: Bounded<1, 268_435_455>,
    /// Bytes for messages of all kinds.
    pub(crate) memory_pool_bytes: Bounded<1_048_576, { 1 << 50 }>,
}

const MIB: u64 = 1 << 20;

/// The numbers of a memory profile: those of one backend worker, since one process has one pool.
pub(crate) const fn profile(profile: MemoryProfile) -> ProfileDefaults {
    let (packet_bytes, pool_bytes) = match profile {
        MemoryProfile::Tiny => (4 * MIB, 16 * MIB),
        MemoryProfile::Low => (16 * MIB, 64 * MIB),
        MemoryProfile::Medium => (64 * MIB, 576 * MIB),
        // The published 256 MB, less what the protocol cannot express.
        MemoryProfile::High => (268_435_455, 2_048 * MIB),
    };
    ProfileDefaults {
        packet_bytes: Bounded::clamped(packet_bytes),
        memory_pool_bytes: Bounded::clamped(pool_bytes),
    }
}

/// Retained messages may take half of the pool: the rest is for messages on their way.
pub(crate) const fn retained_bytes(
    pool: Bounded<1_048_576, { 1 << 50 }>,
) -> Bounded<1, { 1 << 50 }> {
    Bounded::clamped(pool.to_u64() / 2)
}

/// The limits under a memory profile.
pub(crate) fn limits(memory_profile: MemoryProfile) -> Limits {
    let ProfileDefaults {
        packet_bytes,
        memory_pool_bytes,
    } = profile(memory_profile);
    Limits {
        connections: Bounded::constant::<100_000>(),
        connections_per_address: None,
        connect_timeout_seconds: Bounded::constant::<10>(),
        handshakes: Bounded::constant::<256>(),
        packet_bytes,
        subscriptions_per_session: Bounded::constant::<100_000>(),
        filters_per_subscribe: Bounded::constant::<10_000>(),
        topic_levels: Bounded::constant::<128>(),
        topic_bytes: Bounded::MAX,
        topic_alias_maximum: Bounded::constant::<32>(),
        receive_maximum: Bounded::MAX,
        client_receive_maximum: Bounded::MAX,
        half_finished_qos2: Bounded::MAX,
        maximum_qos: MaximumQos::ExactlyOnce,
        retain_available: true,
        retained_messages: Bounded::constant::<10_000_000>(),
        retained_bytes: retained_bytes(memory_pool_bytes),
        user_properties: Bounded::constant::<1_000>(),
        keep_alive_seconds: Some(Bounded::MAX),
        // One day: what is left behind by clients that never return goes away by itself.
        session_expiry_seconds: Bounded::constant::<86_400>(),
        message_expiry_seconds: None,
        memory_pool_bytes,
        memory_refuse_percent: REFUSE_PERCENT,
        state_store: state_store(memory_pool_bytes, REFUSE_PERCENT),
    }
}

/// Percent of the memory pool from which on it refuses.
const REFUSE_PERCENT: Bounded<1, 100> = Bounded::constant::<75>();

/// The limits of the state store beside such a memory pool.
fn state_store(
    pool: Bounded<1_048_576, { 1 << 50 }>,
    percent: Bounded<1, 100>,
) -> StateStoreLimits {
    StateStoreLimits {
        keys: Bounded::constant::<10_000_000>(),
        bytes: state_store_bytes(pool, percent),
        key_bytes: Bounded::MAX,
        value_bytes: Bounded::MAX,
        // What most clients take in one packet.
        reply_bytes: Bounded::constant::<MIB>(),
        scan_page_keys: Bounded::constant::<1_000>(),
        registrations: Bounded::constant::<1_000_000>(),
        registrations_per_client: Bounded::constant::<10_000>(),
        registration_bytes: Bounded::constant::<{ 64 * MIB }>(),
        kept_changes: Bounded::constant::<1_000_000>(),
        kept_change_bytes: Bounded::constant::<{ 64 * MIB }>(),
        recent_answers: Bounded::constant::<262_144>(),
        recent_answer_bytes: Bounded::constant::<{ 64 * MIB }>(),
    }
}

/// Bytes of the state store where no field says: those from which on the memory pool refuses.
pub(crate) fn state_store_bytes(
    pool: Bounded<1_048_576, { 1 << 50 }>,
    percent: Bounded<1, 100>,
) -> Bounded<1, { 1 << 50 }> {
    Bounded::clamped(pool.to_u64() / 100 * percent.to_u64())
}

/// The self-check where it is on.
pub(crate) const SELF_CHECK: SelfCheck = SelfCheck {
    interval_seconds: Bounded::constant::<30>(),
    timeout_seconds: Bounded::constant::<15>(),
};

/// Seconds between traces that the broker starts itself.
pub(crate) const SELF_TRACING_INTERVAL_SECONDS: Bounded<1, 300> = Bounded::constant::<30>();

/// Traces where they are on.
pub(crate) const TRACES: Traces = Traces {
    cache_megabytes: Bounded::constant::<16>(),
    self_tracing_interval_seconds: Some(SELF_TRACING_INTERVAL_SECONDS),
    span_channel_capacity: Bounded::constant::<1_000>(),
};

/// A Broker of which no document says anything.
pub(crate) fn broker() -> BrokerSettings {
    let memory_profile = MemoryProfile::Medium;
    BrokerSettings {
        name: ResourceName::constant(NAME),
        memory_profile,
        cardinality: None,
        partitions: Bounded::constant::<8>(),
        workers: Workers::PerCore,
        limits: limits(memory_profile),
        subscriber_queue: SubscriberQueue {
            strategy: QueueStrategy::None,
            length: None,
            bytes: None,
        },
        shared_subscription_strategy: SharedSubscriptionStrategy::RoundRobin,
        refused_filters: Vec::new(),
        reason_strings: false,
        system_topics: SystemTopics::Every(SYSTEM_TOPICS_INTERVAL_SECONDS),
        anonymous: AnonymousAccess::Loopback,
        log: Log {
            level: LogFilter::info(),
            format: LogFormat::Text,
        },
        admin: Admin::At(SocketAddr::new(ADMIN_ADDRESS, ADMIN_PORT)),
        self_check: Some(SELF_CHECK),
        traces: Some(TRACES),
        disk_buffer: None,
        persistence: None,
    }
}

/// The listener that exists if no document and no flag gives one: plain MQTT on loopback.
pub(crate) fn listener() -> Listener {
    Listener {
        name: ResourceName::constant(NAME),
        endpoint: Endpoint::Loopback(MQTT_PORT),
        protocol: Protocol::Mqtt,
        tls: None,
        access: Access::Anonymous,
        proxy_protocol: ProxyProtocol::Off,
        allowed_origins: AllowedOrigins::Unsaid,
        connections: None,
        tls_handshake_timeout_seconds: TLS_HANDSHAKE_TIMEOUT_SECONDS,
        setting: "BrokerListener/default.spec.ports[0]".to_owned(),
        place: None,
    }
}

impl Default for Configuration {
    /// What runs without any document: one plain listener on 127.0.0.1:1883 and `[::1]:1883`,
    /// open to whoever is on this host.
    fn default() -> Self {
        Self::new(broker(), vec![listener()])
    }
}
