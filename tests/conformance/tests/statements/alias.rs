//! Topic aliases in both directions (section 3.3.2.3.4).

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use catena_conformance::{Broker, Client, Options, QOS0, QOS1, QOS2, post, raw, unique};
use catena_mqtt::{Publish, Qos, ReasonCode, Version};

use crate::shared;

fn client() -> Client {
    Client::connect(shared(), &Options::clean(Version::V5))
}

fn aliased<'a>(topic: &'a str, alias: u16, payload: &'a str, qos: Qos) -> Publish<'a> {
    Publish {
        topic_alias: NonZeroU16::new(alias),
        ..post(topic, payload, qos, None)
    }
}

/// [MQTT-3.3.2-12] [MQTT-3.3.2-7]: the broker takes every alias up to its maximum, at every QoS;
/// an alias can be set again, and means nothing on another connection.
#[test]
fn aliases_stand_for_topics() {
    let (one, two) = (unique("t"), unique("t"));
    let mut subscriber = client();
    subscriber.subscribe(&one, QOS2);
    subscriber.subscribe(&two, QOS2);
    let mut publisher = client();
    let maximum = publisher.connack().properties.topic_alias_maximum;
    assert!(maximum > 1, "the tests need two aliases");
    for (topic, alias, expected, qos) in [
        (&*one, 1, &one, QOS1),
        ("", 1, &one, QOS0),
        (&two, maximum, &two, QOS2),
        ("", maximum, &two, QOS2),
        ("", 1, &one, QOS1),
        // The alias changes its topic.
        (&two, 1, &two, QOS0),
        ("", 1, &two, QOS1),
        ("", maximum, &two, QOS1),
        (&one, maximum, &one, QOS1),
        ("", maximum, &one, QOS2),
        ("", 1, &two, QOS2),
    ] {
        publisher.publish_as(&aliased(topic, alias, "hello", qos));
        let message = subscriber.expect_message(expected, "hello", qos);
        // The subscriber has asked for none [MQTT-3.1.2-27].
        assert_eq!(message.topic_alias, None);
    }
    let mut other = client();
    other.send(&catena_mqtt::Packet::Publish(aliased("", 1, "hello", QOS0)));
    other.expect_disconnect(ReasonCode::ProtocolError);
}

/// [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.2.2-17]: 0 and what is above the maximum end the
/// connection.
#[test]
fn aliases_have_their_limits() {
    let maximum = client().connack().properties.topic_alias_maximum;
    for alias in [0, maximum + 1, u16::MAX] {
        let mut client = client();
        let topic = raw::string(unique("t"));
        let [high, low] = alias.to_be_bytes();
        let properties = raw::section(&[&[0x23, high, low]]);
        client.send_bytes(&raw::packet(0x30, &[&topic, &properties, b"payload"]));
        client.expect_disconnect(ReasonCode::TopicAliasInvalid);
    }
}

/// [MQTT-3.3.2-7]: an alias that was never set stands for nothing, and so does no topic at all.
#[test]
fn unset_alias_is_a_protocol_error() {
    for properties in [&b"\x03\x23\0\x02"[..], b"\0"] {
        let mut client = client();
        client.send_bytes(&raw::packet(0x30, &[b"\0\0", properties, b"payload"]));
        client.expect_disconnect(ReasonCode::ProtocolError);
    }
}

/// [MQTT-3.3.2-7] [MQTT-3.3.2-12]: the aliases of a session end with its connection.
#[test]
fn aliases_end_with_the_connection() {
    let topic = unique("t");
    let options = Options::lasting(Version::V5);
    let mut publisher = Client::connect(shared(), &options);
    publisher.publish_as(&aliased(&topic, 1, "hello", QOS1));
    publisher.cut_and_wait();
    let mut publisher = Client::connect(shared(), &options);
    assert!(publisher.session_present());
    publisher.send(&catena_mqtt::Packet::Publish(aliased("", 1, "hello", QOS0)));
    publisher.expect_disconnect(ReasonCode::ProtocolError);
}

/// [MQTT-3.1.2-26] [MQTT-3.3.2-11] [MQTT-3.3.2-10]: towards a client, aliases stay within its
/// maximum, and each is set before it is used alone.
#[test]
fn aliases_towards_a_client_stay_within_its_maximum() {
    let base = unique("t");
    let mut subscriber = Client::connect(
        shared(),
        &Options {
            topic_alias_maximum: 2,
            ..Options::clean(Version::V5)
        },
    );
    subscriber.subscribe(&format!("{base}/+"), QOS1);
    let mut publisher = client();
    let mut known = BTreeMap::new();
    for number in [0, 1, 2, 3, 0, 1, 2, 3, 0, 0, 3, 3] {
        let topic = format!("{base}/{number}");
        publisher.publish(&topic, &topic, QOS1);
        let message = subscriber.take();
        if let Some(alias) = message.topic_alias {
            assert!((1..=2).contains(&alias));
            if !message.topic.is_empty() {
                known.insert(alias, message.topic.clone());
            }
            assert_eq!(known.get(&alias), Some(&message.payload));
        } else {
            assert_eq!(message.topic, message.payload);
        }
    }
}

/// [MQTT-3.1.2-27]: no maximum, or 0, is no alias.
#[test]
fn no_alias_unless_asked() {
    let topic = unique("t");
    let mut subscriber = client();
    subscriber.subscribe(&topic, QOS1);
    let mut publisher = client();
    for _ in 0..5 {
        publisher.publish_as(&aliased(&topic, 1, "hello", QOS1));
        let message = subscriber.expect_message(&topic, "hello", QOS1);
        assert_eq!(message.topic_alias, None);
    }
}

/// [MQTT-3.2.2-18]: a broker without aliases announces none and takes none.
#[test]
fn broker_without_aliases() {
    let broker = Broker::start(&["spec.catena.limits.topicAliasMaximum=0"]);
    let mut client = Client::connect(&broker, &Options::clean(Version::V5));
    assert_eq!(client.connack().properties.topic_alias_maximum, 0);
    client.send(&catena_mqtt::Packet::Publish(aliased(
        "a/b", 1, "hello", QOS0,
    )));
    client.expect_disconnect(ReasonCode::TopicAliasInvalid);
}
