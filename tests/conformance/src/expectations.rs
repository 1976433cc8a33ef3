//! What has to come from the broker, or must not.

use catena_mqtt::{Ack, Packet, PacketId, Qos, ReasonCode, Version};

use crate::client::Client;
use crate::received::Message;

/// Defines a function per acknowledgement, which checks the packet identifier
/// and returns the reason code. Other packets that come before it stay for later.
macro_rules! acknowledgements {
    ($($(#[$doc:meta])* $name:ident = $kind:ident,)*) => {
        impl Client {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&mut self, id: PacketId) -> ReasonCode {
                let received = self.receive_meant(|packet| matches!(packet, Packet::$kind(_)));
                match received.packet() {
                    Packet::$kind(Ack { packet_id, reason, .. }) if packet_id == id => reason,
                    _ => panic!("{received:?} instead of one with identifier {id}"),
                }
            }
        )*}
    };
}

acknowledgements! {
    /// Expects PUBACK.
    expect_puback = PubAck,
    /// Expects PUBREC.
    expect_pubrec = PubRec,
    /// Expects PUBREL.
    expect_pubrel = PubRel,
    /// Expects PUBCOMP.
    expect_pubcomp = PubComp,
}

impl Client {
    /// Expects SUBACK and returns its codes.
    #[track_caller]
    pub fn expect_suback(&mut self, id: PacketId) -> Vec<ReasonCode> {
        let received = self.receive_meant(|packet| matches!(packet, Packet::SubAck(_)));
        match received.packet() {
            Packet::SubAck(suback) if suback.packet_id == id => suback.codes.iter().collect(),
            _ => panic!("{received:?} instead of one with identifier {id}"),
        }
    }

    /// Expects a message next.
    #[track_caller]
    pub fn expect_publish(&mut self) -> Message {
        let received = self.receive();
        match received.message() {
            Some(message) => message,
            None => panic!("{received:?} instead of a message"),
        }
    }

    /// Expects a message; what comes before it stays for later.
    #[track_caller]
    pub fn await_publish(&mut self) -> Message {
        let received = self.receive_meant(|packet| matches!(packet, Packet::Publish(_)));
        match received.message() {
            Some(message) => message,
            None => panic!("{received:?} instead of a message"),
        }
    }

    /// Expects this message next, at this QoS, and acknowledges it.
    #[track_caller]
    pub fn expect_message(&mut self, topic: &str, payload: &str, qos: Qos) -> Message {
        let message = self.take();
        assert_eq!(
            (&*message.topic, &*message.payload, message.qos),
            (topic, payload, qos),
            "{message:?}"
        );
        message
    }

    /// Expects messages with these payloads, in any order, and acknowledges them.
    #[track_caller]
    pub fn expect_payloads(&mut self, payloads: &[&str]) -> Vec<Message> {
        let mut messages: Vec<_> = payloads.iter().map(|_| self.take()).collect();
        messages.sort_by(|a, b| a.payload.cmp(&b.payload));
        let mut expected = payloads.to_vec();
        expected.sort_unstable();
        let found: Vec<_> = messages.iter().map(|one| &*one.payload).collect();
        assert_eq!(found, expected);
        messages
    }

    /// Expects that the broker has nothing to say but to answer a PINGREQ.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        self.send(&Packet::PingReq);
        let received = self.receive();
        let is_answer = matches!(received.packet(), Packet::PingResp);
        assert!(is_answer, "{received:?} instead of silence");
    }

    /// Expects that the broker closes without another word.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        if let Some(received) = self.receive_or_end() {
            panic!("{received:?} instead of the end");
        }
    }

    /// Expects that the broker ends the connection with this reason; MQTT 3 is not told.
    #[track_caller]
    pub fn expect_disconnect(&mut self, reason: ReasonCode) {
        if self.version.is_v5() {
            let received = self.receive();
            match received.packet() {
                Packet::Disconnect(disconnect) => assert_eq!(disconnect.reason, reason),
                _ => panic!("{received:?} instead of DISCONNECT {reason}"),
            }
        }
        self.expect_closed();
    }

    /// Expects a CONNACK with this reason, in MQTT 3 the nearest return code, and the end. It
    /// tells of no session.
    #[track_caller]
    pub fn expect_refused(&mut self, reason: ReasonCode) {
        let received = self.receive();
        let Packet::ConnAck(connack) = received.packet() else {
            panic!("{received:?} instead of CONNACK {reason}");
        };
        let expected = match self.version {
            Version::V5 => reason,
            Version::V31 | Version::V311 => catena_mqtt::ConnectReturnCode::from(reason).into(),
        };
        assert_eq!(connack.reason, expected);
        assert!(!connack.session_present);
        self.expect_closed();
    }

    /// Expects that the broker does not go on with this connection. Whether and how it tells the
    /// client why is its own choice.
    #[track_caller]
    pub fn expect_end(&mut self) {
        while let Some(received) = self.receive_or_end() {
            let is_farewell = match received.packet() {
                Packet::ConnAck(connack) => connack.reason.is_error(),
                Packet::Disconnect(disconnect) => disconnect.reason.is_error(),
                _ => false,
            };
            assert!(is_farewell, "{received:?} instead of the end");
        }
    }
}
