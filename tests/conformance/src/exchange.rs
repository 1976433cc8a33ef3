//! Whole exchanges of a well-behaved client: request, answer and everything between.

use catena_mqtt::{
    Ack, Disconnect, Packet, PacketId, Publish, Qos, ReasonCode, Subscribe, SubscribeFilters,
    SubscriptionOptions, Unsubscribe, UnsubscribeFilters, UserProperties,
};

use crate::client::Client;
use crate::options::post;
use crate::received::Message;

impl Client {
    /// Subscribes and expects to be granted just that QoS.
    #[track_caller]
    pub fn subscribe(&mut self, filter: &str, qos: Qos) {
        let granted = self.subscribe_as(filter, subscription(qos), None);
        assert_eq!(granted as u8, qos as u8, "granted for {filter}");
    }

    /// Subscribes and returns the reason code.
    #[track_caller]
    pub fn subscribe_as(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        subscription_id: Option<u32>,
    ) -> ReasonCode {
        let codes = self.subscribe_all(&[(filter, options)], subscription_id);
        assert_eq!(codes.len(), 1, "{codes:?}");
        codes[0]
    }

    /// Subscribes to several filters and returns the reason codes.
    #[track_caller]
    pub fn subscribe_all(
        &mut self,
        filters: &[(&str, SubscriptionOptions)],
        subscription_id: Option<u32>,
    ) -> Vec<ReasonCode> {
        let id = self.send_subscribe(filters, subscription_id);
        self.expect_suback(id)
    }

    /// Sends SUBSCRIBE.
    pub fn send_subscribe(
        &mut self,
        filters: &[(&str, SubscriptionOptions)],
        subscription_id: Option<u32>,
    ) -> PacketId {
        let packet_id = self.next_id();
        self.send(&Packet::Subscribe(Subscribe {
            packet_id,
            subscription_id,
            user_properties: UserProperties::EMPTY,
            filters: SubscribeFilters::from(filters),
        }));
        packet_id
    }

    /// Unsubscribes and returns the reason codes; MQTT 3 has none.
    #[track_caller]
    pub fn unsubscribe(&mut self, filters: &[&str]) -> Vec<ReasonCode> {
        let packet_id = self.send_unsubscribe(filters);
        let received = self.receive_meant(|packet| matches!(packet, Packet::UnsubAck(_)));
        let Packet::UnsubAck(unsuback) = received.packet() else {
            panic!("no UNSUBACK: {received:?}");
        };
        assert_eq!(unsuback.packet_id, packet_id, "the id of UNSUBSCRIBE");
        unsuback.codes.iter().collect()
    }

    /// Sends UNSUBSCRIBE.
    pub fn send_unsubscribe(&mut self, filters: &[&str]) -> PacketId {
        let packet_id = self.next_id();
        self.send(&Packet::Unsubscribe(Unsubscribe {
            packet_id,
            user_properties: UserProperties::EMPTY,
            filters: UnsubscribeFilters::from(filters),
        }));
        packet_id
    }

    /// Publishes and sees the exchange through.
    #[track_caller]
    pub fn publish(&mut self, topic: &str, payload: &str, qos: Qos) -> ReasonCode {
        self.publish_as(&post(topic, payload, qos, None))
    }

    /// Publishes a retained message and sees the exchange through.
    #[track_caller]
    pub fn publish_retained(&mut self, topic: &str, payload: &str, qos: Qos) {
        let retain = true;
        let reason = self.publish_as(&Publish {
            retain,
            ..post(topic, payload, qos, None)
        });
        assert!(!reason.is_error(), "{reason}");
    }

    /// Publishes with a packet identifier of its own choice and sees the exchange through.
    #[track_caller]
    pub fn publish_as(&mut self, publish: &Publish<'_>) -> ReasonCode {
        let packet_id = (publish.qos != Qos::AtMostOnce).then(|| self.next_id());
        self.send(&Packet::Publish(Publish {
            packet_id,
            ..*publish
        }));
        match (publish.qos, packet_id) {
            (Qos::AtLeastOnce, Some(id)) => self.expect_puback(id),
            (Qos::ExactlyOnce, Some(id)) => {
                let reason = self.expect_pubrec(id);
                if !reason.is_error() {
                    self.send(&Packet::PubRel(Ack::success(id)));
                    assert_eq!(self.expect_pubcomp(id), ReasonCode::Success);
                }
                reason
            }
            _ => ReasonCode::Success,
        }
    }

    /// Sends a PUBLISH and does not wait; returns its packet identifier.
    pub fn send_publish(&mut self, topic: &str, payload: &str, qos: Qos) -> PacketId {
        let id = self.next_id();
        self.send(&Packet::Publish(post(topic, payload, qos, Some(id))));
        id
    }

    /// Expects a message and acknowledges it as its QoS asks for.
    #[track_caller]
    pub fn take(&mut self) -> Message {
        let message = self.expect_publish();
        self.acknowledge(&message);
        message
    }

    /// Acknowledges a message and sees the exchange through.
    #[track_caller]
    pub fn acknowledge(&mut self, message: &Message) {
        match message.qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.send(&Packet::PubAck(Ack::success(message.id()))),
            Qos::ExactlyOnce => {
                let id = message.id();
                self.send(&Packet::PubRec(Ack::success(id)));
                assert_eq!(self.expect_pubrel(id), ReasonCode::Success);
                self.send(&Packet::PubComp(Ack::success(id)));
            }
        }
    }

    /// Sends DISCONNECT with success and expects the broker to close.
    #[track_caller]
    pub fn disconnect(self) {
        self.disconnect_as(&Disconnect::new(ReasonCode::Success));
    }

    /// Sends this DISCONNECT and expects the broker to close.
    #[track_caller]
    pub fn disconnect_as(mut self, disconnect: &Disconnect<'_>) {
        self.send(&Packet::Disconnect(*disconnect));
        while let Some(received) = self.receive_or_end() {
            assert!(received.message().is_some(), "{received:?}");
        }
    }
}

/// The options of a plain subscription.
#[must_use]
pub fn subscription(qos: Qos) -> SubscriptionOptions {
    SubscriptionOptions {
        qos,
        ..SubscriptionOptions::default()
    }
}
