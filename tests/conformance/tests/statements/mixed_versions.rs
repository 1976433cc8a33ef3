//! Clients of both versions on one topic, and MQTT 3.1, the dialect before 3.1.1.

use catena_conformance::{
    Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, WillMessage, post, properties, raw, subscription,
    unique,
};
use catena_mqtt::{Forwarded, Limits, Property, Publish, ReasonCode, Version};

use crate::shared;

const EVERY_VERSION: [Version; 3] = [Version::V5, Version::V311, Version::V31];

fn client(version: Version) -> Client {
    Client::connect(shared(), &Options::clean(version))
}

/// [MQTT3-7.0.0-2] [MQTT3-4.5.0-1] [MQTT-4.5.0-1]: each version publishes to each, live and kept;
/// what a version does not have is left out.
#[test]
fn versions_understand_each_other() {
    for from in EVERY_VERSION {
        for to in EVERY_VERSION {
            for qos in EVERY_QOS {
                let topic = unique("t");
                let (mut publisher, mut live) = (client(from), client(to));
                live.subscribe(&topic, QOS2);
                let bytes = properties(&[
                    Property::ContentType("text/plain"),
                    Property::UserProperty("k", "v"),
                ]);
                let forwarded = Forwarded::parse(&bytes, &Limits::DEFAULT).expect("properties");
                publisher.publish_as(&Publish {
                    retain: true,
                    forwarded,
                    message_expiry: Some(100),
                    ..post(&topic, "hello", qos, None)
                });
                let mut messages = vec![live.expect_message(&topic, "hello", qos)];
                let mut later = client(to);
                later.subscribe(&topic, QOS2);
                messages.push(later.expect_message(&topic, "hello", qos));
                assert_eq!([messages[0].retain, messages[1].retain], [false, true]);
                let both_v5 = from.is_v5() && to.is_v5();
                for message in messages {
                    let expected: &[u8] = if both_v5 { &bytes } else { &[] };
                    assert_eq!(message.forwarded, expected);
                    assert_eq!(message.expiry.is_some(), both_v5);
                }
            }
        }
    }
}

/// [MQTT-3.1.2-8] [MQTT3-3.1.2-8]: wills too, each way.
#[test]
fn wills_reach_every_version() {
    for from in EVERY_VERSION {
        let topic = unique("w");
        let mut watchers = EVERY_VERSION.map(client);
        for watcher in &mut watchers {
            watcher.subscribe(&topic, QOS2);
        }
        let will = WillMessage::new(&topic, "gone", QOS2);
        Client::connect(shared(), &Options::clean(from).with_will(will)).cut();
        for watcher in &mut watchers {
            watcher.expect_message(&topic, "gone", QOS2);
        }
    }
}

/// [MQTT-3.3.4-2] [MQTT3-3.3.5-1]: versions and QoS mix among the subscribers of one topic, also
/// in one share group.
#[test]
fn subscribers_of_all_kinds() {
    let topic = unique("t");
    let mut subscribers = Vec::new();
    for version in EVERY_VERSION {
        for qos in EVERY_QOS {
            let mut subscriber = client(version);
            subscriber.subscribe(&topic, qos);
            subscribers.push((subscriber, qos));
        }
    }
    let mut publisher = client(Version::V5);
    for qos in EVERY_QOS {
        publisher.publish(&topic, "hello", qos);
        for (subscriber, granted) in &mut subscribers {
            subscriber.expect_message(&topic, "hello", qos.min(*granted));
        }
    }
    let mut member = client(Version::V311);
    member.subscribe(&format!("$share/g/{topic}"), QOS1);
    publisher.publish(&topic, "for one", QOS2);
    member.expect_message(&topic, "for one", QOS1);
}

/// [MQTT3-3.1.2-1] [MQTT-3.1.2-1]: the dialect has its own name and level, and they go together.
#[test]
fn dialect_has_its_name_and_level() {
    let id = raw::string(unique("c"));
    let mut dialect = Client::open(shared(), Version::V31);
    dialect.send_bytes(&raw::connect("MQIsdp", 3, 2, &[&id]));
    dialect.expect_accepted();
    dialect.expect_silence();
    for (name, level) in [
        ("MQIsdp", 4),
        ("MQIsdp", 5),
        ("MQIsdp", 2),
        ("MQTT", 3),
        ("MQisdp", 3),
    ] {
        let mut client = Client::open(shared(), Version::V31);
        client.send_bytes(&raw::connect(name, level, 2, &[&id]));
        client.expect_end();
    }
}

/// [MQTT3-3.2.2-2] [MQTT3-3.1.2-4] [MQTT3-3.1.3-8]: the dialect has no session present, but it
/// has sessions; it has no empty identifier.
#[test]
fn dialect_has_sessions_but_does_not_tell() {
    let topic = unique("t");
    let options = Options::lasting(Version::V31);
    let mut dialect = Client::connect(shared(), &options);
    dialect.subscribe(&topic, QOS1);
    dialect.disconnect();
    client(Version::V5).publish(&topic, "queued", QOS1);
    let mut dialect = Client::open(shared(), Version::V31);
    dialect.send_bytes(&options.bytes());
    let received = dialect.receive();
    assert_eq!(
        (received.first_byte(), received.body()),
        (0x20, &[0, 0][..])
    );
    dialect.expect_message(&topic, "queued", QOS1);
    let mut nameless = Client::open(shared(), Version::V31);
    nameless.send_bytes(&raw::connect("MQIsdp", 3, 2, &[&raw::string("")]));
    nameless.expect_refused(ReasonCode::ClientIdentifierNotValid);
}

/// [MQTT3-3.8.4-1] [MQTT3-3.10.4-4] [MQTT3-4.3.3-2]: the dialect repeats SUBSCRIBE, UNSUBSCRIBE
/// and PUBREL with DUP, and may use all of its packets.
#[test]
fn dialect_may_repeat_requests() {
    let topic = unique("t");
    let mut dialect = client(Version::V31);
    dialect.subscribe(&topic, QOS2);
    let filter = raw::string(&topic);
    dialect.send_bytes(&raw::packet(0x8A, &[b"\0\x40", &filter, b"\x01"]));
    assert_eq!(dialect.receive().first_byte(), 0x90);
    for qos in EVERY_QOS {
        dialect.publish(&topic, "hello", qos);
        dialect.expect_message(&topic, "hello", qos.min(QOS1));
    }
    dialect.send_bytes(&raw::packet(0x34, &[&filter, b"\0\x41payload"]));
    dialect.receive_meant(|packet| matches!(packet, catena_mqtt::Packet::PubRec(_)));
    dialect.send_bytes(b"\x6A\x02\0\x41");
    dialect.receive_meant(|packet| matches!(packet, catena_mqtt::Packet::PubComp(_)));
    dialect.expect_message(&topic, "payload", QOS1);
    dialect.send_bytes(&raw::packet(0xAA, &[b"\0\x42", &filter]));
    assert_eq!(dialect.receive().first_byte(), 0xB0);
    dialect.publish(&topic, "to nobody", QOS0);
    dialect.expect_silence();
    let codes = dialect.subscribe_all(&[(&topic, subscription(QOS0))], None);
    assert_eq!(codes, [ReasonCode::Success]);
}
