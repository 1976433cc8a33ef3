//! What a listener allows its connections. Shared by all of them, stored in none.

use std::time::Duration;

use catena_mqtt::{Limits, Qos};

use crate::Stats;

/// The rules of one listener: already checked numbers, lent to each call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the decoder accepts. `packet_bytes_max` is announced to MQTT 5.0 clients.
    pub limits: Limits,
    /// Largest CONNECT, in bytes: before it, nobody is known to be a client at all.
    pub connect_bytes_max: u32,
    /// Time from the first byte to a complete CONNECT and authentication exchange.
    pub connect_timeout: Duration,
    /// QoS 1 and 2 publishes that an MQTT 5.0 client may have unacknowledged.
    pub receive_maximum: u16,
    /// The most that we send unacknowledged, whatever the client's own Receive Maximum.
    pub receive_maximum_outbound_max: u16,
    /// The highest QoS for publishes, and that subscriptions are granted [MQTT-3.2.2-9].
    pub maximum_qos: Qos,
    /// Whether there are retained messages.
    pub retain_available: bool,
    /// Whether filters may have wildcards.
    pub wildcard_subscriptions: bool,
    /// Topic filters that nobody may subscribe to: exactly these, also in a share group.
    pub refused_filters: Vec<Box<str>>,
    /// Whether there are shared subscriptions.
    pub shared_subscriptions: bool,
    /// Whether SUBSCRIBE may have a subscription identifier.
    pub subscription_identifiers: bool,
    /// Filters in one SUBSCRIBE beyond which all of them are refused with 0x97.
    pub filters_per_subscribe: u32,
    /// Highest topic alias from the client; bounds what we keep for it. 0: none.
    pub topic_alias_maximum: u16,
    /// Topic aliases that we use towards a client that allows them. 0: none.
    pub topic_alias_outbound_max: u16,
    /// Cap of the session expiry interval in seconds; `u32::MAX` is none.
    pub session_expiry_seconds_max: u32,
    /// Cap of the message expiry interval in seconds.
    pub message_expiry_seconds_max: Option<u32>,
    /// Cap of the keep alive in seconds; an MQTT 5.0 client is told. `u16::MAX` is none.
    pub keep_alive_seconds_max: u16,
    /// Whether a client may leave its identifier to us.
    pub empty_client_id: bool,
    /// Longest client identifier, in bytes; never below 23 [MQTT-3.1.3-5].
    pub client_id_bytes_max: u16,
    /// Names of the methods of enhanced authentication that the broker has.
    pub authentication_methods: Vec<Box<str>>,
    /// What is answered to Request Response Information.
    pub response_information: Option<Box<str>>,
    /// Whether failures are explained in words to MQTT 5.0 clients that want it. Those that only
    /// words tell apart always are.
    pub reason_strings: bool,
    /// Size of a partition's range of packet identifiers: 65,535 / number of partitions.
    pub packet_ids_per_range: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            connect_bytes_max: CONNECT_BYTES_MAX,
            connect_timeout: Duration::from_secs(10),
            receive_maximum: u16::MAX,
            receive_maximum_outbound_max: u16::MAX,
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            wildcard_subscriptions: true,
            refused_filters: Vec::new(),
            shared_subscriptions: true,
            subscription_identifiers: true,
            filters_per_subscribe: 1_024,
            topic_alias_maximum: 32,
            topic_alias_outbound_max: 32,
            session_expiry_seconds_max: u32::MAX,
            message_expiry_seconds_max: None,
            keep_alive_seconds_max: u16::MAX,
            empty_client_id: true,
            client_id_bytes_max: u16::MAX,
            authentication_methods: Vec::new(),
            response_information: None,
            reason_strings: false,
            packet_ids_per_range: u16::MAX,
        }
    }
}

impl Settings {
    /// The message expiry in seconds for a publish that asks for `seconds`, or for none.
    #[inline]
    pub(crate) fn message_expiry(&self, seconds: Option<u32>, stats: &mut Stats) -> Option<u32> {
        let Some(cap) = self.message_expiry_seconds_max else {
            return seconds;
        };
        let granted = seconds.map_or(cap, |asked| asked.min(cap));
        stats.message_expiries_lowered += u64::from(seconds != Some(granted));
        Some(granted)
    }

    /// The keep alive in seconds for a client that asks for `seconds`. 0 is for ever.
    pub(crate) fn keep_alive(&self, seconds: u16) -> u16 {
        match self.keep_alive_seconds_max {
            0 | u16::MAX => seconds,
            cap if seconds == 0 => cap,
            cap => seconds.min(cap),
        }
    }
}

/// Enough for the longest client identifier, will and credentials, and 128 KiB of properties.
const CONNECT_BYTES_MAX: u32 = 524_288;

const _: () = assert!(CONNECT_BYTES_MAX > 5 * 65_537 + 131_072);
