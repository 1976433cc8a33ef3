//! Closed sets of label values. A label value is one of these, a listener's name or a category.

/// A set of label values as the reference page shows it.
#[derive(Debug, Clone, Copy)]
pub struct LabelSet {
    /// The label that takes these values.
    pub label: &'static str,
    /// What the set is for.
    pub about: &'static str,
    /// Each value with its meaning.
    pub values: &'static [(&'static str, &'static str)],
}

macro_rules! label_set {
    (
        $name:ident, $label:literal, $about:literal,
        $($variant:ident $text:literal $help:literal,)+
    ) => {
        #[doc = concat!("Values of the label `", $label, "`: ", $about, ".")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`: ", $help, ".")] $variant,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// How many there are: the length of a table of counters.
            pub const COUNT: usize = Self::ALL.len();
            /// The set as the reference page shows it.
            pub const SET: LabelSet = LabelSet {
                label: $label,
                about: $about,
                values: &[$(($text, $help)),+],
            };

            /// The value as it stands in a sample.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

label_set! { PacketType, "type", "MQTT control packets",
    Connect "connect" "CONNECT",
    Connack "connack" "CONNACK",
    Publish "publish" "PUBLISH",
    Puback "puback" "PUBACK",
    Pubrec "pubrec" "PUBREC",
    Pubrel "pubrel" "PUBREL",
    Pubcomp "pubcomp" "PUBCOMP",
    Subscribe "subscribe" "SUBSCRIBE",
    Suback "suback" "SUBACK",
    Unsubscribe "unsubscribe" "UNSUBSCRIBE",
    Unsuback "unsuback" "UNSUBACK",
    Pingreq "pingreq" "PINGREQ",
    Pingresp "pingresp" "PINGRESP",
    Disconnect "disconnect" "DISCONNECT",
    Auth "auth" "AUTH",
}

impl PacketType {
    /// The type in the first byte of a packet (its upper four bits, 1 to 15).
    pub fn from_first_byte(first_byte: u8) -> Option<Self> {
        let number = usize::from(first_byte >> 4).checked_sub(1)?;
        Self::ALL.get(number).copied()
    }
}

label_set! { MqttVersion, "mqtt_version", "protocol versions",
    V3 "v3" "MQTT 3.1.1",
    V5 "v5" "MQTT 5.0",
}

label_set! { Direction, "direction", "which way a message went, seen from the broker",
    Incoming "incoming" "from a publisher",
    Outgoing "outgoing" "to a subscriber",
}

label_set! { RefusalReason, "reason", "why a connection was refused before it had a session",
    ConnectionsLimit "connections" "as many connections as allowed",
    ConnectionsPerAddress "connections_per_address" "too many connections from one address",
    ConnectionsPerPort "connections_per_port" "as many connections as allowed on the port",
    AcceptFailed "accept_failed" "the system could not accept, as when files run out",
    Proxy "proxy" "the PROXY header is missing, malformed or from a stranger",
    Tls "tls" "the TLS handshake failed",
    Websocket "websocket" "the WebSocket handshake failed",
    HandshakeTimeout "handshake_timeout" "TLS, WebSocket or PROXY took too long",
    ConnectTimeout "connect_timeout" "no complete CONNECT in time, or an unspecified error",
    Malformed "malformed" "the first packet was no valid CONNECT",
    PacketTooLarge "packet_too_large" "the CONNECT was larger than allowed",
    ProtocolVersion "protocol_version" "neither MQTT 3.1.1 nor 5.0",
    ClientId "client_id" "the client identifier is not acceptable",
    Authentication "authentication" "bad credentials or an unknown method",
    Authorization "authorization" "known, but not allowed to connect",
    WillUnsupported "will_unsupported" "the will has a topic, QoS or retain flag not allowed",
    MemoryPool "memory_pool" "sessions or the memory for messages are used up",
    ShuttingDown "shutting_down" "this node is draining",
    Unavailable "unavailable" "the broker was too busy to judge or to open a session",
    Fault "fault" "an invariant of ours was broken",
}

label_set! { DisconnectReason, "reason", "why a connection with a session ended",
    Normal "normal" "the client sent DISCONNECT",
    WithWill "with_will" "the client sent DISCONNECT and asked for its will",
    SocketClosed "socket_closed" "the client closed without DISCONNECT",
    SocketError "socket_error" "the network or TLS failed",
    KeepAlive "keep_alive" "silent for one and a half keep alives",
    TakenOver "taken_over" "another connection came with the same client identifier",
    Malformed "malformed" "a packet could not be decoded",
    ProtocolError "protocol_error" "a packet that the standard forbids here",
    PacketTooLarge "packet_too_large" "a packet larger than allowed",
    ReceiveMaximum "receive_maximum" "more unacknowledged publishes than allowed",
    TopicAlias "topic_alias" "a topic alias beyond the maximum or unknown",
    TopicInvalid "topic_invalid" "a topic name or filter that is not acceptable",
    Unsupported "unsupported" "a QoS, retain or subscription feature that is off",
    NotAuthorized "not_authorized" "a packet that the client may not send",
    AuthenticationExpired "authentication_expired" "credentials ran out without renewal",
    QuotaExceeded "quota_exceeded" "a limit per client was exceeded",
    SlowReceiver "slow_receiver" "the client did not read for too long",
    MemoryPool "memory_pool" "the memory for messages is used up",
    Administrative "administrative" "an operator asked for it",
    ShuttingDown "shutting_down" "this node is draining",
    Fault "fault" "an invariant of ours was broken",
}

label_set! { DropReason, "reason", "why a message did not reach a session",
    QueueFullDropOldest "queue_full_drop_oldest" "the queue was full: its oldest went",
    QueueBytes "queue_bytes" "the queue held as many bytes as allowed",
    Expired "expired" "its message expiry passed",
    ReceiverBufferFull "receiver_buffer_full" "QoS 0, and the receiver did not read fast enough",
    PacketTooLarge "packet_too_large" "larger than the receiver accepts",
    MemoryPool "memory_pool" "the memory for messages is used up",
    NoSession "no_session" "QoS 0, and the session has no connection",
    SessionEnded "session_ended" "queued for a session that ended",
    RetainedLimit "retained_limit" "not kept as retained: as many as allowed are",
    ShareGroupEmpty "share_group_empty" "QoS 0 for a share group without an attached member",
    NotAuthorized "not_authorized" "the publisher or receiver lost the right to the topic",
    Fault "fault" "an invariant of ours was broken",
}

label_set! { Limit, "limit", "everything that has a limit",
    Connections "connections" "connections of this node",
    ConnectionsPerAddress "connections_per_address" "connections from one address",
    ConnectionsPerPort "connections_per_port" "connections on one port of a BrokerListener",
    ConnectTimeout "connect_timeout" "time until a complete CONNECT, in seconds",
    HandshakeTime "handshake_time" "time that TLS, WebSocket and PROXY may take, in seconds",
    Handshakes "handshakes" "unfinished TLS, WebSocket and PROXY handshakes",
    Sessions "sessions" "sessions of this node, connected or not",
    PacketBytes "packet_bytes" "size of one packet, in bytes",
    SubscriptionsPerSession "subscriptions_per_session" "subscriptions of one session",
    TopicLevels "topic_levels" "levels of a topic name or filter",
    TopicBytes "topic_bytes" "length of a topic name or filter, in bytes",
    FiltersPerSubscribe "filters_per_subscribe" "filters of one SUBSCRIBE or UNSUBSCRIBE",
    QueueLength "queue_length" "messages queued for one session",
    QueueBytes "queue_bytes" "bytes queued for one session",
    ReceiveMaximum "receive_maximum" "unacknowledged publishes of one client",
    ClientReceiveMaximum "client_receive_maximum" "unacknowledged publishes to one client",
    MaximumQos "maximum_qos" "highest QoS",
    RetainAvailable "retain_available" "whether messages may be retained: 0 or 1",
    TopicAliasMaximum "topic_alias_maximum" "topic aliases of one connection",
    RetainedMessages "retained_messages" "retained messages of this node",
    UserProperties "user_properties" "user properties of one packet",
    Qos2HalfFinished "qos2_half_finished" "QoS 2 publishes of one session that await PUBREL",
    SessionExpiry "session_expiry" "session expiry interval, in seconds",
    MessageExpiry "message_expiry" "message expiry interval, in seconds",
    KeepAlive "keep_alive" "keep alive, in seconds",
    MemoryPool "memory_pool" "memory for messages, in bytes",
    StateStoreKeys "state_store_keys" "keys of the state store",
    StateStoreBytes "state_store_bytes" "entries of the state store, in bytes",
    StateStoreKeyBytes "state_store_key_bytes" "length of a key, in bytes",
    StateStoreValueBytes "state_store_value_bytes" "length of a value, in bytes",
    StateStoreRegistrations "state_store_registrations" "registrations for changes of keys",
    StateStoreRegistrationsPerClient "state_store_registrations_per_client"
        "registrations of one client in one partition",
    StateStoreRegistrationBytes "state_store_registration_bytes" "registrations, in bytes",
    StateStoreKeptChanges "state_store_kept_changes" "changes kept for clients that come back",
    StateStoreKeptChangeBytes "state_store_kept_change_bytes" "changes that are kept, in bytes",
    StateStoreRecentAnswers "state_store_recent_answers" "answers kept for repeated requests",
    StateStoreRecentAnswerBytes "state_store_recent_answer_bytes" "these answers, in bytes",
}

/// Every closed set, in the order of the reference page.
pub const LABEL_SETS: &[(&str, LabelSet)] = &[
    ("Packet types", PacketType::SET),
    ("Protocol versions", MqttVersion::SET),
    ("Directions", Direction::SET),
    ("Reasons of refused connections", RefusalReason::SET),
    ("Reasons of ended connections", DisconnectReason::SET),
    ("Reasons of dropped messages", DropReason::SET),
    ("Limits", Limit::SET),
];

#[cfg(test)]
mod tests {
    use super::{LABEL_SETS, PacketType};
    use std::collections::BTreeSet;

    #[test]
    fn packet_types_follow_the_first_byte() {
        assert_eq!(PacketType::from_first_byte(0x10), Some(PacketType::Connect));
        assert_eq!(PacketType::from_first_byte(0x3d), Some(PacketType::Publish));
        assert_eq!(PacketType::from_first_byte(0xf0), Some(PacketType::Auth));
        assert_eq!(PacketType::from_first_byte(0x0f), None);
    }

    #[test]
    fn values_differ_and_need_no_escape() {
        for (title, set) in LABEL_SETS {
            let texts: BTreeSet<_> = set.values.iter().map(|(text, _)| text).collect();
            assert_eq!(texts.len(), set.values.len(), "{title}");
            let plain = |text: &str| {
                text.bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
            };
            assert!(texts.iter().all(|text| plain(text)), "{title}");
        }
    }
}
