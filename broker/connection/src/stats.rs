//! What a connection counts. Plain numbers; a shell adds them up and exports them.

use catena_mqtt::{Qos, ReasonCode};

/// Counts since it was made. Connections of one worker share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Packets received, by packet type (0 to 15).
    pub packets_received: [u64; 16],
    /// Packets written, by packet type (0 to 15).
    pub packets_sent: [u64; 16],
    /// PUBLISH packets received, by QoS.
    pub publishes_received: [u64; 3],
    /// PUBLISH packets written, by QoS.
    pub publishes_sent: [u64; 3],
    /// Bytes of payload in PUBLISH packets received.
    pub payload_bytes_received: u64,
    /// Bytes of payload in PUBLISH packets written.
    pub payload_bytes_sent: u64,
    /// PUBLISH packets written with an alias in place of the topic.
    pub topic_aliases_used: u64,
    /// Received messages refused or dropped: to `$SYS/` or `$share/`.
    pub publishes_refused: u64,
    /// Deliveries dropped because they had expired.
    pub deliveries_expired: u64,
    /// Deliveries dropped because they were above the client's Maximum Packet Size.
    pub deliveries_too_large: u64,
    /// Deliveries that found the client's Receive Maximum in use.
    pub deliveries_held_back: u64,
    /// Acknowledgements for packet identifiers that are not in use.
    pub acknowledgements_unknown: u64,
    /// Filters refused in SUBSCRIBE.
    pub filters_refused: u64,
    /// Topic names and filters longer than allowed.
    pub topic_bytes_exceeded: u64,
    /// Topic names and filters with more levels than allowed.
    pub topic_levels_exceeded: u64,
    /// Packets with more user properties than allowed.
    pub user_properties_exceeded: u64,
    /// SUBSCRIBE packets with more filters than allowed.
    pub subscribes_too_long: u64,
    /// Subscriptions refused because the session has as many as allowed.
    pub subscriptions_refused: u64,
    /// Connections that did not come to a session in time.
    pub connect_timeouts: u64,
    /// Session expiry intervals that were lowered in CONNACK.
    pub session_expiries_lowered: u64,
    /// Keep alives that were lowered in CONNACK.
    pub keep_alives_lowered: u64,
    /// Messages and wills that got a lower message expiry than they asked for, or one at all.
    pub message_expiries_lowered: u64,
    /// Connections that we ended before their CONNACK told of success, by reason code.
    pub refused: [u64; 256],
    /// Connections that we ended later, by reason code.
    pub closed: [u64; 256],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            packets_received: [0; 16],
            packets_sent: [0; 16],
            publishes_received: [0; 3],
            publishes_sent: [0; 3],
            payload_bytes_received: 0,
            payload_bytes_sent: 0,
            topic_aliases_used: 0,
            publishes_refused: 0,
            deliveries_expired: 0,
            deliveries_too_large: 0,
            deliveries_held_back: 0,
            acknowledgements_unknown: 0,
            filters_refused: 0,
            topic_bytes_exceeded: 0,
            topic_levels_exceeded: 0,
            user_properties_exceeded: 0,
            subscribes_too_long: 0,
            subscriptions_refused: 0,
            connect_timeouts: 0,
            session_expiries_lowered: 0,
            keep_alives_lowered: 0,
            message_expiries_lowered: 0,
            refused: [0; 256],
            closed: [0; 256],
        }
    }
}

impl Stats {
    /// How many connections we ended with this reason, before or after CONNACK.
    #[must_use]
    pub fn closed_with(&self, reason: ReasonCode) -> u64 {
        let count = |counts: &[u64; 256]| counts.get(reason as usize).copied().unwrap_or_default();
        count(&self.refused) + count(&self.closed)
    }

    #[inline]
    pub(crate) fn count_received(&mut self, first_byte: u8) {
        if let Some(count) = self.packets_received.get_mut(usize::from(first_byte >> 4)) {
            *count += 1;
        }
    }

    #[inline]
    pub(crate) fn count_sent(&mut self, packet_type: u8) {
        if let Some(count) = self.packets_sent.get_mut(usize::from(packet_type)) {
            *count += 1;
        }
    }

    #[inline]
    pub(crate) fn count_publish_received(&mut self, qos: Qos, payload_bytes: usize) {
        self.payload_bytes_received += payload_bytes as u64;
        if let Some(count) = self.publishes_received.get_mut(qos as usize) {
            *count += 1;
        }
    }

    #[inline]
    pub(crate) fn count_publish_sent(&mut self, qos: Qos, payload_bytes: usize) {
        self.count_sent(PUBLISH);
        self.payload_bytes_sent += payload_bytes as u64;
        if let Some(count) = self.publishes_sent.get_mut(qos as usize) {
            *count += 1;
        }
    }

    /// Counts a limit on what packets hold, told by what the decoder says of them.
    pub(crate) fn count_detail(&mut self, detail: &str) {
        let count = match detail {
            "topic name too long" | "topic filter too long" => &mut self.topic_bytes_exceeded,
            "topic name with too many levels" | "topic filter with too many levels" => {
                &mut self.topic_levels_exceeded
            }
            "too many user properties" => &mut self.user_properties_exceeded,
            _ => return,
        };
        *count += 1;
    }

    pub(crate) fn count_refused(&mut self, reason: ReasonCode) {
        if let Some(count) = self.refused.get_mut(reason as usize) {
            *count += 1;
        }
    }

    pub(crate) fn count_closed(&mut self, reason: ReasonCode) {
        if let Some(count) = self.closed.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;
pub(crate) const AUTH: u8 = 15;
