//! Many clients at once: nothing lost, nothing twice, everything in order (sections 4.3, 4.5 and
//! 4.6).

use std::collections::BTreeMap;
use std::thread;

use catena_conformance::{Client, Message, Options, QOS0, QOS1, QOS2, unique};
use catena_mqtt::{Ack, Packet, PacketId, Qos, Version};

use crate::shared;

const PUBLISHERS: usize = 4;
const MESSAGES: usize = 200;

/// Publishes all messages of one publisher, without waiting for one before the next, and sees all
/// exchanges through.
fn publish_all(version: Version, topic: &str, publisher: usize, qos: Qos) {
    let mut client = Client::connect(shared(), &Options::clean(version));
    let ids: Vec<PacketId> = (0..MESSAGES)
        .map(|number| client.send_publish(topic, &format!("{publisher} {number}"), qos))
        .collect();
    for id in ids {
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => assert!(!client.expect_puback(id).is_error()),
            Qos::ExactlyOnce => {
                assert!(!client.expect_pubrec(id).is_error());
                client.send(&Packet::PubRel(Ack::success(id)));
                client.expect_pubcomp(id);
            }
        }
    }
    client.expect_silence();
}

/// Takes `count` messages and checks that those of each publisher come in order and once.
fn take_in_order(client: &mut Client, count: usize) -> Vec<Message> {
    let mut next = BTreeMap::new();
    let mut messages = Vec::new();
    for _ in 0..count {
        let message = client.await_publish();
        client.acknowledge(&message);
        let (publisher, number) = message.payload.split_once(' ').unwrap_or_default();
        let expected = next.entry(publisher.to_owned()).or_insert(0_usize);
        assert_eq!(number, expected.to_string(), "of publisher {publisher}");
        *expected += 1;
        messages.push(message);
    }
    messages
}

/// [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT-4.5.0-1] [MQTT-4.3.3-10] [MQTT3-4.6.0-5] [MQTT3-4.6.0-6]
/// [MQTT3-4.5.0-1]: each subscriber gets the messages of each publisher once and in order.
#[test]
fn many_publishers_and_subscribers() {
    for qos in [QOS1, QOS2] {
        let topic = unique("t");
        let versions = [Version::V5, Version::V311];
        let mut subscribers: Vec<_> = (0..4)
            .map(|number| {
                let options = Options::clean(versions[number % 2]);
                let mut client = Client::connect(shared(), &options);
                client.subscribe(&topic, qos);
                client
            })
            .collect();
        thread::scope(|scope| {
            for publisher in 0..PUBLISHERS {
                let topic = &topic;
                scope.spawn(move || publish_all(versions[publisher % 2], topic, publisher, qos));
            }
            for subscriber in &mut subscribers {
                scope.spawn(move || {
                    take_in_order(subscriber, PUBLISHERS * MESSAGES);
                    subscriber.expect_silence();
                });
            }
        });
    }
}

/// [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.1.2-5] [MQTT3-4.4.0-1] [MQTT3-4.6.0-1]
/// [MQTT3-3.1.2-5]: a subscriber that comes and goes while messages flow misses none, and at
/// QoS 2 gets none twice.
#[test]
fn subscriber_that_comes_and_goes() {
    for version in [Version::V5, Version::V311] {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&topic, QOS2);
        thread::scope(|scope| {
            let publisher = scope.spawn(|| publish_all(Version::V5, &topic, 0, QOS2));
            let mut taken = 0;
            while taken < MESSAGES {
                let wanted = 17.min(MESSAGES - taken);
                for number in taken..taken + wanted {
                    let message = client.await_publish();
                    assert_eq!(message.payload, format!("0 {number}"));
                    client.acknowledge(&message);
                }
                // All that was said is heard before the connection is cut.
                client.send(&Packet::PingReq);
                client.receive_meant(|packet| matches!(packet, Packet::PingResp));
                client.cut_and_wait();
                taken += wanted;
                client = Client::connect(shared(), &options);
                assert!(client.session_present());
            }
            assert!(publisher.join().is_ok());
            client.expect_silence();
        });
    }
}

/// [MQTT-4.3.1-1] [MQTT3-4.3.1-1] [MQTT-4.6.0-5]: QoS 0 keeps its order too; while the receiver
/// reads, nothing of so little is lost.
#[test]
fn qos0_keeps_its_order() {
    let topic = unique("t");
    let mut subscriber = Client::connect(shared(), &Options::clean(Version::V5));
    subscriber.subscribe(&topic, QOS0);
    publish_all(Version::V5, &topic, 0, QOS0);
    take_in_order(&mut subscriber, MESSAGES);
    subscriber.expect_silence();
}
