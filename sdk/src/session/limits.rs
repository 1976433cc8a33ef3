//! What a broker allows.

use rumqttc::v5::mqttbytes::v5 as wire;

use crate::{Qos, Reason};

/// What the broker told in CONNACK.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) receive_max: usize,
    qos_max: Qos,
    has_retain: bool,
    pub(super) has_identifiers: bool,
    packet_bytes_max: Option<u32>,
}

impl Limits {
    pub(super) fn none() -> Self {
        Self {
            receive_max: usize::from(u16::MAX),
            qos_max: Qos::ExactlyOnce,
            has_retain: true,
            has_identifiers: true,
            packet_bytes_max: None,
        }
    }

    pub(super) fn of(properties: Option<&wire::ConnAckProperties>) -> Self {
        let none = Self::none();
        let Some(properties) = properties else {
            return none;
        };
        let receive_max = properties.receive_max.map(usize::from);
        Self {
            receive_max: receive_max.unwrap_or(none.receive_max),
            qos_max: match properties.max_qos {
                Some(0) => Qos::AtMostOnce,
                Some(1) => Qos::AtLeastOnce,
                _ => Qos::ExactlyOnce,
            },
            has_retain: properties.retain_available != Some(0),
            has_identifiers: properties.subscription_identifiers_available != Some(0),
            packet_bytes_max: properties.max_packet_size,
        }
    }

    /// What the broker would end the connection for [MQTT-3.2.2-11], [MQTT-3.2.2-14],
    /// [MQTT-3.2.2-15].
    pub(super) fn check(&self, packet: &wire::Publish) -> Result<(), Reason> {
        // The packet ID is not in it yet.
        let bytes = u32::try_from(packet.size() + 2).unwrap_or(u32::MAX);
        if self.packet_bytes_max.is_some_and(|max| bytes > max) {
            return Err(Reason::PACKET_TOO_LARGE);
        }
        if Qos::from(packet.qos) > self.qos_max {
            return Err(Reason::QOS_NOT_SUPPORTED);
        }
        if packet.retain && !self.has_retain {
            return Err(Reason::RETAIN_NOT_SUPPORTED);
        }
        Ok(())
    }
}
