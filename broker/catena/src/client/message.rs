//! Messages to the broker, until they are acknowledged.

use std::collections::BTreeMap;

use catena_mqtt::{Limits, Packet, PacketId, PublishHead, Qos, ReasonCode, Version, encode, topic};

use super::connection::{Connection, SENDING_BYTES_MAX};
use super::failure::Failure;
use super::incoming::answer;
use super::properties::Packet as Of;

/// Unacknowledged publishes above which a publisher waits, whatever the broker allows.
const IN_FLIGHT_MAX: usize = 1_000;

/// A message to publish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) expiry: Option<u32>,
    /// Encoded properties, see [`encode::publish`].
    pub(crate) forwarded: &'a [u8],
}

/// Publishes that wait for their acknowledgement.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    waiting: BTreeMap<PacketId, Phase>,
    /// The first refusal.
    pub(crate) refusal: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For PUBACK or PUBREC.
    Sent,
    /// For PUBCOMP.
    Released,
}

impl InFlight {
    /// Whether everything is acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether another publish may be sent now [MQTT-4.9.0-2].
    pub(crate) fn has_room(&self, connection: &Connection) -> bool {
        let receive_maximum = connection.broker.receive_maximum;
        self.waiting.len() < receive_maximum.min(IN_FLIGHT_MAX)
            && connection.sending_bytes() < SENDING_BYTES_MAX
    }

    /// Sends a publish.
    pub(crate) fn publish(
        &mut self,
        connection: &mut Connection,
        message: &Outgoing<'_>,
    ) -> Result<(), Failure> {
        check(connection, message)?;
        let packet_id = (message.qos != Qos::AtMostOnce).then(|| connection.next_packet_id());
        let head = PublishHead {
            qos: message.qos,
            retain: message.retain,
            packet_id,
            topic: message.topic,
            topic_alias: connection.properties.topic_alias(),
            message_expiry: message.expiry,
            ..PublishHead::default()
        };
        let version = connection.version;
        let size = encode::publish_size(version, &head, message.forwarded, message.payload);
        if size > connection.broker.packet_bytes_max {
            return Err(Failure::usage(format!(
                "the message needs a packet of {size} bytes; the broker takes at most {}",
                connection.broker.packet_bytes_max
            )));
        }
        let mut packet = Vec::with_capacity(size);
        encode::publish(
            &mut packet,
            version,
            &head,
            message.forwarded,
            message.payload,
        )?;
        let id = packet_id.map_or(0, PacketId::number);
        let bytes = message.payload.len();
        let details = format!("(QoS {}, packet {id}, {bytes} bytes)", message.qos as u8);
        connection.tell("sends PUBLISH", &details);
        connection.send(&packet)?;
        if let Some(packet_id) = packet_id {
            self.waiting.insert(packet_id, Phase::Sent);
        }
        Ok(())
    }

    /// Takes an acknowledgement; other packets are left alone.
    pub(crate) fn handle(
        &mut self,
        connection: &mut Connection,
        packet: &Packet<'_>,
    ) -> Result<(), Failure> {
        match packet {
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                self.waiting.remove(&ack.packet_id);
                self.judge(connection.version, ack.reason, ack.properties.reason_string);
            }
            Packet::PubRec(ack) if ack.reason.is_error() => {
                self.waiting.remove(&ack.packet_id);
                self.judge(connection.version, ack.reason, ack.properties.reason_string);
            }
            Packet::PubRec(ack) => {
                self.waiting.insert(ack.packet_id, Phase::Released);
                answer(connection, Of::PubRel, ack.packet_id)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn judge(&mut self, version: Version, reason: ReasonCode, explanation: Option<&str>) {
        if version.is_v5() && reason.is_error() && self.refusal.is_none() {
            self.refusal = Some(Failure::refused("the message", reason, explanation));
        }
    }
}

/// What the broker has said that it would refuse [MQTT-3.3.2-9].
fn check(connection: &Connection, message: &Outgoing<'_>) -> Result<(), Failure> {
    topic::check(message.topic, &Limits::DEFAULT).map_err(|error| {
        Failure::usage(format!(
            "cannot publish to '{}': {}",
            message.topic, error.what
        ))
    })?;
    let broker = &connection.broker;
    if message.qos > broker.maximum_qos {
        let maximum = broker.maximum_qos as u8;
        return Err(Failure::usage(format!(
            "the broker takes at most QoS {maximum}"
        )));
    }
    if message.retain && !broker.retain_available {
        return Err(Failure::usage("the broker retains no messages"));
    }
    let alias = connection.properties.topic_alias();
    if let Some(alias) = alias.filter(|alias| alias.get() > broker.topic_alias_maximum) {
        let text = match broker.topic_alias_maximum {
            0 => "the broker takes no topic aliases".to_owned(),
            maximum => format!("the broker takes topic aliases up to {maximum}, not {alias}"),
        };
        return Err(Failure::usage(text));
    }
    Ok(())
}
