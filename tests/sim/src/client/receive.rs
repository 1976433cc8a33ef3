//! What comes from the broker.

use catena_mqtt::{AckKind, Frame, Packet, Publish, Qos, frame};

use super::{Client, Scene, Stage};
use crate::invariants::{Delivered, Verdict, check_closed, check_delivery};
use crate::model::{Message, MessageId, Receipt};
use crate::violation::Violation;

/// Larger packets are never sent.
const PACKET_BYTES_MAX: u32 = 1 << 20;

impl Client {
    /// Takes bytes from the broker.
    ///
    /// # Errors
    /// An invariant that does not hold.
    pub(crate) fn handle_bytes(&mut self, scene: &mut Scene<'_>, bytes: &[u8]) -> Verdict {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        self.last_received = scene.now;
        let mut used = 0;
        while let Some(rest) = input.get(used..) {
            let (packet, size) = match frame::next(rest, PACKET_BYTES_MAX) {
                Ok(Frame::Incomplete { .. }) => break,
                Ok(Frame::Complete {
                    first_byte,
                    body,
                    size,
                }) => (Packet::decode(self.traits.version, first_byte, body), size),
                Err(error) => (Err(error), 0),
            };
            used += size;
            match packet {
                Ok(packet) => self.handle_packet(scene, &packet)?,
                Err(error) => {
                    let detail = format!("client {} got bytes that are wrong: {error}", self.index);
                    return Err(Violation::new("integrity", scene.now, detail));
                }
            }
        }
        if self.stage != Stage::Offline {
            input.drain(..used);
            self.input = input;
        }
        self.acknowledge(scene);
        self.publish_backlog(scene);
        Ok(())
    }

    fn handle_packet(&mut self, scene: &mut Scene<'_>, packet: &Packet<'_>) -> Verdict {
        match packet {
            Packet::ConnAck(connack) => self.handle_connack(scene, connack),
            Packet::Publish(publish) => self.handle_publish(scene, publish),
            Packet::PubAck(ack) => self.handle_puback(scene, ack),
            Packet::PubRec(ack) => {
                self.handle_pubrec(scene, ack);
                Ok(())
            }
            Packet::PubRel(ack) => {
                self.incoming.remove(&ack.packet_id.number());
                self.window.close(ack.packet_id.number());
                self.write_ack(scene.now, AckKind::PubComp, ack.packet_id.number());
                Ok(())
            }
            Packet::PubComp(ack) => {
                self.handle_pubcomp(ack);
                Ok(())
            }
            Packet::SubAck(suback) => self.handle_suback(scene, suback),
            Packet::UnsubAck(unsuback) => self.handle_unsuback(scene, unsuback),
            Packet::PingResp => Ok(()),
            Packet::Disconnect(disconnect) => {
                check_closed(scene.now, self.index, disconnect.reason)
            }
            Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::Auth(_) => {
                let detail = format!("client {} got {packet:?}", self.index);
                Err(Violation::new("answers", scene.now, detail))
            }
        }
    }

    fn handle_publish(&mut self, scene: &mut Scene<'_>, publish: &Publish<'_>) -> Verdict {
        let topic = self.topic_of(scene, publish)?;
        if self.is_response_topic(&topic) {
            let packet_id = publish.packet_id.map_or(0, |id| id.number());
            self.window.open(scene.now, packet_id, None)?;
            self.owe(scene, AckKind::PubAck, packet_id);
            return self.handle_response(scene, publish);
        }
        let message = Message::id_in(publish.payload);
        if message.is_none() && !publish.payload.is_empty() {
            let detail = format!("client {} got a damaged payload on {topic}", self.index);
            return Err(Violation::new("integrity", scene.now, detail));
        }
        let packet_id = publish.packet_id.map_or(0, |id| id.number());
        scene.trace.line(
            scene.now,
            format_args!(
                "client {} gets {message:?} on {topic} at {} id {packet_id}{}{}",
                self.index,
                publish.qos as u8,
                if publish.dup { " again" } else { "" },
                if publish.retain { " kept" } else { "" },
            ),
        );
        if publish.qos != Qos::AtMostOnce {
            self.window.open(scene.now, packet_id, message)?;
        }
        match publish.qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.owe(scene, AckKind::PubAck, packet_id),
            Qos::ExactlyOnce => {
                self.owe(scene, AckKind::PubRec, packet_id);
                if let Some(known) = self.incoming.get(&packet_id) {
                    // Not delivered a second time, whatever the DUP flag says [MQTT-4.3.3-10].
                    return self.check_same(scene, packet_id, *known, message);
                }
                self.incoming.insert(packet_id, message);
            }
        }
        match message {
            Some(message) => self.deliver(scene, publish, message, &topic),
            None => Ok(()),
        }
    }

    fn deliver(
        &mut self,
        scene: &mut Scene<'_>,
        publish: &Publish<'_>,
        message: MessageId,
        topic: &str,
    ) -> Verdict {
        let Some(session) = self.session else {
            return Ok(());
        };
        let receipt = Receipt {
            at: scene.now,
            connection: scene.model.sessions[session].connections,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            ids: publish.subscription_ids.iter().collect(),
            expiry_seconds: publish.message_expiry,
        };
        let delivered = Delivered {
            session,
            message,
            receipt: &receipt,
        };
        check_delivery(scene.model, delivered, topic)
    }

    /// The topic, or what its alias stands for [MQTT-3.3.2-8].
    fn topic_of(&mut self, scene: &Scene<'_>, publish: &Publish<'_>) -> Result<String, Violation> {
        let Some(alias) = publish.topic_alias.map(std::num::NonZeroU16::get) else {
            return Ok(publish.topic.to_owned());
        };
        if !publish.topic.is_empty() {
            self.aliases.insert(alias, publish.topic.to_owned());
        }
        let known = self.aliases.get(&alias).cloned();
        known
            .filter(|_| alias <= self.traits.alias_max)
            .ok_or_else(|| {
                let detail = format!("client {} got unknown alias {alias}", self.index);
                Violation::new("integrity", scene.now, detail)
            })
    }

    fn check_same(
        &self,
        scene: &Scene<'_>,
        packet_id: u16,
        known: Option<MessageId>,
        message: Option<MessageId>,
    ) -> Verdict {
        if known == message {
            return Ok(());
        }
        let detail = format!(
            "client {}: {message:?} came under packet ID {packet_id} of {known:?}",
            self.index
        );
        Err(Violation::new("window", scene.now, detail))
    }
}
