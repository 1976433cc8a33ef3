//! QoS 0, and what holds for every PUBLISH (sections 3.3 and 4.3.1).

use catena_conformance::{
    Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, post, raw, subscription, unique,
};
use catena_mqtt::{Packet, Publish, ReasonCode, Version};

use crate::{VERSIONS, shared};

/// [MQTT-4.3.1-1] [MQTT-3.3.1-2] [MQTT-2.2.1-2] [MQTT3-4.3.1-1] [MQTT3-2.3.1-5]: sent and
/// delivered without identifier, DUP and acknowledgement.
#[test]
fn qos0_is_delivered_and_forgotten() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = Client::connect(shared(), &Options::clean(version));
        client.subscribe(&topic, QOS2);
        client.publish(&topic, "hello", QOS0);
        let received = client.receive();
        assert_eq!(received.first_byte(), 0x30);
        let message = received.message().expect("a message");
        assert_eq!((&*message.payload, message.packet_id), ("hello", None));
        client.expect_silence();
    }
}

/// [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT3-3.3.1-2] [MQTT3-3.3.1-4] [MQTT-4.13.1-1]
/// [MQTT3-4.8.0-1]: QoS 3, and QoS 0 with DUP, end the connection.
#[test]
fn impossible_flags_end_the_connection() {
    for version in VERSIONS {
        for first_byte in [0x36, 0x37, 0x3E, 0x38, 0x39] {
            let mut client = Client::connect(shared(), &Options::clean(version));
            let topic = raw::string(unique("t"));
            client.send_bytes(&raw::packet(first_byte, &[&topic, &[0, 1], b"\0payload"]));
            client.expect_disconnect(ReasonCode::MalformedPacket);
        }
    }
}

/// [MQTT-2.2.1-3] [MQTT3-2.3.1-1]: above QoS 0 the identifier is not 0.
#[test]
fn packet_identifier_is_not_zero() {
    for version in VERSIONS {
        for first_byte in [0x32, 0x34] {
            let mut client = Client::connect(shared(), &Options::clean(version));
            let topic = raw::string(unique("t"));
            client.send_bytes(&raw::packet(first_byte, &[&topic, &[0, 0], b"\0payload"]));
            client.expect_disconnect(ReasonCode::ProtocolError);
        }
    }
}

/// [MQTT-3.3.2-1] [MQTT-3.3.2-2] [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT3-3.3.2-1]
/// [MQTT3-3.3.2-2] [MQTT3-4.7.1-1] [MQTT3-4.7.3-1] [MQTT3-4.7.3-2]: a topic name is text, is not
/// empty and has no wildcard.
#[test]
fn topic_name_is_well_formed() {
    let bad: [&[u8]; 9] = [
        b"",
        b"#",
        b"a/#",
        b"+",
        b"a/+/b",
        b"a+",
        b"a\0b",
        b"a/\xED\xA0\x80",
        b"a/\xC3",
    ];
    for version in VERSIONS {
        for topic in bad {
            let mut client = Client::connect(shared(), &Options::clean(version));
            client.send_bytes(&raw::packet(0x30, &[&raw::string(topic), b"\0payload"]));
            client.expect_end();
        }
        let mut client = Client::connect(shared(), &Options::clean(version));
        client.send_bytes(&raw::packet(0x30, &[b"\0\x09short"]));
        client.expect_end();
    }
}

/// [MQTT-1.5.4-3] [MQTT3-1.5.3-3] [MQTT-4.7.3-4] [MQTT3-4.7.3-4]: U+FEFF is a character like any
/// other, and nothing is normalised.
#[test]
fn topics_are_compared_byte_by_byte() {
    for version in VERSIONS {
        let base = unique("t");
        let topics = [
            format!("{base}/a"),
            format!("{base}/A"),
            format!("{base}/\u{FEFF}a"),
            format!("{base}/a\u{FEFF}"),
            format!("{base}/a/"),
            format!("{base}//a"),
            format!("{base}/\u{E5}"),
            format!("{base}/a\u{30A}"),
        ];
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        for filter in &topics {
            let mut subscriber = Client::connect(shared(), &Options::clean(version));
            subscriber.subscribe(filter, QOS1);
            for topic in &topics {
                publisher.publish(topic, topic, QOS1);
            }
            subscriber.expect_message(filter, filter, QOS1);
            subscriber.expect_silence();
        }
    }
}

/// [MQTT-3.8.4-8] [MQTT3-3.8.4-6] [MQTT-4.3.2-1] [MQTT-4.3.3-1]: delivered at the lower of the
/// QoS published and granted, whatever the other version.
#[test]
fn delivery_is_at_the_lower_qos() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut publisher = Client::connect(shared(), &Options::clean(Version::V5));
        for granted in EVERY_QOS {
            let mut subscriber = Client::connect(shared(), &Options::clean(version));
            subscriber.subscribe(&topic, granted);
            for published in EVERY_QOS {
                let payload = format!("{published:?}");
                publisher.publish(&topic, &payload, published);
                subscriber.expect_message(&topic, &payload, published.min(granted));
            }
        }
    }
}

/// [MQTT-3.3.2-3] [MQTT3-3.3.2-3] [MQTT-4.5.0-1] [MQTT3-4.5.0-1]: every matching session gets the
/// message under the topic it was published to, and no other session does.
#[test]
fn every_matching_session_gets_the_message() {
    for version in VERSIONS {
        let base = unique("t");
        let topic = format!("{base}/a/b");
        let filters = ["a/b", "a/+", "+/b", "#", "a/#", "a/b/#", "+/+"];
        let mut matching: Vec<_> = filters
            .iter()
            .map(|filter| {
                let mut client = Client::connect(shared(), &Options::clean(version));
                client.subscribe(&format!("{base}/{filter}"), QOS2);
                client
            })
            .collect();
        let mut other = Client::connect(shared(), &Options::clean(version));
        for filter in ["a", "a/b/c", "+", "a/b/+", "b/#"] {
            other.subscribe(&format!("{base}/{filter}"), QOS2);
        }
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        for qos in EVERY_QOS {
            publisher.publish(&topic, "hello", qos);
            for client in &mut matching {
                let message = client.expect_message(&topic, "hello", qos);
                assert!(!message.retain && !message.dup);
            }
        }
        other.expect_silence();
    }
}

/// [MQTT-3.3.1-3] [MQTT3-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2]: DUP of what came is not passed
/// on.
#[test]
fn dup_is_not_passed_on() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = Client::connect(shared(), &Options::clean(version));
        client.subscribe(&topic, QOS2);
        for qos in [QOS1, QOS2] {
            client.publish_as(&Publish {
                dup: true,
                ..post(&topic, "again", qos, None)
            });
            let message = client.expect_message(&topic, "again", qos);
            assert!(!message.dup);
        }
    }
}

/// [MQTT-3.3.4-6]: a client's PUBLISH has no subscription identifier.
#[test]
fn subscription_identifier_is_for_the_broker() {
    let mut client = Client::connect(shared(), &Options::clean(Version::V5));
    let topic = raw::string(unique("t"));
    let properties = raw::section(&[b"\x0B\x01"]);
    client.send_bytes(&raw::packet(0x30, &[&topic, &properties, b"payload"]));
    client.expect_disconnect(ReasonCode::ProtocolError);
}

/// [MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] [MQTT-1.5.7-1] [MQTT-3.3.2-8]: properties of
/// PUBLISH with impossible values.
#[test]
fn properties_are_checked() {
    let refused: [&[u8]; 14] = [
        b"\x01\x02",
        b"\x01\0\x01\0",
        b"\x02\0\0\0\x01\x02\0\0\0\x01",
        b"\x03\0\x01\xFF",
        b"\x08\0\x03a/#",
        b"\x08\0\x01+",
        b"\x08\0\x01\xFF",
        b"\x09\0\x01a\x09\0\x01a",
        b"\x23\0\0",
        b"\x26\0\x01\xFF\0\x01v",
        b"\x26\0\x01k\0\x02\xC3",
        b"\x11\0\0\0\x01",
        b"\x0B\0",
        b"\x26\0\x01k",
    ];
    for properties in refused {
        let mut client = Client::connect(shared(), &Options::clean(Version::V5));
        let topic = raw::string(unique("t"));
        let properties = raw::section(&[properties]);
        client.send_bytes(&raw::packet(0x30, &[&topic, &properties, b"payload"]));
        client.expect_end();
    }
}

/// [MQTT-4.7.3-3] [MQTT3-4.7.3-3]: a topic name may take all that its length can tell.
#[test]
fn topics_may_be_long() {
    for version in VERSIONS {
        let topic = format!("{}/{}", unique("t"), "x".repeat(65_000));
        let mut client = Client::connect(shared(), &Options::clean(version));
        client.subscribe(&topic, QOS1);
        client.publish(&topic, "far", QOS1);
        client.expect_message(&topic, "far", QOS1);
    }
}

/// [MQTT-3.8.4-5] [MQTT-4.7.2-1] [MQTT3-4.7.2-1]: filters that begin with a wildcard do not
/// match topics that begin with `$`.
#[test]
fn wildcards_do_not_reach_system_topics() {
    for version in VERSIONS {
        let name = unique("t");
        let topic = format!("$private/{name}");
        let mut client = Client::connect(shared(), &Options::clean(version));
        let wanted = format!("$private/+/{name}");
        let filters = ["+/+", &format!("+/{name}"), &wanted, &topic];
        for filter in filters {
            client.subscribe_as(filter, subscription(QOS1), None);
        }
        client.publish(&topic, "private", QOS1);
        client.publish(&format!("x/{name}"), "public", QOS1);
        let is_private =
            |packet: &Packet<'_>| matches!(packet, Packet::Publish(one) if one.topic == topic);
        let private = client
            .receive_meant(is_private)
            .message()
            .expect("a message");
        client.acknowledge(&private);
        let mut public = 0;
        while public == 0 {
            let message = client.take();
            assert_ne!(message.topic, topic, "a wildcard has matched it");
            public += usize::from(message.payload == "public");
        }
    }
}
