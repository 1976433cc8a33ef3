//! Retained messages (section 3.3.1.3).

use catena_conformance::{
    Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, post, properties, subscription, unique,
};
use catena_mqtt::{
    Forwarded, Limits, Property, Publish, ReasonCode, RetainHandling, SubscriptionOptions, Version,
};

use crate::{VERSIONS, shared};

fn client(version: Version) -> Client {
    Client::connect(shared(), &Options::clean(version))
}

fn handling(retain_handling: RetainHandling) -> SubscriptionOptions {
    SubscriptionOptions {
        retain_handling,
        ..subscription(QOS1)
    }
}

/// [MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT3-3.3.1-5] [MQTT3-3.3.1-6] [MQTT3-3.3.1-8]
/// [MQTT3-3.3.1-9]: the last message of a topic is kept at its QoS; a new subscription gets it
/// with RETAIN, an established one got it without.
#[test]
fn last_message_is_kept() {
    for version in VERSIONS {
        for qos in EVERY_QOS {
            let topic = unique("t");
            let mut publisher = client(version);
            let mut established = client(version);
            established.subscribe(&topic, QOS2);
            for payload in ["first", "second"] {
                publisher.publish_retained(&topic, payload, qos);
                let message = established.expect_message(&topic, payload, qos);
                assert!(!message.retain);
            }
            for granted in EVERY_QOS {
                let mut new = client(version);
                new.subscribe(&topic, granted);
                let message = new.expect_message(&topic, "second", qos.min(granted));
                assert!(message.retain && !message.dup);
                new.expect_silence();
            }
            publisher.publish_retained(&topic, "", QOS0);
        }
    }
}

/// [MQTT-3.8.4-1] [MQTT3-3.8.4-1]: SUBACK comes first: many clients expect it.
#[test]
fn suback_comes_before_kept_messages() {
    for version in VERSIONS {
        for qos in EVERY_QOS {
            let topic = unique("t");
            client(version).publish_retained(&topic, "kept", QOS2);
            let mut reader = client(version);
            reader.send_subscribe(&[(&topic, subscription(qos))], None);
            assert_eq!(reader.receive().first_byte(), 0x90);
            reader.expect_message(&topic, "kept", qos);
        }
    }
}

/// [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]: an empty message removes what
/// is kept, is not kept itself, and is delivered like any other.
#[test]
fn empty_message_removes() {
    for version in VERSIONS {
        for qos in EVERY_QOS {
            let topic = unique("t");
            let mut publisher = client(version);
            let mut established = client(version);
            established.subscribe(&topic, QOS2);
            publisher.publish_retained(&topic, "kept", qos);
            established.expect_message(&topic, "kept", qos);
            publisher.publish_retained(&topic, "", qos);
            let message = established.expect_message(&topic, "", qos);
            assert!(!message.retain);
            // QoS 0 has no answer to wait for.
            publisher.expect_silence();
            let mut new = client(version);
            new.subscribe(&topic, QOS2);
            new.expect_silence();
        }
    }
}

/// [MQTT-3.3.1-8] [MQTT3-3.3.1-12]: without RETAIN nothing changes, even if it is empty.
#[test]
fn unretained_message_changes_nothing() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut publisher = client(version);
        publisher.publish_retained(&topic, "kept", QOS1);
        for (payload, qos) in [("other", QOS1), ("", QOS2), ("", QOS0)] {
            publisher.publish(&topic, payload, qos);
        }
        publisher.expect_silence();
        let mut new = client(version);
        new.subscribe(&topic, QOS1);
        new.expect_message(&topic, "kept", QOS1);
        new.expect_silence();
    }
}

/// [MQTT3-3.3.1-7] [MQTT-3.3.1-5]: a retained QoS 0 message takes the place of what was kept.
#[test]
fn qos0_replaces_what_was_kept() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut publisher = client(version);
        publisher.publish_retained(&topic, "old", QOS2);
        publisher.publish_retained(&topic, "new", QOS0);
        publisher.expect_silence();
        let mut reader = client(version);
        reader.subscribe(&topic, QOS2);
        reader.expect_message(&topic, "new", QOS0);
        reader.expect_silence();
    }
}

/// [MQTT3-3.1.2-7] [MQTT-3.1.2-4]: what is kept is no part of the session that published it.
#[test]
fn kept_messages_outlive_their_session() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut publisher = Client::connect(shared(), &options);
        publisher.publish_retained(&topic, "kept", QOS1);
        publisher.disconnect();
        let clean = Options {
            clean_start: true,
            session_expiry: None,
            ..options
        };
        Client::connect(shared(), &clean).disconnect();
        let mut reader = client(version);
        reader.subscribe(&topic, QOS1);
        reader.expect_message(&topic, "kept", QOS1);
    }
}

/// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-3] [MQTT-3.8.4-4]: Retain Handling
/// decides what a new and what a repeated subscription gets.
#[test]
fn retain_handling() {
    let topic = unique("t");
    client(Version::V5).publish_retained(&topic, "kept", QOS1);
    for (retain_handling, when_new, when_repeated) in [
        (RetainHandling::Send, 1, 1),
        (RetainHandling::SendIfNew, 1, 0),
        (RetainHandling::DoNotSend, 0, 0),
    ] {
        let mut reader = client(Version::V5);
        for count in [when_new, when_repeated, when_repeated] {
            let reason = reader.subscribe_as(&topic, handling(retain_handling), None);
            assert_eq!(reason, ReasonCode::GrantedQos1);
            for _ in 0..count {
                assert!(reader.expect_message(&topic, "kept", QOS1).retain);
            }
            reader.expect_silence();
        }
        // Once it was ended, it is new again.
        reader.unsubscribe(&[&topic]);
        reader.subscribe_as(&topic, handling(retain_handling), None);
        for _ in 0..when_new {
            reader.expect_message(&topic, "kept", QOS1);
        }
        reader.expect_silence();
    }
}

/// [MQTT-3.3.1-10]: a subscription of a resumed session is not new.
#[test]
fn resumed_subscription_is_not_new() {
    let topic = unique("t");
    client(Version::V5).publish_retained(&topic, "kept", QOS1);
    let options = Options::lasting(Version::V5);
    let mut reader = Client::connect(shared(), &options);
    reader.subscribe_as(&topic, handling(RetainHandling::SendIfNew), None);
    reader.expect_message(&topic, "kept", QOS1);
    reader.disconnect();
    let mut reader = Client::connect(shared(), &options);
    reader.expect_silence();
    reader.subscribe_as(&topic, handling(RetainHandling::SendIfNew), None);
    reader.expect_silence();
}

/// [MQTT3-3.8.4-3] [MQTT-3.8.4-4]: subscribing again sends them again.
#[test]
fn subscribing_again_sends_again() {
    for version in VERSIONS {
        let topic = unique("t");
        client(version).publish_retained(&topic, "kept", QOS1);
        let mut reader = client(version);
        for qos in [QOS1, QOS0, QOS2] {
            reader.subscribe(&topic, qos);
            let message = reader.expect_message(&topic, "kept", QOS1.min(qos));
            assert!(message.retain);
            reader.expect_silence();
        }
    }
}

/// [MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT3-3.3.1-9]: Retain As Published decides about RETAIN of
/// what an established subscription gets.
#[test]
fn retain_as_published() {
    let topic = unique("t");
    let mut publisher = client(Version::V5);
    for retain_as_published in [false, true] {
        let mut reader = client(Version::V5);
        let options = SubscriptionOptions {
            retain_as_published,
            ..subscription(QOS1)
        };
        reader.subscribe_as(&topic, options, None);
        for retain in [true, false] {
            publisher.publish_as(&Publish {
                retain,
                ..post(&topic, "live", QOS1, None)
            });
            let message = reader.expect_message(&topic, "live", QOS1);
            assert_eq!(message.retain, retain && retain_as_published);
        }
        publisher.publish_retained(&topic, "", QOS1);
        let empty = reader.expect_message(&topic, "", QOS1);
        assert_eq!(empty.retain, retain_as_published);
    }
}

/// [MQTT-3.3.1-9] [MQTT3-3.3.1-6]: a filter with wildcards gets what matches, each topic once.
#[test]
fn wildcards_get_every_kept_message_once() {
    for version in VERSIONS {
        let base = unique("t");
        let mut publisher = client(version);
        for name in ["a", "a/b", "a/c", "d/b", "d/b/e"] {
            publisher.publish_retained(&format!("{base}/{name}"), name, QOS1);
        }
        let cases: [(&str, &[&str]); 6] = [
            ("#", &["a", "a/b", "a/c", "d/b", "d/b/e"]),
            ("+", &["a"]),
            ("+/b", &["a/b", "d/b"]),
            ("a/#", &["a", "a/b", "a/c"]),
            ("+/+/#", &["a/b", "a/c", "d/b", "d/b/e"]),
            ("x/#", &[]),
        ];
        for (filter, expected) in cases {
            let mut reader = client(version);
            reader.subscribe(&format!("{base}/{filter}"), QOS1);
            for message in reader.expect_payloads(expected) {
                assert!(message.retain);
            }
            reader.expect_silence();
        }
    }
}

/// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]: a kept message
/// keeps its properties, and its alias is not one of them.
#[test]
fn kept_messages_keep_their_properties() {
    let topic = unique("t");
    let bytes = properties(&[
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers/here"),
        Property::CorrelationData(b"\0\x01"),
        Property::UserProperty("k", "1"),
        Property::UserProperty("k", "2"),
    ]);
    let forwarded = Forwarded::parse(&bytes, &Limits::DEFAULT).expect("properties");
    let mut publisher = client(Version::V5);
    publisher.publish_as(&Publish {
        retain: true,
        forwarded,
        topic_alias: std::num::NonZeroU16::new(1),
        ..post(&topic, "kept", QOS1, None)
    });
    let mut reader = client(Version::V5);
    reader.subscribe_as(&topic, subscription(QOS1), Some(7));
    let message = reader.expect_message(&topic, "kept", QOS1);
    assert_eq!(message.forwarded, bytes);
    assert_eq!(
        (message.topic_alias, message.subscription_ids),
        (None, vec![7])
    );
}

/// [MQTT-3.3.1-5] [MQTT3-3.3.1-5]: a subscription that comes with a publish gets each message
/// once, kept or live, and never an older one after a newer one.
#[test]
fn kept_and_live_messages_meet_without_gap() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut publisher = client(version);
        publisher.publish_retained(&topic, "0", QOS1);
        let mut reader = client(version);
        let ids: Vec<_> = (1..=50_u32)
            .map(|number| {
                let id = publisher.next_id();
                publisher.send(&catena_mqtt::Packet::Publish(Publish {
                    retain: true,
                    ..post(&topic, &number.to_string(), QOS1, Some(id))
                }));
                id
            })
            .collect();
        reader.subscribe(&topic, QOS1);
        for id in ids {
            publisher.expect_puback(id);
        }
        let mut next = None;
        while next != Some(51) {
            let message = reader.take();
            let number: u32 = message.payload.parse().expect("a number");
            assert!(next.is_none_or(|next| next == number), "{next:?}: {number}");
            assert_eq!(message.retain, next.is_none() && message.retain);
            next = Some(number + 1);
        }
        reader.expect_silence();
    }
}

/// [MQTT-3.8.4-8]: kept messages too are delivered at the lower QoS, through any filter.
#[test]
fn kept_messages_are_delivered_at_the_lower_qos() {
    let base = unique("t");
    let mut publisher = client(Version::V5);
    for qos in EVERY_QOS {
        publisher.publish_retained(&format!("{base}/{}", qos as u8), "kept", qos);
    }
    for granted in EVERY_QOS {
        let mut reader = client(Version::V5);
        reader.subscribe(&format!("{base}/+"), granted);
        for message in reader.expect_payloads(&["kept"; 3]) {
            let published = message.topic.bytes().last().map(|digit| digit - b'0');
            let lower = published.map(|published| published.min(granted as u8));
            assert_eq!(lower, Some(message.qos as u8));
        }
    }
}
