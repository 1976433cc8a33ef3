//! Maximum Packet Size in both directions, and what fits in small packets (sections 3.1.2.11.4
//! and 3.2.2.3.6).

use catena_conformance::{
    Broker, Client, Options, QOS0, QOS1, QOS2, post, properties, raw, subscription, unique,
};
use catena_mqtt::{
    Ack, Forwarded, Limits, Packet, Property, Publish, ReasonCode, SubscriptionOptions, Version,
};

use crate::shared;

fn limited(maximum_packet_size: u32) -> Options {
    Options {
        maximum_packet_size: Some(maximum_packet_size),
        ..Options::lasting(Version::V5)
    }
}

fn publisher() -> Client {
    Client::connect(shared(), &Options::clean(Version::V5))
}

/// [MQTT-3.1.2-24] [MQTT-3.1.2-25]: a message that is too large for a client is dropped for it as
/// if it had been sent, at each QoS, and goes to others.
#[test]
fn large_messages_are_dropped_for_whom_they_are_too_large() {
    let topic = unique("t");
    let mut small = Client::connect(shared(), &limited(100));
    small.subscribe(&topic, QOS2);
    let mut large = publisher();
    large.subscribe(&topic, QOS2);
    let mut publisher = publisher();
    // Header, topic, identifier and property length take 8 bytes besides the topic's own.
    let fitting = "x".repeat(100 - 7 - topic.len());
    let too_large = format!("{fitting}x");
    for (payload, qos, fits) in [
        (&*too_large, QOS1, false),
        (&fitting, QOS1, true),
        (&too_large, QOS2, false),
        (&"x".repeat(2_000), QOS0, false),
        (&fitting, QOS2, true),
        ("small", QOS0, true),
    ] {
        publisher.publish(&topic, payload, qos);
        large.expect_message(&topic, payload, qos);
        if fits {
            let message = small.expect_message(&topic, payload, qos);
            assert!(message.size <= 100);
        }
        small.expect_silence();
    }
}

/// [MQTT-3.1.2-25] [MQTT-3.1.2-24]: properties count, and messages that waited or were kept too.
#[test]
fn everything_of_a_message_counts() {
    let topic = unique("t");
    let options = limited(100);
    let mut small = Client::connect(shared(), &options);
    small.subscribe(&topic, QOS1);
    small.disconnect();
    let text = "v".repeat(80);
    let bytes = properties(&[Property::UserProperty("k", &text)]);
    let forwarded = Forwarded::parse(&bytes, &Limits::DEFAULT).expect("properties");
    let mut publisher = publisher();
    publisher.publish_as(&Publish {
        forwarded,
        retain: true,
        ..post(&topic, "kept", QOS1, None)
    });
    publisher.publish(&topic, "waiting", QOS1);
    let mut small = Client::connect(shared(), &options);
    small.expect_message(&topic, "waiting", QOS1);
    small.expect_silence();
    small.subscribe(&topic, QOS1);
    small.expect_silence();
}

/// [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3]
/// [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]
/// [MQTT-3.1.2-24]: answers to a client that takes almost nothing are as small as it says.
#[test]
fn answers_fit() {
    // The smallest CONNACK that tells of the limits of the broker is larger.
    let limit = 64;
    let mut client = Client::connect(shared(), &limited(limit));
    let id = client.next_id();
    client.send(&Packet::Publish(post("a/b", "x", QOS1, Some(id))));
    let mut received = vec![client.receive()];
    let id = client.next_id();
    client.send(&Packet::Publish(post("a/b", "x", QOS2, Some(id))));
    received.push(client.receive());
    client.send(&Packet::PubRel(Ack::success(id)));
    received.push(client.receive());
    client.send(&Packet::PubRel(Ack::success(id)));
    received.push(client.receive());
    client.send_bytes(b"\x50\x02\x7F\xFF");
    received.push(client.receive());
    client.send_subscribe(&[("$share/g/a/+", subscription(QOS1))], None);
    received.push(client.receive());
    client.send_unsubscribe(&["a/+/b", "x/y"]);
    received.push(client.receive());
    let kinds: Vec<_> = received.iter().map(|one| one.first_byte() >> 4).collect();
    assert_eq!(kinds, [4, 5, 7, 7, 6, 9, 11]);
    for one in &received {
        assert!(one.size() <= limit as usize, "{one:?}");
    }
    let Packet::PubRel(unknown) = received[4].packet() else {
        panic!("{received:?}");
    };
    assert_eq!(unknown.reason, ReasonCode::PacketIdentifierNotFound);
}

/// [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.1.2-24]: so is DISCONNECT.
#[test]
fn disconnect_fits() {
    let mut client = Client::connect(shared(), &limited(64));
    client.send_bytes(b"\x36\x02\0\0");
    let received = client.receive();
    assert!(matches!(received.packet(), Packet::Disconnect(_)));
    assert!(received.size() <= 64);
    client.expect_closed();
}

/// [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.2-24]: so is a CONNACK that refuses; and a client
/// that does not even take an acceptance is not accepted.
#[test]
fn connack_fits() {
    let mut client = Client::open(shared(), Version::V5);
    client.send_bytes(
        &Options {
            authentication_method: Some("unknown"),
            maximum_packet_size: Some(6),
            ..Options::clean(Version::V5)
        }
        .bytes(),
    );
    if let Some(received) = client.receive_or_end() {
        assert!(received.size() <= 6, "{received:?}");
        client.expect_closed();
    }
    let mut client = Client::open(shared(), Version::V5);
    client.send_bytes(&limited(1).bytes());
    client.expect_closed();
}

/// [MQTT-3.2.2-15]: what is larger than the broker takes ends the connection, with 0x95, before
/// all of it has come; what is just as large does not.
#[test]
fn clients_keep_to_the_size_of_the_broker() {
    let broker = Broker::start(&["spec.advanced.clients.maxPacketSizeBytes=1000"]);
    for version in crate::VERSIONS {
        let topic = "a/b";
        let mut client = Client::connect(&broker, &Options::clean(version));
        if version.is_v5() {
            let announced = client.connack().properties.maximum_packet_size;
            assert_eq!(announced.map(|bytes| bytes.get()), Some(1_000));
        }
        client.subscribe(topic, QOS0);
        let head = 3 + 2 + topic.len() + usize::from(version.is_v5());
        let payload = "x".repeat(1_000 - head);
        client.publish(topic, &payload, QOS0);
        client.expect_message(topic, &payload, QOS0);
        // Only the fixed header of a packet of 1,001 bytes.
        client.send_bytes(&raw::packet(0x30, &[&[0; 998]])[..3]);
        client.expect_disconnect(ReasonCode::PacketTooLarge);
    }
}

/// [MQTT-3.1.2-24] [MQTT-3.3.4-4]: subscription identifiers count like everything else.
#[test]
fn subscription_identifiers_count() {
    let topic = unique("t");
    let size = 7 + topic.len() as u32 + 10;
    let mut small = Client::connect(shared(), &limited(size.max(64)));
    let payload = "x".repeat(size.max(64) as usize - 7 - topic.len());
    let options = SubscriptionOptions {
        qos: QOS1,
        ..SubscriptionOptions::default()
    };
    small.subscribe_as(&topic, options, None);
    small.publish(&topic, "y", QOS1);
    small.expect_message(&topic, "y", QOS1);
    let mut publisher = publisher();
    publisher.publish(&topic, &payload, QOS1);
    small.expect_message(&topic, &payload, QOS1);
    small.subscribe_as(&topic, options, Some(1));
    publisher.publish(&topic, &payload, QOS1);
    small.expect_silence();
}
