//! What of a message reaches its receivers, and for how long it lives (section 3.3.2.3).

use catena_conformance::{Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, post, properties, unique};
use catena_mqtt::{Forwarded, Limits, Property, Publish, Version};

use crate::shared;

fn client() -> Client {
    Client::connect(shared(), &Options::clean(Version::V5))
}

fn expiring<'a>(topic: &'a str, payload: &'a str, seconds: u32) -> Publish<'a> {
    Publish {
        message_expiry: Some(seconds),
        ..post(topic, payload, QOS1, None)
    }
}

/// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
/// [MQTT-3.3.2-20] [MQTT-1.5.4-3]: unchanged and in order, at every QoS.
#[test]
fn properties_reach_the_receiver() {
    let sets: [&[Property<'_>]; 6] = [
        &[Property::PayloadFormatIndicator(true)],
        &[Property::PayloadFormatIndicator(false)],
        &[
            Property::ContentType("application/\u{FEFF}json"),
            Property::ResponseTopic("answers/\u{FEFF}here"),
            Property::CorrelationData(&[0, 255, 0]),
        ],
        &[Property::CorrelationData(b""), Property::ContentType("")],
        &[
            Property::UserProperty("k", "1"),
            Property::UserProperty("", ""),
            Property::UserProperty("k", "1"),
            Property::UserProperty("a", "größer"),
        ],
        &[
            Property::UserProperty("z", "first"),
            Property::ResponseTopic("answers"),
            Property::UserProperty("y", "second"),
            Property::PayloadFormatIndicator(true),
            Property::UserProperty("x", "third"),
        ],
    ];
    let topic = unique("t");
    let (mut publisher, mut subscriber) = (client(), client());
    subscriber.subscribe(&topic, QOS2);
    for set in sets {
        for qos in EVERY_QOS {
            let bytes = properties(set);
            let forwarded = Forwarded::parse(&bytes, &Limits::DEFAULT).expect("properties");
            publisher.publish_as(&Publish {
                forwarded,
                ..post(&topic, "hello", qos, None)
            });
            let message = subscriber.expect_message(&topic, "hello", qos);
            let user = |found: &[Property<'_>]| -> Vec<String> {
                let of_user = |one: &&Property<'_>| matches!(one, Property::UserProperty(..));
                found
                    .iter()
                    .filter(of_user)
                    .map(|one| format!("{one:?}"))
                    .collect()
            };
            let found = message.properties();
            assert_eq!(found.len(), set.len());
            assert!(set.iter().all(|one| found.contains(one)), "{found:?}");
            assert_eq!(user(&found), user(set));
        }
    }
}

/// [MQTT-3.3.2-5] [MQTT-3.3.2-6]: a message that waits has less time left, and none when it is
/// over: for a session without connection, and for a kept message.
#[test]
fn messages_expire_while_they_wait() {
    let (topic, kept) = (unique("t"), unique("t"));
    let options = Options::lasting(Version::V5);
    let mut subscriber = Client::connect(shared(), &options);
    subscriber.subscribe(&topic, QOS1);
    subscriber.disconnect();
    let mut publisher = client();
    publisher.publish_as(&expiring(&topic, "short", 1));
    publisher.publish_as(&expiring(&topic, "long", 100));
    publisher.publish(&topic, "for ever", QOS1);
    publisher.publish_as(&Publish {
        retain: true,
        ..expiring(&kept, "kept", 1)
    });
    let mut early = client();
    early.subscribe(&kept, QOS1);
    let message = early.expect_message(&kept, "kept", QOS1);
    assert!(message.retain && message.expiry.is_some_and(|seconds| seconds <= 1));
    // A will with a delay of two seconds tells when both are over.
    let bell = unique("w");
    let mut watcher = client();
    watcher.subscribe(&bell, QOS0);
    let will = catena_conformance::WillMessage {
        delay_seconds: 2,
        ..catena_conformance::WillMessage::new(&bell, "now", QOS0)
    };
    Client::connect(shared(), &Options::lasting(Version::V5).with_will(will)).cut();
    watcher.expect_message(&bell, "now", QOS0);
    let mut subscriber = Client::connect(shared(), &options);
    let message = subscriber.expect_message(&topic, "long", QOS1);
    assert!(matches!(message.expiry, Some(90..=98)), "{message:?}");
    let message = subscriber.expect_message(&topic, "for ever", QOS1);
    assert_eq!(message.expiry, None);
    subscriber.expect_silence();
    let mut late = client();
    late.subscribe(&kept, QOS1);
    late.expect_silence();
}

/// [MQTT-3.3.2-6]: without waiting nothing is lost of it.
#[test]
fn expiry_is_passed_on() {
    let topic = unique("t");
    let (mut publisher, mut subscriber) = (client(), client());
    subscriber.subscribe(&topic, QOS1);
    for seconds in [10, 1_000_000, u32::MAX] {
        publisher.publish_as(&expiring(&topic, "hello", seconds));
        let message = subscriber.expect_message(&topic, "hello", QOS1);
        let left = message.expiry.expect("an expiry");
        assert!(
            (seconds - 2..=seconds).contains(&left),
            "{left} of {seconds}"
        );
    }
}

/// [MQTT-4.3.3-7] [MQTT-4.3.3-13]: a QoS 2 delivery that has begun goes on when its message
/// expires meanwhile.
#[test]
fn begun_delivery_does_not_expire() {
    let topic = unique("t");
    let options = Options::lasting(Version::V5);
    let mut subscriber = Client::connect(shared(), &options);
    subscriber.subscribe(&topic, QOS2);
    let mut publisher = client();
    publisher.publish_as(&Publish {
        message_expiry: Some(1),
        ..post(&topic, "begun", QOS2, None)
    });
    let message = subscriber.expect_publish();
    let bell = unique("w");
    subscriber.subscribe(&bell, QOS0);
    let will = catena_conformance::WillMessage {
        delay_seconds: 2,
        ..catena_conformance::WillMessage::new(&bell, "now", QOS0)
    };
    Client::connect(shared(), &Options::lasting(Version::V5).with_will(will)).cut();
    subscriber.expect_message(&bell, "now", QOS0);
    subscriber.acknowledge(&message);
    subscriber.expect_silence();
    subscriber.cut_and_wait();
    Client::connect(shared(), &options).expect_silence();
}
