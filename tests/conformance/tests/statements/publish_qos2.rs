//! QoS 2 in both directions (sections 3.5 to 3.7 and 4.3.3).

use catena_conformance::{Client, Message, Options, QOS2, id, post, unique};
use catena_mqtt::{Ack, Packet, Publish, ReasonCode, ReasonProperties, Version};

use crate::{VERSIONS, shared};

const SUCCESS: ReasonCode = ReasonCode::Success;

/// A client that is subscribed at QoS 2, and one that publishes.
fn pair(version: Version, topic: &str) -> (Client, Client) {
    let mut subscriber = Client::connect(shared(), &Options::clean(version));
    subscriber.subscribe(topic, QOS2);
    let publisher = Client::connect(shared(), &Options::clean(version));
    (subscriber, publisher)
}

/// [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-3.3.4-1] [MQTT-2.2.1-5] [MQTT-3.5.2-1] [MQTT-3.7.2-1]
/// [MQTT3-4.3.3-2] [MQTT3-3.3.4-1] [MQTT3-2.3.1-6]: PUBREC and PUBCOMP repeat the identifier.
#[test]
fn handshake_repeats_the_identifier() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = Client::connect(shared(), &Options::clean(version));
        for number in [1, 255, 256, 65_535] {
            client.send(&Packet::Publish(post(&topic, "x", QOS2, Some(id(number)))));
            assert!(!client.expect_pubrec(id(number)).is_error());
            client.send(&Packet::PubRel(Ack::success(id(number))));
            assert_eq!(client.expect_pubcomp(id(number)), SUCCESS);
        }
    }
}

/// [MQTT-4.3.3-10] [MQTT-4.3.3-12] [MQTT3-4.3.3-2]: until PUBREL the same identifier is the same
/// message; after PUBCOMP it is a new one.
#[test]
fn repeated_publish_is_delivered_once() {
    for version in VERSIONS {
        let topic = unique("t");
        let (mut subscriber, mut publisher) = pair(version, &topic);
        let send = |publisher: &mut Client, payload: &str, dup| {
            let publish = post(&topic, payload, QOS2, Some(id(9)));
            publisher.send(&Packet::Publish(Publish { dup, ..publish }));
            publisher.expect_pubrec(id(9))
        };
        assert_eq!(send(&mut publisher, "one", false), SUCCESS);
        for dup in [true, true, false] {
            assert!(!send(&mut publisher, "one", dup).is_error());
        }
        publisher.send(&Packet::PubRel(Ack::success(id(9))));
        assert_eq!(publisher.expect_pubcomp(id(9)), SUCCESS);
        subscriber.expect_message(&topic, "one", QOS2);
        subscriber.expect_silence();
        assert_eq!(send(&mut publisher, "two", true), SUCCESS);
        publisher.send(&Packet::PubRel(Ack::success(id(9))));
        assert_eq!(publisher.expect_pubcomp(id(9)), SUCCESS);
        subscriber.expect_message(&topic, "two", QOS2);
        subscriber.expect_silence();
    }
}

/// [MQTT-4.3.3-10] [MQTT3-4.3.3-2]: before the first PUBREC has left, too.
#[test]
fn a_publish_repeated_at_once_is_delivered_once() {
    for version in VERSIONS {
        let topic = unique("t");
        let (mut subscriber, mut publisher) = pair(version, &topic);
        let mut bytes = Vec::new();
        for dup in [false, true, true, false] {
            let publish = post(&topic, "one", QOS2, Some(id(9)));
            let packet = Packet::Publish(Publish { dup, ..publish });
            assert!(packet.encode(version, &mut bytes).is_ok());
        }
        publisher.send_bytes(&bytes);
        for _ in 0..4 {
            assert_eq!(publisher.expect_pubrec(id(9)), SUCCESS);
        }
        publisher.send(&Packet::PubRel(Ack::success(id(9))));
        assert_eq!(publisher.expect_pubcomp(id(9)), SUCCESS);
        subscriber.expect_message(&topic, "one", QOS2);
        subscriber.expect_silence();
    }
}

/// [MQTT-4.3.3-10] [MQTT3-4.3.3-2] [MQTT-4.1.0-1] [MQTT3-4.1.0-2]: also over several connections
/// of the session.
#[test]
fn repeated_publish_is_delivered_once_over_connections() {
    for version in VERSIONS {
        let topic = unique("t");
        let (mut subscriber, _) = pair(version, &topic);
        let options = Options::lasting(version);
        for (attempt, dup) in [false, true, true].into_iter().enumerate() {
            let mut publisher = Client::connect(shared(), &options);
            assert_eq!(publisher.session_present(), attempt > 0);
            let publish = post(&topic, "once", QOS2, Some(id(3)));
            publisher.send(&Packet::Publish(Publish { dup, ..publish }));
            assert!(!publisher.expect_pubrec(id(3)).is_error());
            publisher.cut_and_wait();
        }
        let mut publisher = Client::connect(shared(), &options);
        publisher.send(&Packet::PubRel(Ack::success(id(3))));
        assert_eq!(publisher.expect_pubcomp(id(3)), SUCCESS);
        // A client that has not seen PUBCOMP asks again.
        publisher.send(&Packet::PubRel(Ack::success(id(3))));
        let again = publisher.expect_pubcomp(id(3));
        if version.is_v5() {
            assert_eq!(again, ReasonCode::PacketIdentifierNotFound);
        }
        subscriber.expect_message(&topic, "once", QOS2);
        subscriber.expect_silence();
    }
}

/// [MQTT-3.7.2-1]: PUBREL for nothing is answered with 0x92, in 3.1.1 with PUBCOMP.
#[test]
fn unknown_pubrel_is_answered() {
    let mut client = Client::connect(shared(), &Options::clean(Version::V5));
    client.send(&Packet::PubRel(Ack::success(id(77))));
    let reason = client.expect_pubcomp(id(77));
    assert_eq!(reason, ReasonCode::PacketIdentifierNotFound);
    let mut old = Client::connect(shared(), &Options::clean(Version::V311));
    old.send(&Packet::PubRel(Ack::success(id(77))));
    assert_eq!(old.expect_pubcomp(id(77)), SUCCESS);
}

/// [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT3-4.3.3-1] [MQTT-3.6.2-1]:
/// the broker as sender: PUBREC is answered by PUBREL, once, and PUBCOMP ends it.
#[test]
fn delivery_takes_four_steps() {
    for version in VERSIONS {
        let topic = unique("t");
        let (mut subscriber, mut publisher) = pair(version, &topic);
        publisher.publish(&topic, "hello", QOS2);
        let message = subscriber.expect_publish();
        assert_eq!((message.qos, message.dup), (QOS2, false));
        subscriber.expect_silence();
        subscriber.send(&Packet::PubRec(Ack::success(message.id())));
        let received = subscriber.receive();
        assert_eq!(received.first_byte(), 0x62);
        assert_eq!(received.body()[..2], message.id().number().to_be_bytes());
        subscriber.expect_silence();
        subscriber.send(&Packet::PubComp(Ack::success(message.id())));
        subscriber.expect_silence();
    }
}

/// [MQTT-4.3.3-4] [MQTT3-4.3.3-1]: a client that has not seen PUBREL may ask again.
#[test]
fn pubrec_again_is_answered_again() {
    for version in VERSIONS {
        let topic = unique("t");
        let (mut subscriber, mut publisher) = pair(version, &topic);
        publisher.publish(&topic, "hello", QOS2);
        let message = subscriber.expect_publish();
        for _ in 0..3 {
            subscriber.send(&Packet::PubRec(Ack::success(message.id())));
            assert_eq!(subscriber.expect_pubrel(message.id()), SUCCESS);
        }
        subscriber.send(&Packet::PubComp(Ack::success(message.id())));
        subscriber.expect_silence();
    }
}

/// [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT3-4.4.0-1]
/// [MQTT3-4.3.3-1] [MQTT3-3.3.1-1]: in a resumed session PUBLISH comes again with DUP, after
/// PUBREC only PUBREL does.
#[test]
fn delivery_goes_on_where_it_was() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut subscriber = Client::connect(shared(), &options);
        subscriber.subscribe(&topic, QOS2);
        subscriber.publish(&topic, "hello", QOS2);
        let first = subscriber.expect_publish();
        subscriber.cut_and_wait();

        let mut subscriber = Client::connect(shared(), &options);
        let again = subscriber.expect_publish();
        assert_eq!((again.dup, again.id()), (true, first.id()));
        subscriber.send(&Packet::PubRec(Ack::success(again.id())));
        subscriber.expect_pubrel(first.id());
        subscriber.cut_and_wait();

        for _ in 0..2 {
            let mut subscriber = Client::connect(shared(), &options);
            let received = subscriber.receive();
            let Packet::PubRel(pubrel) = received.packet() else {
                panic!("{received:?} instead of PUBREL");
            };
            assert_eq!(pubrel.packet_id, first.id());
            subscriber.expect_silence();
            subscriber.cut_and_wait();
        }
        let mut subscriber = Client::connect(shared(), &options);
        subscriber.expect_pubrel(first.id());
        subscriber.send(&Packet::PubComp(Ack::success(first.id())));
        subscriber.expect_silence();
        subscriber.cut_and_wait();
        Client::connect(shared(), &options).expect_silence();
    }
}

/// [MQTT-4.3.3-9] [MQTT-4.4.0-2] [MQTT-3.5.2-1]: PUBREC with an error ends the delivery: no
/// PUBREL, nothing again.
#[test]
fn refused_delivery_ends() {
    let topic = unique("t");
    let options = Options::lasting(Version::V5);
    let mut subscriber = Client::connect(shared(), &options);
    subscriber.subscribe(&topic, QOS2);
    subscriber.publish(&topic, "unwanted", QOS2);
    let message = subscriber.expect_publish();
    subscriber.send(&Packet::PubRec(Ack {
        packet_id: message.id(),
        reason: ReasonCode::QuotaExceeded,
        properties: ReasonProperties::EMPTY,
    }));
    subscriber.expect_silence();
    subscriber.publish(&topic, "wanted", QOS2);
    subscriber.expect_message(&topic, "wanted", QOS2);
    subscriber.cut_and_wait();
    let mut subscriber = Client::connect(shared(), &options);
    assert!(subscriber.session_present());
    subscriber.expect_silence();
}

/// [MQTT-4.6.0-3] [MQTT-4.6.0-4] [MQTT3-4.6.0-3] [MQTT3-4.6.0-4]: PUBRECs in the order of the
/// PUBLISHes, PUBRELs in the order of the PUBRECs, in both directions.
#[test]
fn handshakes_keep_their_order() {
    for version in VERSIONS {
        let topic = unique("t");
        let (mut subscriber, mut publisher) = pair(version, &topic);
        let payloads = ["1", "2", "3", "4", "5"];
        let ids = payloads.map(|payload| publisher.send_publish(&topic, payload, QOS2));
        for id in ids {
            assert!(!publisher.expect_pubrec(id).is_error());
        }
        for id in ids {
            publisher.send(&Packet::PubRel(Ack::success(id)));
        }
        for id in ids {
            assert_eq!(publisher.expect_pubcomp(id), SUCCESS);
        }
        let messages: Vec<Message> = payloads
            .map(|payload| {
                let message = subscriber.expect_publish();
                assert_eq!(message.payload, payload);
                message
            })
            .into();
        for message in &messages {
            subscriber.send(&Packet::PubRec(Ack::success(message.id())));
        }
        for message in &messages {
            assert_eq!(subscriber.expect_pubrel(message.id()), SUCCESS);
            subscriber.send(&Packet::PubComp(Ack::success(message.id())));
        }
        subscriber.expect_silence();
    }
}

/// [MQTT-4.6.0-1] [MQTT-4.6.0-5] [MQTT3-4.6.0-1]: several half-done deliveries come again in
/// their old order.
#[test]
fn half_done_deliveries_keep_their_order() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut subscriber = Client::connect(shared(), &options);
        subscriber.subscribe(&topic, QOS2);
        let mut ids = Vec::new();
        for payload in ["1", "2", "3", "4"] {
            subscriber.publish(&topic, payload, QOS2);
            ids.push(subscriber.expect_publish().id());
        }
        subscriber.cut_and_wait();
        let mut subscriber = Client::connect(shared(), &options);
        for (payload, id) in ["1", "2", "3", "4"].into_iter().zip(ids) {
            let message = subscriber.expect_publish();
            assert_eq!((&*message.payload, message.id()), (payload, id));
            assert!(message.dup);
        }
    }
}

/// [MQTT-3.6.1-1] [MQTT-2.1.3-1] [MQTT3-3.6.1-1] [MQTT3-2.2.2-2]: the flags of PUBREL are 0010,
/// those of the other acknowledgements 0.
#[test]
fn flags_of_acknowledgements() {
    for version in VERSIONS {
        for first_byte in [
            0x60, 0x61, 0x63, 0x64, 0x6A, 0x6F, 0x41, 0x42, 0x52, 0x58, 0x72,
        ] {
            let mut client = Client::connect(shared(), &Options::clean(version));
            client.send_bytes(&[first_byte, 2, 0, 1]);
            client.expect_disconnect(ReasonCode::MalformedPacket);
        }
    }
}

/// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]: codes that these packets do not
/// have end the connection.
#[test]
fn codes_of_acknowledgements() {
    for (first_byte, code) in [
        (0x40, 0x92),
        (0x40, 0x01),
        (0x50, 0x92),
        (0x62, 0x10),
        (0x62, 0x80),
        (0x70, 0x91),
        (0x70, 0xFF),
    ] {
        let mut client = Client::connect(shared(), &Options::clean(Version::V5));
        client.send_bytes(&[first_byte, 3, 0, 1, code]);
        client.expect_end();
    }
}
