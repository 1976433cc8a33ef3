//! Wills (sections 3.1.2.5, 3.1.3.2 and 3.14).

use catena_conformance::{
    Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, WillMessage, properties, unique,
};
use catena_mqtt::{Disconnect, Property, ReasonCode, Version};

use crate::{VERSIONS, shared};

fn watcher(version: Version, topic: &str) -> Client {
    let mut watcher = Client::connect(shared(), &Options::clean(version));
    watcher.subscribe(topic, QOS2);
    watcher
}

/// [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-14] [MQTT3-3.1.2-8] [MQTT3-3.1.2-16]: published at
/// its QoS, unretained, when the connection ends without DISCONNECT.
#[test]
fn will_is_published_when_the_connection_is_cut() {
    for version in VERSIONS {
        for qos in EVERY_QOS {
            let topic = unique("w");
            let mut watcher = watcher(version, &topic);
            let will = WillMessage::new(&topic, "gone", qos);
            Client::connect(shared(), &Options::clean(version).with_will(will)).cut();
            let message = watcher.expect_message(&topic, "gone", qos);
            assert!(!message.retain);
            self::watcher(version, &topic).expect_silence();
        }
    }
}

/// [MQTT-3.1.2-15] [MQTT3-3.1.2-17]: a retained will is kept.
#[test]
fn retained_will_is_kept() {
    for version in VERSIONS {
        let topic = unique("w");
        let mut present = watcher(version, &topic);
        let will = WillMessage {
            retain: true,
            ..WillMessage::new(&topic, "gone", QOS1)
        };
        Client::connect(shared(), &Options::clean(version).with_will(will)).cut();
        assert!(!present.expect_message(&topic, "gone", QOS1).retain);
        let mut later = watcher(version, &topic);
        assert!(later.expect_message(&topic, "gone", QOS1).retain);
    }
}

/// [MQTT-3.1.2-10] [MQTT-3.14.4-3] [MQTT3-3.1.2-10] [MQTT3-3.14.4-3] [MQTT3-3.1.2-12]: a normal
/// DISCONNECT deletes the will, and it does not come with a later connection.
#[test]
fn normal_disconnect_deletes_the_will() {
    for version in VERSIONS {
        let topic = unique("w");
        let mut watcher = watcher(version, &topic);
        let options = Options::lasting(version);
        let will = WillMessage::new(&topic, "gone", QOS1);
        let with_will = options.clone().with_will(will);
        Client::connect(shared(), &with_will).disconnect();
        // This connection has none.
        Client::connect(shared(), &options).cut_and_wait();
        Client::connect(shared(), &options).disconnect();
        watcher.publish(&topic, "all that comes", QOS1);
        watcher.expect_message(&topic, "all that comes", QOS1);
        watcher.expect_silence();
    }
}

/// [MQTT-3.1.2-8] [MQTT-3.1.2-10]: DISCONNECT with another code publishes the will.
#[test]
fn disconnect_with_will_publishes_it() {
    for reason in [
        ReasonCode::DisconnectWithWill,
        ReasonCode::UnspecifiedError,
        ReasonCode::ImplementationSpecificError,
    ] {
        let topic = unique("w");
        let mut watcher = watcher(Version::V5, &topic);
        let will = WillMessage::new(&topic, "gone", QOS1);
        let options = Options::clean(Version::V5).with_will(will);
        let client = Client::connect(shared(), &options);
        client.disconnect_as(&Disconnect::new(reason));
        watcher.expect_message(&topic, "gone", QOS1);
    }
}

/// [MQTT-3.1.2-8] [MQTT3-3.1.2-8]: a protocol error of the client publishes its will.
#[test]
fn protocol_error_publishes_the_will() {
    for version in VERSIONS {
        let topic = unique("w");
        let mut watcher = watcher(version, &topic);
        let will = WillMessage::new(&topic, "gone", QOS1);
        let mut client = Client::connect(shared(), &Options::clean(version).with_will(will));
        client.send_bytes(b"\x36\x02\0\0");
        client.expect_end();
        watcher.expect_message(&topic, "gone", QOS1);
    }
}

/// [MQTT-3.1.4-3] [MQTT3-3.1.4-2] [MQTT-3.1.2-8]: who is taken over has not said goodbye.
#[test]
fn takeover_publishes_the_will() {
    for version in VERSIONS {
        let topic = unique("w");
        let mut watcher = watcher(version, &topic);
        let will = WillMessage::new(&topic, "gone", QOS1);
        let options = Options::clean(version).with_will(will);
        let mut first = Client::connect(shared(), &options);
        let second = Client::connect(
            shared(),
            &Options {
                will: None,
                ..options
            },
        );
        first.expect_disconnect(ReasonCode::SessionTakenOver);
        watcher.expect_message(&topic, "gone", QOS1);
        second.disconnect();
        watcher.expect_silence();
    }
}

/// [MQTT-3.1.3-9] [MQTT-3.1.2-8]: the will waits for its delay, a client that comes back to its
/// session in that time prevents it, and the end of the session ends the wait.
#[test]
fn will_delay() {
    let topic = unique("w");
    let mut watcher = watcher(Version::V5, &topic);
    let options = |payload: &str, delay_seconds, session_expiry| Options {
        session_expiry,
        ..Options::lasting(Version::V5).with_will(WillMessage {
            delay_seconds,
            ..WillMessage::new(&topic, payload, QOS1)
        })
    };
    let connect = |options: &Options| Client::connect(shared(), options);
    // Prevented, and still so after the delay.
    let returning = options("prevented", 2, Some(300));
    connect(&returning).cut_and_wait();
    let returned = connect(&Options {
        will: None,
        ..returning
    });
    assert!(returned.session_present());
    // The session ends first: with the connection, after a second, or by a clean start.
    connect(&options("session of the connection", 300, Some(0))).cut();
    watcher.expect_message(&topic, "session of the connection", QOS1);
    let restarted = options("session dropped", 300, Some(300));
    connect(&restarted).cut_and_wait();
    let _clean = connect(&Options {
        clean_start: true,
        will: None,
        ..restarted
    });
    watcher.expect_message(&topic, "session dropped", QOS1);
    connect(&options("after the delay", 2, Some(300))).cut();
    connect(&options("session expired", 300, Some(1))).cut();
    watcher.expect_silence();
    watcher.expect_message(&topic, "session expired", QOS1);
    watcher.expect_message(&topic, "after the delay", QOS1);
    watcher.expect_silence();
}

/// [MQTT-3.1.3-10] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-4]: the properties of the will are
/// those of the message, in their order; its delay is not.
#[test]
fn will_has_its_properties() {
    let topic = unique("w");
    let mut watcher = watcher(Version::V5, &topic);
    let forwarded = properties(&[
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers/here"),
        Property::CorrelationData(b"\x01"),
        Property::UserProperty("b", "3"),
    ]);
    let will = WillMessage {
        forwarded: forwarded.clone(),
        expiry: Some(100),
        ..WillMessage::new(&topic, "gone", QOS1)
    };
    Client::connect(shared(), &Options::clean(Version::V5).with_will(will)).cut();
    let message = watcher.expect_message(&topic, "gone", QOS1);
    assert_eq!(message.forwarded, forwarded);
    let left = message.expiry.expect("an expiry");
    assert!((98..=100).contains(&left), "{left}");
}

/// [MQTT-3.1.2-9] [MQTT-3.3.1-6]: a will may be empty, and then removes what is kept.
#[test]
fn will_may_be_empty() {
    for version in VERSIONS {
        let topic = unique("w");
        let mut watcher = watcher(version, &topic);
        watcher.publish_retained(&topic, "kept", QOS0);
        watcher.expect_message(&topic, "kept", QOS0);
        let will = WillMessage {
            retain: true,
            ..WillMessage::new(&topic, "", QOS1)
        };
        Client::connect(shared(), &Options::clean(version).with_will(will)).cut();
        watcher.expect_message(&topic, "", QOS1);
        self::watcher(version, &topic).expect_silence();
    }
}
