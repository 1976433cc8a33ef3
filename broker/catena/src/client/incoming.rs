//! Packets and messages from the broker, owned, and the acknowledgements they call for.

use std::collections::{BTreeMap, BTreeSet};

use catena_mqtt::{
    DecodeError, Packet, PacketId, Property, Publish, Qos, ReasonCode, ReasonProperties, Version,
    encode,
};

use super::connection::Connection;
use super::failure::{Failure, PROTOCOL};
use super::properties::Packet as Of;

/// A packet as it came.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    first_byte: u8,
    body: Vec<u8>,
}

impl Incoming {
    pub(crate) fn new(first_byte: u8, body: &[u8]) -> Self {
        let body = body.to_vec();
        Self { first_byte, body }
    }

    /// Decodes it.
    pub(crate) fn packet(&self, version: Version) -> Result<Packet<'_>, DecodeError> {
        Packet::decode(version, self.first_byte, &self.body)
    }
}

/// A message that was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// 0 at QoS 0.
    pub(crate) packet_id: u16,
    pub(crate) properties: MessageProperties,
}

/// The properties of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageProperties {
    pub(crate) payload_format: Option<bool>,
    pub(crate) expiry: Option<u32>,
    pub(crate) content_type: Option<String>,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation_data: Option<Vec<u8>>,
    pub(crate) topic_alias: Option<u16>,
    pub(crate) subscription_ids: Vec<u32>,
    pub(crate) user: Vec<(String, String)>,
}

impl MessageProperties {
    fn of(publish: &Publish<'_>) -> Self {
        let mut found = Self {
            expiry: publish.message_expiry,
            topic_alias: publish.topic_alias.map(std::num::NonZeroU16::get),
            subscription_ids: publish.subscription_ids.iter().collect(),
            ..Self::default()
        };
        for property in publish.forwarded.iter() {
            match property {
                Property::PayloadFormatIndicator(is_text) => found.payload_format = Some(is_text),
                Property::ContentType(text) => found.content_type = Some(text.to_owned()),
                Property::ResponseTopic(topic) => found.response_topic = Some(topic.to_owned()),
                Property::CorrelationData(data) => found.correlation_data = Some(data.to_vec()),
                Property::UserProperty(name, value) => {
                    found.user.push((name.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        found
    }
}

/// What a receiver has to remember: aliases, and QoS 2 messages that are not released.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    aliases: BTreeMap<u16, String>,
    unreleased: BTreeSet<PacketId>,
}

impl Inbox {
    /// Acknowledges a PUBLISH and gives its message, unless it came before.
    pub(crate) fn accept(
        &mut self,
        connection: &mut Connection,
        publish: &Publish<'_>,
    ) -> Result<Option<Message>, Failure> {
        let topic = self.topic(publish)?;
        let is_new = match (publish.qos, publish.packet_id) {
            (Qos::ExactlyOnce, Some(packet_id)) => self.unreleased.insert(packet_id),
            _ => true,
        };
        if let Some(packet_id) = publish.packet_id {
            match publish.qos {
                Qos::ExactlyOnce => answer(connection, Of::PubRec, packet_id)?,
                Qos::AtMostOnce | Qos::AtLeastOnce => answer(connection, Of::PubAck, packet_id)?,
            }
        }
        Ok(is_new.then(|| Message {
            topic,
            payload: publish.payload.to_vec(),
            qos: publish.qos,
            retain: publish.retain,
            packet_id: publish.packet_id.map_or(0, PacketId::number),
            properties: MessageProperties::of(publish),
        }))
    }

    /// Answers PUBREL [MQTT-4.3.3-11].
    pub(crate) fn release(
        &mut self,
        connection: &mut Connection,
        packet_id: PacketId,
    ) -> Result<(), Failure> {
        self.unreleased.remove(&packet_id);
        answer(connection, Of::PubComp, packet_id)
    }

    fn topic(&mut self, publish: &Publish<'_>) -> Result<String, Failure> {
        let Some(alias) = publish.topic_alias else {
            return Ok(publish.topic.to_owned());
        };
        if publish.topic.is_empty() {
            let topic = self.aliases.get(&alias.get()).cloned();
            return topic
                .ok_or_else(|| Failure::new(PROTOCOL, "the broker used an unknown topic alias"));
        }
        self.aliases.insert(alias.get(), publish.topic.to_owned());
        Ok(publish.topic.to_owned())
    }
}

/// Sends an acknowledgement with the properties given for it.
pub(crate) fn answer(
    connection: &mut Connection,
    kind: Of,
    packet_id: PacketId,
) -> Result<(), Failure> {
    let mut packet = Vec::new();
    let pairs = connection.properties.user_properties(kind);
    let properties = ReasonProperties {
        reason_string: connection.properties.text(kind, "reason-string"),
        user_properties: pairs.as_slice().into(),
    };
    let encode = match kind {
        Of::PubRec => encode::pubrec,
        Of::PubRel => encode::pubrel,
        Of::PubComp => encode::pubcomp,
        _ => encode::puback,
    };
    let success = ReasonCode::Success;
    encode(
        &mut packet,
        connection.version,
        packet_id,
        success,
        &properties,
    )?;
    connection.tell("answers", &format!("{kind:?} {packet_id}"));
    connection.send(&packet)
}

/// A packet in few words, without payload.
pub(crate) fn summary(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnAck(connack) => format!(
            "CONNACK ({:?}, session present {})",
            connack.reason, connack.session_present
        ),
        Packet::Publish(publish) => format!(
            "PUBLISH (QoS {}, retain {}, duplicate {}, packet {}, '{}', {} bytes)",
            publish.qos as u8,
            publish.retain,
            publish.dup,
            publish.packet_id.map_or(0, PacketId::number),
            publish.topic,
            publish.payload.len()
        ),
        Packet::PubAck(ack) => format!("PUBACK ({}, {:?})", ack.packet_id, ack.reason),
        Packet::PubRec(ack) => format!("PUBREC ({}, {:?})", ack.packet_id, ack.reason),
        Packet::PubRel(ack) => format!("PUBREL ({}, {:?})", ack.packet_id, ack.reason),
        Packet::PubComp(ack) => format!("PUBCOMP ({}, {:?})", ack.packet_id, ack.reason),
        Packet::SubAck(ack) => format!("SUBACK ({}, {:?})", ack.packet_id, ack.codes),
        Packet::UnsubAck(ack) => format!("UNSUBACK ({}, {:?})", ack.packet_id, ack.codes),
        Packet::PingResp => "PINGRESP".to_owned(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT ({:?})", disconnect.reason),
        Packet::Auth(auth) => format!("AUTH ({:?})", auth.reason),
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::PingReq => {
            "a packet that only clients send".to_owned()
        }
    }
}
