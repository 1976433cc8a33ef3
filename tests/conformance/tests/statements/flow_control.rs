//! Receive Maximum in both directions (sections 3.3.4 and 4.9).

use catena_conformance::{Broker, Client, Options, QOS0, QOS1, QOS2, subscription, unique};
use catena_mqtt::{Ack, Packet, ReasonCode, ReasonProperties, Version};

use crate::shared;

fn client() -> Client {
    Client::connect(shared(), &Options::clean(Version::V5))
}

fn limited(receive_maximum: u16) -> Options {
    Options {
        receive_maximum: Some(receive_maximum),
        ..Options::lasting(Version::V5)
    }
}

/// [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]: never more unacknowledged than the client
/// takes; each acknowledgement makes room for one.
#[test]
fn deliveries_stay_within_the_window() {
    for (maximum, qos) in [(1, QOS1), (3, QOS1), (1, QOS2), (3, QOS2)] {
        let topic = unique("t");
        let mut subscriber = Client::connect(shared(), &limited(maximum));
        subscriber.subscribe(&topic, qos);
        let mut publisher = client();
        let payloads: Vec<_> = (0..10).map(|number| number.to_string()).collect();
        for payload in &payloads {
            publisher.publish(&topic, payload, qos);
        }
        let mut window: std::collections::VecDeque<_> =
            (0..maximum).map(|_| subscriber.expect_publish()).collect();
        subscriber.expect_silence();
        let mut found = Vec::new();
        while let Some(message) = window.pop_front() {
            subscriber.acknowledge(&message);
            found.push(message.payload);
            if found.len() + window.len() < payloads.len() {
                window.push_back(subscriber.expect_publish());
            }
            subscriber.expect_silence();
        }
        assert_eq!(found, payloads);
    }
}

/// [MQTT-3.3.4-10] [MQTT-4.9.0-3]: with a full window only PUBLISH at QoS 1 and 2 waits.
#[test]
fn everything_else_flows_with_a_full_window() {
    let (topic, other) = (unique("t"), unique("t"));
    let mut subscriber = Client::connect(shared(), &limited(2));
    subscriber.subscribe(&topic, QOS2);
    let mut publisher = client();
    for payload in ["1", "2", "3"] {
        publisher.publish(&topic, payload, QOS2);
    }
    let (one, two) = (subscriber.expect_publish(), subscriber.expect_publish());
    subscriber.expect_silence();
    subscriber.subscribe(&other, QOS0);
    publisher.publish(&other, "now", QOS0);
    subscriber.expect_message(&other, "now", QOS0);
    // Both directions of the client's own publishes.
    subscriber.publish(&unique("t"), "out", QOS1);
    subscriber.publish(&unique("t"), "out", QOS2);
    subscriber.unsubscribe(&[&other]);
    // PUBREC alone frees no place, PUBCOMP does.
    subscriber.send(&Packet::PubRec(Ack::success(one.id())));
    subscriber.expect_pubrel(one.id());
    subscriber.expect_silence();
    subscriber.send(&Packet::PubComp(Ack::success(one.id())));
    let three = subscriber.expect_publish();
    assert_eq!(three.payload, "3");
    subscriber.acknowledge(&two);
    subscriber.acknowledge(&three);
    subscriber.expect_silence();
}

/// [MQTT-4.9.0-1] [MQTT-4.4.0-2]: a PUBREC with an error frees its place.
#[test]
fn refusal_makes_room() {
    let topic = unique("t");
    let mut subscriber = Client::connect(shared(), &limited(1));
    subscriber.subscribe(&topic, QOS2);
    let mut publisher = client();
    publisher.publish(&topic, "unwanted", QOS2);
    publisher.publish(&topic, "wanted", QOS2);
    let message = subscriber.expect_publish();
    subscriber.send(&Packet::PubRec(Ack {
        packet_id: message.id(),
        reason: ReasonCode::UnspecifiedError,
        properties: ReasonProperties::EMPTY,
    }));
    subscriber.expect_message(&topic, "wanted", QOS2);
}

/// [MQTT-3.3.4-9] [MQTT-4.4.0-1]: on resumption, what was unacknowledged counts against the new
/// window, whatever the old one was.
#[test]
fn resumed_deliveries_count() {
    let topic = unique("t");
    let options = limited(5);
    let mut subscriber = Client::connect(shared(), &options);
    subscriber.subscribe(&topic, QOS1);
    let mut publisher = client();
    for number in 0..8 {
        publisher.publish(&topic, &number.to_string(), QOS1);
    }
    for _ in 0..5 {
        subscriber.expect_publish();
    }
    subscriber.expect_silence();
    subscriber.cut_and_wait();
    let narrow = Options {
        receive_maximum: Some(2),
        ..options
    };
    let mut subscriber = Client::connect(shared(), &narrow);
    let mut window = vec![subscriber.expect_publish(), subscriber.expect_publish()];
    subscriber.expect_silence();
    for number in 0..8 {
        let message = window.remove(0);
        assert_eq!(message.payload, number.to_string());
        assert_eq!(message.dup, number < 5);
        subscriber.acknowledge(&message);
        if number < 6 {
            window.push(subscriber.expect_publish());
        }
    }
    subscriber.expect_silence();
}

/// [MQTT-3.3.4-9]: without a Receive Maximum, and for 3.1.1, the window is that of the protocol.
#[test]
fn default_window_is_wide() {
    for version in crate::VERSIONS {
        let topic = unique("t");
        let mut subscriber = Client::connect(shared(), &Options::clean(version));
        subscriber.subscribe(&topic, QOS1);
        let mut publisher = client();
        let ids: Vec<_> = (0..300)
            .map(|number| publisher.send_publish(&topic, &number.to_string(), QOS1))
            .collect();
        for id in ids {
            publisher.expect_puback(id);
        }
        let messages: Vec<_> = (0..300).map(|_| subscriber.expect_publish()).collect();
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(message.payload, number.to_string());
        }
    }
}

/// [MQTT-3.3.4-7] [MQTT-3.3.4-8]: a client that has more QoS 2 publishes unfinished than the
/// broker takes is told 0x93; up to then, and when one is finished, all is well.
#[test]
fn clients_keep_to_the_window_of_the_broker() {
    let broker = Broker::start(&["spec.catena.limits.receiveMaximum=2"]);
    let mut client = Client::connect(&broker, &Options::clean(Version::V5));
    let properties = client.connack().properties;
    assert_eq!(
        properties.receive_maximum.map(|maximum| maximum.get()),
        Some(2)
    );
    let one = client.send_publish("a/b", "1", QOS2);
    let two = client.send_publish("a/b", "2", QOS2);
    assert!(!client.expect_pubrec(one).is_error());
    assert!(!client.expect_pubrec(two).is_error());
    // With a full window everything but PUBLISH is the client's to send.
    client.expect_silence();
    client.subscribe_as("a/b", subscription(QOS1), None);
    client.send(&Packet::PubRel(Ack::success(one)));
    assert_eq!(client.expect_pubcomp(one), ReasonCode::Success);
    let three = client.send_publish("a/b", "3", QOS2);
    assert!(!client.expect_pubrec(three).is_error());
    client.send_publish("a/b", "4", QOS2);
    let is_end = |packet: &Packet<'_>| matches!(packet, Packet::Disconnect(_));
    let end = client.receive_meant(is_end);
    let is_right = matches!(end.packet(), Packet::Disconnect(disconnect)
        if disconnect.reason == ReasonCode::ReceiveMaximumExceeded);
    assert!(is_right, "{end:?}");
}

/// [MQTT-3.3.4-7]: QoS 0 does not count, and an acknowledged QoS 1 no more.
#[test]
fn window_counts_only_what_is_open() {
    let broker = Broker::start(&["spec.catena.limits.receiveMaximum=1"]);
    let mut client = Client::connect(&broker, &Options::clean(Version::V5));
    let open = client.send_publish("a/b", "1", QOS2);
    assert!(!client.expect_pubrec(open).is_error());
    for _ in 0..10 {
        client.publish("a/b", "0", QOS0);
    }
    client.expect_silence();
    client.send(&Packet::PubRel(Ack::success(open)));
    client.expect_pubcomp(open);
    for _ in 0..10 {
        client.publish("a/b", "1", QOS1);
    }
    client.expect_silence();
}
