//! Sessions: what outlives a connection, and for how long (sections 3.1.2.4, 3.1.2.11 and 4.1).

use catena_conformance::{Client, Options, QOS0, QOS1, QOS2, raw, unique};
use catena_mqtt::{Disconnect, ReasonCode, Version};

use crate::{VERSIONS, shared};

fn publisher() -> Client {
    Client::connect(shared(), &Options::clean(Version::V5))
}

/// [MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT-4.1.0-1] [MQTT-4.5.0-1] [MQTT3-3.1.2-4] [MQTT3-3.1.2-5]
/// [MQTT3-4.1.0-1] [MQTT3-4.5.0-1]: a resumed session has its subscriptions, and the QoS 1 and 2
/// messages that came meanwhile, in order.
#[test]
fn session_waits_for_its_client() {
    for version in VERSIONS {
        let (one, two) = (unique("t"), unique("t"));
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&one, QOS1);
        client.subscribe(&two, QOS2);
        client.disconnect();
        let mut publisher = publisher();
        for number in 0..10 {
            publisher.publish(&one, &number.to_string(), QOS1);
            publisher.publish(&two, &number.to_string(), QOS2);
        }
        let mut client = Client::connect(shared(), &options);
        assert!(client.session_present());
        let messages: Vec<_> = (0..20).map(|_| client.take()).collect();
        for (topic, qos) in [(&one, QOS1), (&two, QOS2)] {
            let payloads: Vec<_> = messages
                .iter()
                .filter(|message| message.topic == *topic)
                .inspect(|message| assert_eq!(message.qos, qos))
                .inspect(|message| assert!(!message.dup))
                .map(|message| message.payload.parse::<u32>())
                .collect();
            assert_eq!(payloads, (0..10).map(Ok).collect::<Vec<_>>());
        }
        publisher.publish(&one, "live", QOS2);
        client.expect_message(&one, "live", QOS1);
        client.expect_silence();
    }
}

/// [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT3-3.1.2-6] [MQTT3-3.1.4-3]: a clean start drops
/// subscriptions and messages.
#[test]
fn clean_start_drops_the_session() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&topic, QOS1);
        client.disconnect();
        publisher().publish(&topic, "queued", QOS1);
        let clean = Options {
            clean_start: true,
            ..options.clone()
        };
        let mut client = Client::connect(shared(), &clean);
        assert!(!client.session_present());
        publisher().publish(&topic, "live", QOS1);
        client.expect_silence();
        client.disconnect();
        // A clean session of 3.1.1 ends with its connection; a clean start of 5.0 need not.
        let client = Client::connect(shared(), &options);
        assert_eq!(client.session_present(), version.is_v5());
    }
}

/// [MQTT-4.1.0-2] [MQTT-3.1.2-23] [MQTT3-3.1.2-6]: without an expiry interval, or with 0, the
/// session ends with its connection; a clean session of 3.1.1 too.
#[test]
fn session_without_expiry_ends_with_the_connection() {
    for (version, session_expiry, clean_start) in [
        (Version::V5, None, false),
        (Version::V5, Some(0), false),
        (Version::V311, None, true),
    ] {
        for say_goodbye in [true, false] {
            let topic = unique("t");
            let options = Options {
                session_expiry,
                clean_start,
                ..Options::clean(version)
            };
            let mut client = Client::connect(shared(), &options);
            client.subscribe(&topic, QOS1);
            if say_goodbye {
                client.disconnect();
            } else {
                client.cut_and_wait();
            }
            let again = Options {
                clean_start: false,
                ..options
            };
            assert!(!Client::connect(shared(), &again).session_present());
        }
    }
}

/// [MQTT-4.1.0-2] [MQTT-3.1.2-23]: a session ends once its interval has passed, counted from the
/// end of the connection, and not before.
#[test]
fn session_expires() {
    let will = |topic: &str| catena_conformance::WillMessage {
        delay_seconds: 300,
        ..catena_conformance::WillMessage::new(topic, "ended", QOS1)
    };
    let topic = unique("w");
    let mut watcher = publisher();
    watcher.subscribe(&topic, QOS1);
    // The will of a session that ends comes with its end, which is the event to wait for.
    let short = Options {
        session_expiry: Some(1),
        ..Options::lasting(Version::V5).with_will(will(&topic))
    };
    let mut client = Client::connect(shared(), &short);
    client.subscribe(&unique("t"), QOS1);
    client.cut_and_wait();
    let client = Client::connect(shared(), &short);
    assert!(client.session_present());
    client.cut_and_wait();
    watcher.expect_message(&topic, "ended", QOS1);
    assert!(!Client::connect(shared(), &short).session_present());
}

/// [MQTT-3.14.2-2] [MQTT-4.1.0-2]: DISCONNECT may change the interval: to 0, or from one to
/// another.
#[test]
fn disconnect_changes_the_interval() {
    let ends_with = |session_expiry, at_the_end| {
        let options = Options {
            session_expiry: Some(session_expiry),
            ..Options::lasting(Version::V5)
        };
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&unique("t"), QOS1);
        client.disconnect_as(&Disconnect {
            session_expiry: Some(at_the_end),
            ..Disconnect::new(ReasonCode::Success)
        });
        Client::connect(shared(), &options).session_present()
    };
    assert!(!ends_with(300, 0));
    assert!(ends_with(300, 200));
    assert!(ends_with(300, u32::MAX));
    assert!(ends_with(u32::MAX, 300));
    assert!(!ends_with(u32::MAX, 0));
}

/// [MQTT-4.13.1-1] [MQTT-4.1.0-2]: but not from 0 to anything else: that is a protocol error, and
/// the session ends.
#[test]
fn disconnect_does_not_revive_the_session() {
    for session_expiry in [None, Some(0)] {
        let options = Options {
            session_expiry,
            ..Options::lasting(Version::V5)
        };
        let mut client = Client::connect(shared(), &options);
        client.send_bytes(&raw::packet(0xE0, &[b"\0\x05\x11\0\0\0\x0A"]));
        client.expect_disconnect(ReasonCode::ProtocolError);
        assert!(!Client::connect(shared(), &options).session_present());
    }
}

/// [MQTT-3.1.2-23] [MQTT-4.1.0-2]: the interval is that of the latest CONNECT.
#[test]
fn interval_is_that_of_the_latest_connect() {
    let options = Options::lasting(Version::V5);
    Client::connect(shared(), &options).disconnect();
    let last = Options {
        session_expiry: None,
        ..options.clone()
    };
    let client = Client::connect(shared(), &last);
    assert!(client.session_present());
    client.disconnect();
    assert!(!Client::connect(shared(), &options).session_present());
}

/// [MQTT-3.1.2-5] [MQTT3-3.1.2-5]: QoS 0 messages may be dropped meanwhile, others not.
#[test]
fn qos0_does_not_push_out_what_waits() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&topic, QOS1);
        client.disconnect();
        let mut publisher = publisher();
        publisher.publish(&topic, "first", QOS1);
        publisher.publish(&topic, "perhaps", QOS0);
        publisher.publish(&topic, "last", QOS1);
        let mut client = Client::connect(shared(), &options);
        client.expect_message(&topic, "first", QOS1);
        let mut message = client.take();
        if message.payload == "perhaps" {
            message = client.take();
        }
        assert_eq!(message.payload, "last");
    }
}

/// [MQTT-3.1.2-23] [MQTT3-3.1.2-4] [MQTT-3.1.3-2]: versions may change between the connections of
/// a session.
#[test]
fn versions_share_a_session() {
    for (old, new) in [(Version::V311, Version::V5), (Version::V5, Version::V311)] {
        let topic = unique("t");
        let first = Options::lasting(old);
        let second = Options {
            client_id: first.client_id.clone(),
            ..Options::lasting(new)
        };
        let mut client = Client::connect(shared(), &first);
        client.subscribe(&topic, QOS2);
        client.disconnect();
        publisher().publish(&topic, "queued", QOS2);
        let mut client = Client::connect(shared(), &second);
        assert!(client.session_present());
        client.expect_message(&topic, "queued", QOS2);
    }
}
