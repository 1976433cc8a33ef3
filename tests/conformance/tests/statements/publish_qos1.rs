//! QoS 1 in both directions (sections 3.4 and 4.3.2).

use std::collections::BTreeSet;

use catena_conformance::{Client, Options, QOS0, QOS1, id, post, unique};
use catena_mqtt::{Ack, Packet, PacketId, Publish, ReasonCode, ReasonProperties, Version};

use crate::{VERSIONS, shared};

/// [MQTT-4.3.2-4] [MQTT-3.3.4-1] [MQTT-2.2.1-5] [MQTT3-4.3.2-2] [MQTT3-3.3.4-1]
/// [MQTT3-2.3.1-6]: PUBACK repeats the identifier, whatever it is.
#[test]
fn publish_is_acknowledged_with_its_identifier() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = Client::connect(shared(), &Options::clean(version));
        for number in [1, 2, 255, 256, 0x1234, 65_535] {
            let id = PacketId::new(number);
            client.send(&Packet::Publish(post(&topic, "x", QOS1, id)));
            let received = client.receive();
            assert_eq!(received.first_byte(), 0x40);
            assert_eq!(received.body()[..2], number.to_be_bytes());
        }
    }
}

/// [MQTT-3.4.2-1]: success with subscribers, 0x10 at most without, and in 3.1.1 no code at all.
#[test]
fn puback_tells_whether_somebody_subscribes() {
    let topic = unique("t");
    let mut client = Client::connect(shared(), &Options::clean(Version::V5));
    let nobody = client.publish(&topic, "to nobody", QOS1);
    assert!(matches!(
        nobody,
        ReasonCode::Success | ReasonCode::NoMatchingSubscribers
    ));
    client.subscribe(&topic, QOS0);
    let somebody = client.publish(&topic, "to somebody", QOS1);
    assert_eq!(somebody, ReasonCode::Success);
    let mut old = Client::connect(shared(), &Options::clean(Version::V311));
    old.send_publish(&unique("t"), "to nobody", QOS1);
    assert_eq!(old.receive().size(), 4);
}

/// [MQTT-4.3.2-5] [MQTT3-4.3.2-2]: after PUBACK the same identifier is a new message, even with
/// DUP.
#[test]
fn identifier_is_free_after_puback() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut subscriber = Client::connect(shared(), &Options::clean(version));
        subscriber.subscribe(&topic, QOS1);
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        let seven = id(7);
        for (payload, dup) in [("1", false), ("2", false), ("3", true)] {
            let publish = post(&topic, payload, QOS1, Some(seven));
            publisher.send(&Packet::Publish(Publish { dup, ..publish }));
            publisher.expect_puback(seven);
            subscriber.expect_message(&topic, payload, QOS1);
        }
    }
}

/// [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.2-3] [MQTT3-2.3.1-4] [MQTT3-4.3.2-1]:
/// unacknowledged deliveries have identifiers of their own, and DUP 0.
#[test]
fn deliveries_have_unused_identifiers() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut subscriber = Client::connect(shared(), &Options::clean(version));
        subscriber.subscribe(&topic, QOS1);
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        let mut used = BTreeSet::new();
        let mut messages = Vec::new();
        for number in 0..20 {
            publisher.publish(&topic, &number.to_string(), QOS1);
            let message = subscriber.expect_publish();
            assert!(used.insert(message.id()), "{} is in use", message.id());
            assert!(!message.dup);
            messages.push(message);
        }
        for message in &messages {
            subscriber.acknowledge(message);
        }
        publisher.publish(&topic, "after", QOS1);
        subscriber.expect_message(&topic, "after", QOS1);
        subscriber.expect_silence();
    }
}

/// [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1] [MQTT3-4.4.0-1] [MQTT3-3.3.1-1]
/// [MQTT3-4.6.0-1] [MQTT3-3.1.2-5]: what was not acknowledged comes again in a resumed session,
/// with DUP, the same identifier and in the old order, before what is new.
#[test]
fn unacknowledged_comes_again_on_resumption_only() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut subscriber = Client::connect(shared(), &options);
        subscriber.subscribe(&topic, QOS1);
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        let mut first = Vec::new();
        for payload in ["1", "2", "3"] {
            publisher.publish(&topic, payload, QOS1);
            first.push(subscriber.expect_publish());
        }
        // Not again while the connection lasts.
        subscriber.expect_silence();
        subscriber.acknowledge(&first[1]);
        subscriber.expect_silence();
        subscriber.cut_and_wait();
        publisher.publish(&topic, "4", QOS1);
        let mut subscriber = Client::connect(shared(), &options);
        assert!(subscriber.session_present());
        for old in [&first[0], &first[2]] {
            let message = subscriber.expect_message(&topic, &old.payload, QOS1);
            assert_eq!((message.dup, message.id()), (true, old.id()));
        }
        let new = subscriber.expect_message(&topic, "4", QOS1);
        assert!(!new.dup);
        subscriber.expect_silence();
        subscriber.disconnect();
        let mut subscriber = Client::connect(shared(), &options);
        subscriber.expect_silence();
    }
}

/// [MQTT-4.4.0-2]: a PUBACK with an error is an acknowledgement too.
#[test]
fn refused_delivery_does_not_come_again() {
    let topic = unique("t");
    let options = Options::lasting(Version::V5);
    let mut subscriber = Client::connect(shared(), &options);
    subscriber.subscribe(&topic, QOS1);
    subscriber.publish(&topic, "unwanted", QOS1);
    let message = subscriber.expect_publish();
    subscriber.send(&Packet::PubAck(Ack {
        packet_id: message.id(),
        reason: ReasonCode::ImplementationSpecificError,
        properties: ReasonProperties {
            reason_string: Some("no room"),
            ..ReasonProperties::EMPTY
        },
    }));
    subscriber.expect_silence();
    subscriber.cut_and_wait();
    let mut subscriber = Client::connect(shared(), &options);
    assert!(subscriber.session_present());
    subscriber.expect_silence();
}

/// [MQTT-4.6.0-2] [MQTT3-4.6.0-2] [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT3-4.6.0-5]
/// [MQTT3-4.6.0-6]: acknowledged and delivered in the order of the publishes.
#[test]
fn order_is_kept() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut subscriber = Client::connect(shared(), &Options::clean(version));
        subscriber.subscribe(&topic, QOS1);
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        let payloads: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        let ids: Vec<_> = payloads
            .iter()
            .map(|payload| publisher.send_publish(&topic, payload, QOS1))
            .collect();
        for id in ids {
            publisher.expect_puback(id);
        }
        for payload in payloads {
            subscriber.expect_message(&topic, &payload, QOS1);
        }
    }
}

/// [MQTT-3.4.2-1]: an acknowledgement of nothing does no harm.
#[test]
fn unknown_puback_is_ignored_or_ends_the_connection() {
    for version in VERSIONS {
        let mut client = Client::connect(shared(), &Options::clean(version));
        client.send_bytes(b"\x40\x02\0\x07");
        client.send(&Packet::PingReq);
        match client.receive_or_end() {
            Some(received) => assert!(!matches!(received.packet(), Packet::Publish(_))),
            None => assert!(!version.is_v5(), "5.0 is told why"),
        }
    }
}
