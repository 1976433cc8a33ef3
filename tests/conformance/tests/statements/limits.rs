//! Brokers that allow less: QoS, retained messages, session expiry, subscriptions (section
//! 3.2.2.3).

use catena_conformance::{
    Broker, Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, WillMessage, post, subscription, unique,
};
use catena_mqtt::{Packet, Publish, Qos, ReasonCode, RetainHandling, SubscriptionOptions, Version};

use crate::VERSIONS;

/// [MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-11] [MQTT-3.2.2-12]: a lower maximum QoS is
/// announced, binds publishes and wills, and is what subscriptions are granted.
#[test]
fn maximum_qos() {
    for maximum in [QOS0, QOS1] {
        let setting = format!("spec.catena.limits.maximumQos={}", maximum as u8);
        let broker = Broker::start(&[&setting]);
        let options = || Options::clean(Version::V5);
        let mut client = Client::connect(&broker, &options());
        assert_eq!(client.connack().properties.maximum_qos, maximum);
        for asked in EVERY_QOS {
            let topic = unique("t");
            let granted = client.subscribe_as(&topic, subscription(asked), None);
            assert_eq!(granted as u8, asked.min(maximum) as u8);
            client.publish(&topic, "hello", maximum);
            client.expect_message(&topic, "hello", maximum.min(asked));
        }
        for qos in [QOS1, QOS2].into_iter().filter(|qos| *qos > maximum) {
            for version in VERSIONS {
                let mut client = Client::connect(&broker, &Options::clean(version));
                client.send_publish("a/b", "too much", qos);
                client.expect_disconnect(ReasonCode::QosNotSupported);
                let will = WillMessage::new("a/b", "too much", qos);
                let mut client = Client::open(&broker, version);
                client.send_bytes(&Options::clean(version).with_will(will).bytes());
                match version {
                    Version::V5 => client.expect_refused(ReasonCode::QosNotSupported),
                    _ => client.expect_closed(),
                }
            }
        }
    }
}

/// [MQTT-3.2.2-13] [MQTT-3.2.2-14]: a broker without retained messages announces it, and refuses
/// publishes and wills that ask for it.
#[test]
fn no_retained_messages() {
    let broker = Broker::start(&["spec.catena.limits.retainAvailable=false"]);
    let mut client = Client::connect(&broker, &Options::clean(Version::V5));
    assert!(!client.connack().properties.retain_available);
    for retain_handling in [RetainHandling::Send, RetainHandling::DoNotSend] {
        let options = SubscriptionOptions {
            retain_handling,
            ..subscription(Qos::AtLeastOnce)
        };
        let granted = client.subscribe_as("a/b", options, None);
        assert_eq!(granted, ReasonCode::GrantedQos1);
    }
    client.publish("a/b", "hello", QOS1);
    client.expect_message("a/b", "hello", QOS1);
    client.send(&Packet::Publish(Publish {
        retain: true,
        ..post("a/b", "kept", QOS0, None)
    }));
    client.expect_disconnect(ReasonCode::RetainNotSupported);
    let will = WillMessage {
        retain: true,
        ..WillMessage::new("a/b", "kept", QOS0)
    };
    let mut client = Client::open(&broker, Version::V5);
    client.send_bytes(&Options::clean(Version::V5).with_will(will).bytes());
    client.expect_refused(ReasonCode::RetainNotSupported);
}

/// [MQTT-3.1.2-23] [MQTT-4.1.0-2]: a cap of the session expiry is told, and holds for what is
/// longer.
#[test]
fn session_expiry_has_a_cap() {
    let broker = Broker::start(&["spec.advanced.clients.maxSessionExpirySeconds=60"]);
    for (asked, told) in [
        (Some(u32::MAX), Some(60)),
        (Some(61), Some(60)),
        (Some(60), None),
        (Some(1), None),
        (Some(0), None),
        (None, None),
    ] {
        let options = Options {
            session_expiry: asked,
            ..Options::clean(Version::V5)
        };
        let client = Client::connect(&broker, &options);
        assert_eq!(
            client.connack().properties.session_expiry,
            told,
            "{asked:?}"
        );
    }
}

/// [MQTT-3.8.4-7] [MQTT-3.9.3-2] [MQTT3-3.9.3-2]: what is beyond the limits is refused filter by
/// filter, and the rest is granted.
#[test]
fn subscriptions_have_a_limit() {
    let broker = Broker::start(&["spec.catena.limits.subscriptionsPerSession=2"]);
    for version in VERSIONS {
        let mut client = Client::connect(&broker, &Options::clean(version));
        let filters = ["a", "b", "c"].map(|filter| (filter, subscription(QOS1)));
        let codes = client.subscribe_all(&filters, None);
        let refused = match version {
            Version::V5 => ReasonCode::QuotaExceeded,
            _ => ReasonCode::UnspecifiedError,
        };
        let granted = ReasonCode::GrantedQos1;
        assert_eq!(codes, [granted, granted, refused]);
        // One that exists may be replaced, and one that ends makes room.
        assert_eq!(client.subscribe_as("b", subscription(QOS1), None), granted);
        client.unsubscribe(&["a"]);
        assert_eq!(client.subscribe_as("c", subscription(QOS1), None), granted);
        for topic in ["a", "b", "c"] {
            client.publish(topic, topic, QOS1);
        }
        client.expect_payloads(&["b", "c"]);
        client.expect_silence();
    }
}
