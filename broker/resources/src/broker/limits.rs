//! The limits that the `Broker` resource sets on clients and memory.

use crate::bounded::Bounded;
use crate::choice::Choice;

/// Everything that a client can make grow, and how far.
///
/// An `Option` that is `None` has no limit of its own; memory as a whole still has
/// (`memory_pool_bytes`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Network connections at a time, on all listeners together
    /// (`spec.catena.limits.connections`).
    pub connections: Bounded<1, 10_000_000>,
    /// Connections at a time from one IP address; `None` by default, since many clients may
    /// share the address of a gateway (`spec.catena.limits.connectionsPerAddress`).
    pub connections_per_address: Option<Bounded<1, 10_000_000>>,
    /// Seconds from accepting a connection to its CONNECT
    /// (`spec.catena.limits.connectTimeoutSeconds`).
    pub connect_timeout_seconds: Bounded<1, 600>,
    /// TLS handshakes and authentications in progress at a time; later ones wait
    /// (`spec.catena.limits.handshakes`).
    pub handshakes: Bounded<1, 65_535>,
    /// Largest packet accepted, in bytes: the smallest of the memory profile's,
    /// `spec.advanced.clients.maxPacketSizeBytes` and the protocol's 268,435,455. A larger one
    /// is answered by DISCONNECT 0x95; clients learn it as Maximum Packet Size in CONNACK.
    pub packet_bytes: Bounded<1, 268_435_455>,
    /// Subscriptions of one session (`spec.catena.limits.subscriptionsPerSession`).
    pub subscriptions_per_session: Bounded<1, 1_000_000>,
    /// Topic filters in one SUBSCRIBE or UNSUBSCRIBE
    /// (`spec.catena.limits.filtersPerSubscribe`).
    pub filters_per_subscribe: Bounded<1, 65_535>,
    /// Levels of a topic name or topic filter (`spec.catena.limits.topicLevels`).
    pub topic_levels: Bounded<1, 65_535>,
    /// Bytes of a topic name or topic filter (`spec.catena.limits.topicBytes`).
    pub topic_bytes: Bounded<1, 65_535>,
    /// Topic aliases that a client may set up per connection, 0 for none
    /// (`spec.catena.limits.topicAliasMaximum`; told in CONNACK).
    pub topic_alias_maximum: Bounded<0, 65_535>,
    /// QoS 1 and 2 publishes that a client may have unacknowledged
    /// (`spec.catena.limits.receiveMaximum`; told in CONNACK).
    pub receive_maximum: Bounded<1, 65_535>,
    /// Upper bound on the Receive Maximum that a client asks for
    /// (`spec.advanced.clients.maxReceiveMaximum`).
    pub client_receive_maximum: Bounded<1, 65_535>,
    /// QoS 2 publishes of one session that are received and not yet released; as many as
    /// `receive_maximum` unless set (`spec.catena.limits.halfFinishedQos2`).
    pub half_finished_qos2: Bounded<1, 65_535>,
    /// Highest QoS accepted (`spec.catena.limits.maximumQos`; told in CONNACK).
    pub maximum_qos: MaximumQos,
    /// Whether retained messages are accepted (`spec.catena.limits.retainAvailable`; told in
    /// CONNACK).
    pub retain_available: bool,
    /// Retained messages in all (`spec.catena.limits.retainedMessages`).
    pub retained_messages: Bounded<1, 1_000_000_000>,
    /// Bytes of all retained messages; half of the memory pool unless set
    /// (`spec.catena.limits.retainedBytes`).
    pub retained_bytes: Bounded<1, { 1 << 50 }>,
    /// User properties in one packet (`spec.catena.limits.userProperties`).
    pub user_properties: Bounded<0, 65_535>,
    /// Longest Keep Alive in seconds; a v5 client that asks for more is told this one. `None`
    /// (written 0): as long as the client likes (`spec.advanced.clients.maxKeepAliveSeconds`).
    pub keep_alive_seconds: Option<Bounded<1, 65_535>>,
    /// Longest Session Expiry Interval in seconds; 4,294,967,295 lets sessions last for ever
    /// (`spec.advanced.clients.maxSessionExpirySeconds`).
    pub session_expiry_seconds: Bounded<1, 4_294_967_295>,
    /// Longest Message Expiry Interval in seconds, retained messages included; `None`: messages
    /// without an own expiry never expire (`spec.advanced.clients.maxMessageExpirySeconds`).
    pub message_expiry_seconds: Option<Bounded<1, 4_294_967_295>>,
    /// Bytes for messages of all kinds; from the memory profile unless set
    /// (`spec.catena.limits.memoryPoolBytes`).
    pub memory_pool_bytes: Bounded<1_048_576, { 1 << 50 }>,
    /// Percent of the memory pool in use from which on publishes and connections are refused
    /// with 0x97 and QoS 0 is dropped (`spec.catena.limits.memoryRefusePercent`).
    pub memory_refuse_percent: Bounded<1, 100>,
    /// What the state store may hold.
    pub state_store: StateStoreLimits,
}

/// What the state store may hold, in all partitions together (`spec.catena.limits.stateStore`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateStoreLimits {
    /// Keys (`keys`). At the limit, replacing and deleting still work.
    pub keys: Bounded<1, 1_000_000_000>,
    /// Bytes of all entries, by the store's accounting; what the memory pool refuses at unless
    /// set (`bytes`).
    pub bytes: Bounded<1, { 1 << 50 }>,
    /// Bytes of one key (`keyBytes`).
    pub key_bytes: Bounded<1, 65_535>,
    /// Bytes of one value (`valueBytes`).
    pub value_bytes: Bounded<1, 268_435_455>,
    /// Bytes of the answer to a request for several keys (`replyBytes`).
    pub reply_bytes: Bounded<1, 268_435_455>,
    /// Keys on a page of a scan (`scanPageKeys`).
    pub scan_page_keys: Bounded<1, 100_000>,
    /// Registrations for notifications (`registrations`).
    pub registrations: Bounded<1, 1_000_000_000>,
    /// Registrations of one client in one partition (`registrationsPerClient`).
    pub registrations_per_client: Bounded<1, 1_000_000_000>,
    /// Bytes of registrations and the keys they are for (`registrationBytes`).
    pub registration_bytes: Bounded<1, { 1 << 50 }>,
    /// Changes kept for clients that come back (`keptChanges`).
    pub kept_changes: Bounded<1, 1_000_000_000>,
    /// Bytes of these changes (`keptChangeBytes`).
    pub kept_change_bytes: Bounded<1, { 1 << 50 }>,
    /// Recent answers, for requests that come again (`recentAnswers`).
    pub recent_answers: Bounded<1, 1_000_000_000>,
    /// Bytes of recent answers (`recentAnswerBytes`).
    pub recent_answer_bytes: Bounded<1, { 1 << 50 }>,
}

/// The highest QoS at which messages are accepted and delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaximumQos {
    /// QoS 0 only.
    AtMostOnce,
    /// QoS 0 and 1.
    AtLeastOnce,
    /// QoS 0, 1 and 2.
    ExactlyOnce,
}

impl MaximumQos {
    /// The QoS as a number.
    pub const fn to_u8(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }
}

impl Choice for MaximumQos {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("0", Self::AtMostOnce),
        ("1", Self::AtLeastOnce),
        ("2", Self::ExactlyOnce),
    ];
}
