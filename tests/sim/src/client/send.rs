//! Publishing, acknowledging, staying alive.

use catena_mqtt::{
    Ack, AckKind, Forwarded, Limits, Packet, PacketId, Publish, Qos, ReasonCode, SubscriptionIds,
};
use catena_types::Moment;

use super::call::Call;
use super::connect::encode;
use super::{Client, Outgoing, Scene, Stage};
use crate::invariants::Verdict;
use crate::model::{Message, Origin, Terms};
use crate::time::ms;
use crate::violation::Violation;

impl Client {
    /// Publishes what is in the backlog, as far as the broker takes it.
    pub(crate) fn publish_backlog(&mut self, scene: &mut Scene<'_>) {
        while self.stage == Stage::Connected
            && let Some(terms) = self.backlog.front()
        {
            if terms.qos != Qos::AtMostOnce && self.outgoing.len() >= self.send_max {
                return;
            }
            if let Some(terms) = self.backlog.pop_front() {
                self.publish(scene, terms, None);
            }
        }
    }

    /// Publishes a message; one at QoS 1 or 2 may be a call of the state store.
    pub(super) fn publish(&mut self, scene: &mut Scene<'_>, terms: Terms, call: Option<Call>) {
        let message = scene.model.add_message(Message {
            terms: terms.clone(),
            origin: Origin::Published,
            client: self.index,
            session: self.session.unwrap_or_default(),
            sent: scene.now,
            transmissions: 0,
            acked: None,
            is_refused: false,
            is_forgotten: false,
        });
        let packet_id = match terms.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce | Qos::ExactlyOnce => self.new_packet_id(),
        };
        let outgoing = Outgoing {
            packet_id,
            message,
            terms,
            is_released: false,
            call,
        };
        self.write_publish(scene, &outgoing, false);
        if packet_id != 0 {
            self.outgoing.push(outgoing);
        }
    }

    pub(super) fn write_publish(&mut self, scene: &mut Scene<'_>, outgoing: &Outgoing, dup: bool) {
        let Outgoing {
            packet_id,
            message,
            terms,
            call,
            ..
        } = outgoing;
        scene.model.messages[*message].transmissions += 1;
        scene.trace.line(
            scene.now,
            format_args!(
                "client {} publishes {message} on {} at {} id {packet_id}{}{}",
                self.index,
                terms.topic,
                terms.qos as u8,
                if dup { " again" } else { "" },
                if terms.retain { " to keep" } else { "" },
            ),
        );
        let (payload, properties) = match call {
            Some(call) => (call.payload.clone(), &*call.properties),
            None => (Message::payload(*message, terms.size), &[][..]),
        };
        if let Some(call) = call {
            let text = String::from_utf8_lossy(&payload).replace("\r\n", "|");
            let number = call.number;
            scene
                .trace
                .line(scene.now, format_args!("  request {number}: {text}"));
        }
        // What was built from properties is some.
        let forwarded = Forwarded::parse(properties, &Limits::DEFAULT).unwrap_or(Forwarded::EMPTY);
        let publish = Publish {
            dup,
            qos: terms.qos,
            retain: terms.retain,
            topic: &terms.topic,
            packet_id: PacketId::new(*packet_id),
            topic_alias: None,
            message_expiry: terms.expiry_seconds,
            subscription_ids: SubscriptionIds::default(),
            forwarded,
            payload: &payload,
        };
        self.write(scene.now, &Packet::Publish(publish));
    }

    /// After a session was resumed: everything unacknowledged, in order [MQTT-4.4.0-1].
    pub(super) fn send_again(&mut self, scene: &mut Scene<'_>) {
        for outgoing in std::mem::take(&mut self.outgoing) {
            if outgoing.is_released {
                self.write_ack(scene.now, AckKind::PubRel, outgoing.packet_id);
            } else {
                self.write_publish(scene, &outgoing, true);
            }
            self.outgoing.push(outgoing);
        }
    }

    pub(super) fn handle_puback(&mut self, scene: &mut Scene<'_>, ack: &Ack<'_>) -> Verdict {
        let Some(outgoing) = self.find(ack.packet_id, Qos::AtLeastOnce) else {
            return Ok(());
        };
        self.note_answer(scene, outgoing, ack);
        let outgoing = self.outgoing.remove(outgoing);
        if outgoing.call.is_some() && ack.reason != ReasonCode::Success {
            // Some clients take any other code for a failure.
            let detail = format!("client {} has {outgoing:?}: {:?}", self.index, ack.reason);
            return Err(Violation::new("answers", scene.now, detail));
        }
        Ok(())
    }

    pub(super) fn handle_pubrec(&mut self, scene: &mut Scene<'_>, ack: &Ack<'_>) {
        let Some(outgoing) = self.find(ack.packet_id, Qos::ExactlyOnce) else {
            return self.write_ack(scene.now, AckKind::PubRel, ack.packet_id.number());
        };
        if !self.outgoing[outgoing].is_released {
            self.note_answer(scene, outgoing, ack);
        }
        if ack.reason.is_error() {
            self.outgoing.remove(outgoing);
        } else {
            self.outgoing[outgoing].is_released = true;
            self.write_ack(scene.now, AckKind::PubRel, ack.packet_id.number());
        }
    }

    pub(super) fn handle_pubcomp(&mut self, ack: &Ack<'_>) {
        if let Some(outgoing) = self.find(ack.packet_id, Qos::ExactlyOnce) {
            self.outgoing.remove(outgoing);
        }
    }

    fn find(&self, packet_id: PacketId, qos: Qos) -> Option<usize> {
        self.outgoing.iter().position(|outgoing| {
            outgoing.packet_id == packet_id.number() && outgoing.terms.qos == qos
        })
    }

    fn note_answer(&self, scene: &mut Scene<'_>, outgoing: usize, ack: &Ack<'_>) {
        let id = self.outgoing[outgoing].message;
        let message = &mut scene.model.messages[id];
        message.is_refused = ack.reason.is_error();
        message.acked = Some(scene.now);
        let (index, reason) = (self.index, ack.reason);
        scene.trace.line(
            scene.now,
            format_args!("client {index} has {id} accepted: {reason:?}"),
        );
    }

    /// An acknowledgement is due; it may be held back for a while, but not overtaken.
    pub(super) fn owe(&mut self, scene: &Scene<'_>, kind: AckKind, packet_id: u16) {
        let queue = usize::from(kind == AckKind::PubRec);
        self.acks[queue].push_back(packet_id);
        if !scene.is_calm && self.rng.percent(self.traits.tardy_percent) {
            let wait = ms(self.rng.between(1, 900));
            self.held_until = self.held_until.max(scene.now.plus(wait));
        }
    }

    /// Sends the acknowledgements that are due.
    pub(crate) fn acknowledge(&mut self, scene: &mut Scene<'_>) {
        if self.held_until > scene.now && !scene.is_calm {
            return;
        }
        loop {
            let choice = self.rng.index(2);
            let queue = if self.acks[choice].is_empty() {
                1 - choice
            } else {
                choice
            };
            let Some(packet_id) = self.acks[queue].pop_front() else {
                return;
            };
            let kind = [AckKind::PubAck, AckKind::PubRec][queue];
            if kind == AckKind::PubAck {
                self.window.close(packet_id);
            }
            self.write_ack(scene.now, kind, packet_id);
            scene.trace.line(
                scene.now,
                format_args!("client {} answers {packet_id}: {kind:?}", self.index),
            );
        }
    }

    /// When [`Client::tend`] has something to do next.
    pub(crate) fn next_tend(&self) -> Moment {
        let acks = if self.acks.iter().all(|acks| acks.is_empty()) {
            Moment::NEVER
        } else {
            self.held_until
        };
        let paused = if self.paused_until > Moment::ZERO {
            self.paused_until
        } else {
            Moment::NEVER
        };
        acks.min(paused)
    }

    /// Does what is due; returns false if the connection seems to be dead.
    pub(crate) fn tend(&mut self, scene: &mut Scene<'_>) -> bool {
        if self.paused_until <= scene.now || scene.is_calm {
            self.paused_until = Moment::ZERO;
        }
        match self.stage {
            Stage::Offline => true,
            Stage::Connecting => scene.now.since(self.connect_sent) < ms(6_000),
            Stage::Connected => {
                self.acknowledge(scene);
                self.publish_backlog(scene);
                self.keep_alive(scene)
            }
        }
    }

    fn keep_alive(&mut self, scene: &Scene<'_>) -> bool {
        if self.traits.keep_alive == 0 {
            return true;
        }
        let interval = ms(u64::from(self.traits.keep_alive) * 1_000);
        if scene.now.since(self.last_sent) * 2 >= interval {
            self.write(scene.now, &Packet::PingReq);
        }
        let patience = interval * 2 + ms(4_000);
        self.paused_until > Moment::ZERO || scene.now.since(self.last_received) < patience
    }

    pub(super) fn write_ack(&mut self, now: Moment, kind: AckKind, packet_id: u16) {
        let Some(packet_id) = PacketId::new(packet_id) else {
            return;
        };
        let ack = Ack::success(packet_id);
        let packet = match kind {
            AckKind::PubAck => Packet::PubAck(ack),
            AckKind::PubRec => Packet::PubRec(ack),
            AckKind::PubRel => Packet::PubRel(ack),
            AckKind::PubComp => Packet::PubComp(ack),
        };
        self.write(now, &packet);
    }

    pub(super) fn write(&mut self, now: Moment, packet: &Packet<'_>) {
        self.last_sent = now;
        encode(packet, self.traits.version, &mut self.output);
    }
}
