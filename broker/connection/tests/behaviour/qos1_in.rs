//! QoS 0 and 1 publishes from the client.

use crate::driver::{Driver, VERSIONS, bytes_of, publish, publish_bytes};
use catena_connection::{Action, Settings};
use catena_mqtt::{Packet, Publish, Qos, ReasonCode, Version};

#[test]
fn a_publish_becomes_an_action_and_its_answer_a_puback() {
    // [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-2.2.1-5] [MQTT3-3.3.4-1] [MQTT3-4.3.2-2] [MQTT3-2.3.1-6]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let step = driver.send(&publish_bytes(version, Qos::AtLeastOnce, 7));
        assert!(step.sent.is_empty(), "the broker does not own it yet");
        let [Action::Publish { message, .. }] = &step.actions[..] else {
            panic!("{step:?}")
        };
        assert_eq!(
            (&*message.topic, message.payload),
            ("a/b", b"hi".as_slice())
        );
        assert_eq!(message.qos, Qos::AtLeastOnce);
        let sent = driver
            .published(step.ticket(), ReasonCode::Success)
            .unwrap();
        assert_eq!(sent, [0x40, 2, 0, 7]);
    }
}

#[test]
fn qos_0_is_passed_on_and_not_answered() {
    // [MQTT-3.3.4-1] [MQTT-4.3.1-1] [MQTT3-4.3.1-1]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let step = driver.send(&publish_bytes(version, Qos::AtMostOnce, 0));
        assert!(matches!(
            step.actions[..],
            [Action::Publish { ticket: None, .. }]
        ));
        assert!(step.sent.is_empty());
    }
}

#[test]
fn pubacks_leave_in_the_order_of_the_publishes() {
    // [MQTT-4.6.0-2] [MQTT3-4.6.0-2]
    let mut driver = Driver::open(Version::V5);
    let tickets: Vec<_> = (1..=3)
        .map(|id| {
            driver
                .send(&publish_bytes(Version::V5, Qos::AtLeastOnce, id))
                .ticket()
        })
        .collect();
    assert!(
        driver
            .published(tickets[2], ReasonCode::Success)
            .unwrap()
            .is_empty()
    );
    assert!(
        driver
            .published(tickets[1], ReasonCode::NoMatchingSubscribers)
            .unwrap()
            .is_empty()
    );
    let sent = driver.published(tickets[0], ReasonCode::Success).unwrap();
    assert_eq!(sent, [0x40, 2, 0, 1, 0x40, 3, 0, 2, 0x10, 0x40, 2, 0, 3]);
}

#[test]
fn after_puback_the_same_packet_id_is_a_new_message() {
    // [MQTT-4.3.2-5] [MQTT3-4.3.2-2]
    let mut driver = Driver::open(Version::V5);
    for dup in [false, true] {
        let again = Publish {
            dup,
            ..publish(Qos::AtLeastOnce, 7)
        };
        let step = driver.send(&bytes_of(Version::V5, &Packet::Publish(again)));
        let sent = driver
            .published(step.ticket(), ReasonCode::Success)
            .unwrap();
        assert_eq!(sent, [0x40, 2, 0, 7]);
    }
}

#[test]
fn a_refusal_is_a_puback_with_its_reason() {
    // [MQTT-3.4.2-1]: a code that PUBACK may not carry becomes one that it may.
    for (reason, written) in [
        (ReasonCode::NotAuthorized, 0x87),
        (ReasonCode::QuotaExceeded, 0x97),
        (ReasonCode::ServerBusy, 0x83),
    ] {
        let mut driver = Driver::open(Version::V5);
        let step = driver.send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 7));
        let sent = driver.published(step.ticket(), reason).unwrap();
        assert_eq!(sent, [0x40, 3, 0, 7, written]);
    }
}

#[test]
fn mqtt_3_acknowledges_what_is_forbidden_and_closes_on_what_may_be_sent_again() {
    // [MQTT3-3.3.5-2] [MQTT3-4.8.0-2]
    let mut driver = Driver::open(Version::V311);
    let step = driver.send(&publish_bytes(Version::V311, Qos::AtLeastOnce, 7));
    let sent = driver
        .published(step.ticket(), ReasonCode::NotAuthorized)
        .unwrap();
    assert_eq!(sent, [0x40, 2, 0, 7]);
    let step = driver.send(&publish_bytes(Version::V311, Qos::AtLeastOnce, 8));
    let close = driver
        .published(step.ticket(), ReasonCode::QuotaExceeded)
        .unwrap_err();
    assert_eq!(close.reason, ReasonCode::QuotaExceeded);
    assert!(driver.take_sent().is_empty());
}

#[test]
fn topics_of_the_broker_are_refused() {
    for topic in ["$SYS/x", "$SYS", "$share/g/t", "$share"] {
        for version in [Version::V311, Version::V5] {
            let mut driver = Driver::open(version);
            let to = |qos| {
                Packet::Publish(Publish {
                    topic,
                    ..publish(qos, 9)
                })
            };
            let step = driver.send(&bytes_of(version, &to(Qos::AtLeastOnce)));
            assert!(step.actions.is_empty() && step.outcome.is_ok());
            match version {
                Version::V5 => assert_eq!(step.sent, [0x40, 3, 0, 9, 0x87]),
                Version::V31 | Version::V311 => assert_eq!(step.sent, [0x40, 2, 0, 9]),
            }
            let step = driver.send(&bytes_of(version, &to(Qos::AtMostOnce)));
            assert!(step.actions.is_empty() && step.sent.is_empty() && step.outcome.is_ok());
            let step = driver.send(&bytes_of(version, &to(Qos::ExactlyOnce)));
            assert_eq!(step.sent[0], 0x50);
            assert_eq!(driver.stats.publishes_refused, 3);
        }
    }
    let mut driver = Driver::open(Version::V5);
    let other = Publish {
        topic: "$anything/x",
        ..publish(Qos::AtMostOnce, 0)
    };
    assert_eq!(
        driver
            .send(&bytes_of(Version::V5, &Packet::Publish(other)))
            .actions
            .len(),
        1
    );
}

#[test]
fn a_refused_publish_is_answered_in_its_turn() {
    let mut driver = Driver::open(Version::V5);
    let first = driver.send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 1));
    let system = Publish {
        topic: "$SYS/x",
        ..publish(Qos::AtLeastOnce, 2)
    };
    let step = driver.send(&bytes_of(Version::V5, &Packet::Publish(system)));
    assert!(step.sent.is_empty());
    let sent = driver
        .published(first.ticket(), ReasonCode::Success)
        .unwrap();
    assert_eq!(sent, [0x40, 2, 0, 1, 0x40, 3, 0, 2, 0x87]);
}

#[test]
fn the_message_expiry_is_capped() {
    let settings = Settings {
        message_expiry_seconds_max: Some(100),
        ..Settings::default()
    };
    for (asked, granted, lowered) in [
        (None, 100, 1),
        (Some(7), 7, 0),
        (Some(100), 100, 0),
        (Some(1_000), 100, 1),
    ] {
        let mut driver = Driver::open_with(settings.clone(), &crate::driver::connect(Version::V5));
        let with = Publish {
            message_expiry: asked,
            ..publish(Qos::AtMostOnce, 0)
        };
        let step = driver.send(&bytes_of(Version::V5, &Packet::Publish(with)));
        let [Action::Publish { message, .. }] = &step.actions[..] else {
            panic!("{step:?}")
        };
        assert_eq!(message.expiry_seconds, Some(granted));
        assert_eq!(driver.stats.message_expiries_lowered, lowered);
    }
}

#[test]
fn a_publish_that_breaks_what_connack_said_ends_the_connection() {
    // [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15] [MQTT-3.3.4-6]
    let settings = Settings {
        maximum_qos: Qos::AtMostOnce,
        retain_available: false,
        limits: catena_mqtt::Limits {
            packet_bytes_max: 100,
            ..Default::default()
        },
        ..Settings::default()
    };
    let subscription_ids: &[u32] = &[1];
    let payload = &[0; 100];
    for (bad, reason) in [
        (publish(Qos::AtLeastOnce, 1), ReasonCode::QosNotSupported),
        (
            Publish {
                retain: true,
                ..publish(Qos::AtMostOnce, 0)
            },
            ReasonCode::RetainNotSupported,
        ),
        (
            Publish {
                payload,
                ..publish(Qos::AtMostOnce, 0)
            },
            ReasonCode::PacketTooLarge,
        ),
        (
            Publish {
                subscription_ids: subscription_ids.into(),
                ..publish(Qos::AtMostOnce, 0)
            },
            ReasonCode::ProtocolError,
        ),
    ] {
        let mut driver = Driver::open_with(settings.clone(), &crate::driver::connect(Version::V5));
        let step = driver.send(&bytes_of(Version::V5, &Packet::Publish(bad)));
        step.assert_disconnected(reason);
        assert_eq!(driver.stats.closed_with(reason), 1);
    }
}

#[test]
fn an_answer_after_the_end_is_ignored() {
    let mut driver = Driver::open(Version::V5);
    let step = driver.send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 1));
    driver.send(b"\xe0\x00").outcome.unwrap();
    assert!(
        driver
            .published(step.ticket(), ReasonCode::Success)
            .unwrap()
            .is_empty()
    );
}
