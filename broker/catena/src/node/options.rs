//! From the configuration to what backend and frontend are started with. Must never check: what
//! comes in is checked.

use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use catena_connection::Settings;
use catena_frontend::proxy::Trust;
use catena_frontend::{
    Address, Authenticator, ListenerOptions, Options, Origins, Protocol, ProxyHeader,
};
use catena_hlc::Millis;
use catena_mqtt::{Limits, Qos};
use catena_partition::{QueueLimit, ShareStrategy};
use catena_resources::{
    Access, AddressRange, AllowedOrigins, BrokerSettings, Endpoint, Listener, MaximumQos,
    ProxyProtocol, QueueStrategy, SharedSubscriptionStrategy, StateStoreLimits, Workers,
};
use catena_telemetry::Clock;
use catena_types::{PartitionId, Placement};

use crate::clock;
use crate::load::Loaded;

/// What the backend is started with.
///
/// # Errors
///
/// A number of partitions that the placement does not know, which the configuration rules out.
pub(super) fn backend(broker: &BrokerSettings) -> anyhow::Result<catena_backend::Options> {
    let limits = &broker.limits;
    let partitions = broker.partitions.to_u16();
    let placement = Placement::new(partitions, PLACEMENT_KEY)
        .ok_or_else(|| anyhow::anyhow!("there cannot be {partitions} partitions"))?;
    let share = |whole: u64| whole.div_ceil(u64::from(partitions));
    let queue = &broker.subscriber_queue;
    let partition = catena_partition::Settings {
        queue: QueueLimit {
            length_max: queue.length.map_or(u64::MAX, |length| length.to_u64()),
            bytes_max: queue.bytes.map_or(u64::MAX, |bytes| bytes.to_u64()),
            strategy: match queue.strategy {
                QueueStrategy::None => catena_partition::QueueStrategy::None,
                QueueStrategy::DropOldest => catena_partition::QueueStrategy::DropOldest,
            },
        },
        memory_bytes_max: share(memory_bytes_max(broker)),
        retained_messages_max: share(limits.retained_messages.to_u64()),
        sessions_max: share(sessions_max(broker)),
        half_finished_max: limits.half_finished_qos2.to_u16(),
        share_strategy: match broker.shared_subscription_strategy {
            SharedSubscriptionStrategy::RoundRobin => ShareStrategy::RoundRobin,
            SharedSubscriptionStrategy::Random => ShareStrategy::Random,
            SharedSubscriptionStrategy::Sticky => ShareStrategy::Sticky,
            SharedSubscriptionStrategy::HashTopic => ShareStrategy::HashTopic,
            SharedSubscriptionStrategy::HashClient => ShareStrategy::HashClient,
        },
        hash_seed: random(),
        store: store(share, &limits.state_store),
        // The backend fills in the identity of each partition.
        ..catena_partition::Settings::generous(PartitionId::new(0), placement)
    };
    Ok(catena_backend::Options {
        partition,
        frontends: workers(broker),
        subscriptions_per_session_max: limits.subscriptions_per_session.to_usize(),
        wall: Arc::new(wall),
    })
}

/// Bytes of messages from which on publishes are refused.
pub(super) fn memory_bytes_max(broker: &BrokerSettings) -> u64 {
    let limits = &broker.limits;
    limits.memory_pool_bytes.to_u64() / 100 * limits.memory_refuse_percent.to_u64()
}

/// Sessions, connected or not, from which on new ones are refused.
pub(super) fn sessions_max(broker: &BrokerSettings) -> u64 {
    let connections = broker.limits.connections.to_u64();
    connections
        .saturating_mul(SESSIONS_PER_CONNECTION)
        .max(SESSIONS_MIN)
}

/// The limits of the state store in one partition. `share` gives that of a limit of the whole.
fn store(share: impl Fn(u64) -> u64, limits: &StateStoreLimits) -> catena_statestore::Settings {
    catena_statestore::Settings {
        keys_max: share(limits.keys.to_u64()),
        bytes_max: share(limits.bytes.to_u64()),
        key_bytes_max: limits.key_bytes.to_u64(),
        value_bytes_max: limits.value_bytes.to_u64(),
        reply_bytes_max: limits.reply_bytes.to_u64(),
        scan_page_keys: limits.scan_page_keys.to_u64(),
        registrations_max: share(limits.registrations.to_u64()),
        registrations_per_client_max: limits.registrations_per_client.to_u64(),
        registration_bytes_max: share(limits.registration_bytes.to_u64()),
        changes_max: share(limits.kept_changes.to_u64()),
        change_bytes_max: share(limits.kept_change_bytes.to_u64()),
        answers_max: share(limits.recent_answers.to_u64()),
        answer_bytes_max: share(limits.recent_answer_bytes.to_u64()),
        hash_seed: random(),
    }
}

/// Wall time, for the versions of the state store.
fn wall() -> Millis {
    let millis = clock::wall().as_millis();
    Millis::new(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// What the frontend is started with.
pub(super) fn frontend(loaded: &Loaded, clock: Clock) -> Options {
    let broker = &loaded.configuration.broker;
    let limits = &broker.limits;
    let timeouts = loaded.configuration.listeners.iter();
    let timeouts = timeouts.map(|listener| listener.tls_handshake_timeout_seconds.to_u64());
    let handshake_seconds = timeouts.max().unwrap_or(HANDSHAKE_SECONDS);
    let now: catena_frontend::Clock = Arc::new(move || clock.now());
    Options {
        workers: workers(broker),
        listeners: listeners(loaded),
        connections_max: limits.connections.to_u32(),
        connections_per_address_max: limits
            .connections_per_address
            .map_or(u32::MAX, |connections| connections.to_u32()),
        handshakes_max: limits.handshakes.to_u32(),
        handshake_timeout: Duration::from_secs(handshake_seconds),
        authentication_threads: workers(broker),
        ..Options::new(now, [random(), random()])
    }
}

/// Every listening socket. Names stay the same when other listeners come and go, so that a reload
/// finds what it knows.
pub(super) fn listeners(loaded: &Loaded) -> Vec<ListenerOptions> {
    let configuration = &loaded.configuration;
    let settings = settings(&configuration.broker);
    let mut all = Vec::new();
    for listener in &configuration.listeners {
        for address in addresses(&listener.endpoint) {
            let name = format!("{}@{address}", listener.name);
            all.push(ListenerOptions {
                protocol: match listener.protocol {
                    catena_resources::Protocol::Mqtt => Protocol::Mqtt,
                    catena_resources::Protocol::WebSockets => Protocol::WebSocket,
                },
                tls: loaded.tls_of(listener).cloned(),
                proxy: proxy(&listener.proxy_protocol),
                origins: origins(&listener.allowed_origins, &address),
                authenticator: authenticator(loaded, listener),
                // Both addresses of a port for all together.
                port: format!("{}@{}", listener.name, listener.endpoint),
                connections_max: listener.connections.map(|limit| limit.to_u32()),
                settings: settings.clone(),
                ..ListenerOptions::new(name, address)
            });
        }
    }
    all
}

/// Who checks the credentials on a listener.
fn authenticator(loaded: &Loaded, listener: &Listener) -> Option<Arc<dyn Authenticator>> {
    match &listener.access {
        Access::Anonymous => None,
        Access::Authenticated(name) => Some(loaded.users_of(name)),
    }
}

fn addresses(endpoint: &Endpoint) -> Vec<Address> {
    if let Endpoint::Unix(path) = endpoint {
        return vec![Address::Unix(path.clone())];
    }
    let mut addresses = endpoint.addresses();
    // A host may lack one of two families; of one address alone, the error is to be told.
    if addresses.len() > 1 {
        let both = addresses.clone();
        addresses.retain(exists);
        if addresses.is_empty() {
            addresses = both;
        }
    }
    addresses.into_iter().map(Address::Tcp).collect()
}

/// Whether this host has the address at all, whatever listens there.
fn exists(address: &SocketAddr) -> bool {
    TcpListener::bind(SocketAddr::new(address.ip(), 0)).is_ok()
}

fn proxy(proxy: &ProxyProtocol) -> ProxyHeader {
    match proxy {
        ProxyProtocol::Off => ProxyHeader::Off,
        ProxyProtocol::Optional(sources) => ProxyHeader::Optional(trust(sources)),
        ProxyProtocol::Required(sources) => ProxyHeader::Required(trust(sources)),
    }
}

/// Nobody, if a range could not be a range: the configuration rules that out.
fn trust(sources: &[AddressRange]) -> Trust {
    let networks = sources
        .iter()
        .map(|range| (range.address(), range.prefix_bits()));
    Trust::new(networks.collect()).unwrap_or_default()
}

/// On loopback any page may connect if no document says otherwise: whoever tries out a page has it
/// from a file or another port.
fn origins(allowed: &AllowedOrigins, address: &Address) -> Origins {
    match (allowed, address) {
        (AllowedOrigins::Any, _) => Origins::Any,
        (AllowedOrigins::Listed(sites), _) => Origins::Listed(sites.clone()),
        (AllowedOrigins::Unsaid, Address::Tcp(address)) if !address.ip().is_loopback() => {
            Origins::SameHost
        }
        (AllowedOrigins::Unsaid, _) => Origins::Any,
    }
}

fn settings(broker: &BrokerSettings) -> Settings {
    let limits = &broker.limits;
    Settings {
        limits: Limits {
            packet_bytes_max: limits.packet_bytes.to_u32(),
            user_properties_max: limits.user_properties.to_u32(),
            topic_levels_max: limits.topic_levels.to_u32(),
            topic_bytes_max: limits.topic_bytes.to_u16(),
            ..Limits::DEFAULT
        },
        connect_timeout: Duration::from_secs(limits.connect_timeout_seconds.to_u64()),
        receive_maximum: limits.receive_maximum.to_u16(),
        receive_maximum_outbound_max: limits.client_receive_maximum.to_u16(),
        maximum_qos: match limits.maximum_qos {
            MaximumQos::AtMostOnce => Qos::AtMostOnce,
            MaximumQos::AtLeastOnce => Qos::AtLeastOnce,
            MaximumQos::ExactlyOnce => Qos::ExactlyOnce,
        },
        retain_available: limits.retain_available,
        refused_filters: broker
            .refused_filters
            .iter()
            .map(|filter| filter.as_str().into())
            .collect(),
        reason_strings: broker.reason_strings,
        filters_per_subscribe: limits.filters_per_subscribe.to_u32(),
        topic_alias_maximum: limits.topic_alias_maximum.to_u16(),
        session_expiry_seconds_max: limits.session_expiry_seconds.to_u32(),
        message_expiry_seconds_max: limits.message_expiry_seconds.map(|limit| limit.to_u32()),
        keep_alive_seconds_max: limits
            .keep_alive_seconds
            .map_or(u16::MAX, |seconds| seconds.to_u16()),
        ..Settings::default()
    }
}

/// Worker threads.
pub(super) fn workers(broker: &BrokerSettings) -> u16 {
    match broker.workers {
        Workers::Exactly(workers) => workers.to_u16(),
        Workers::PerCore => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            u16::try_from(cores).unwrap_or(WORKERS_MAX).min(WORKERS_MAX)
        }
    }
}

/// A number that nobody outside can know: the standard library's hash seeds come from the system.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// Where keys live must be the same at each start, for a state that is kept.
const PLACEMENT_KEY: u64 = 0x4361_7465_6e61_0001;

/// Sessions of clients that are away come on top of those that are connected.
const SESSIONS_PER_CONNECTION: u64 = 10;

/// However few connections are allowed, sessions are not what is to be short.
const SESSIONS_MIN: u64 = 1_000_000;

/// Where no listener says how long a handshake may take.
const HANDSHAKE_SECONDS: u64 = 10;

/// As many as a frontend can be asked for.
const WORKERS_MAX: u16 = 256;
