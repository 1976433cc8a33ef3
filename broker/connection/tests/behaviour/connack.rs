//! CONNACK: what it says, and what may come before and after it.

use std::num::{NonZeroU16, NonZeroU32};

use catena_connection::{Session, Settings};
use catena_mqtt::{ConnAckProperties, ConnectProperties, Limits, Packet, Qos, ReasonCode, Version};

use crate::connect::{connack_properties, refused, v5};
use crate::driver::{
    Driver, VERSIONS, bytes_of, connect, connect_bytes, packets, publish, publish_bytes,
};

#[test]
fn an_accepted_connect_gets_connack_first_and_once() {
    // [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-1] [MQTT3-3.1.4-4] [MQTT3-3.2.0-1]
    for version in VERSIONS {
        let mut driver = Driver::new(Settings {
            topic_alias_maximum: 0,
            ..Settings::default()
        });
        let step = driver.send(&connect_bytes(&connect(version)));
        assert!(step.sent.is_empty() && driver.connection.is_waiting());
        let connack = driver.accept(&Session::default());
        let expected: &[u8] = if version.is_v5() {
            &[0x20, 3, 0, 0, 0]
        } else {
            &[0x20, 2, 0, 0]
        };
        assert_eq!(connack, expected);
        assert!(driver.connection.is_connected());
        let (settings, session) = (&driver.settings, Session::default());
        let (bytes, stats) = (&mut driver.bytes, &mut driver.stats);
        let again = driver
            .connection
            .handle_connected(driver.now, settings, &session, bytes, stats);
        assert!(again.is_err());
    }
}

#[test]
fn session_present_is_what_the_session_says() {
    // [MQTT-3.2.2-3] [MQTT3-3.2.2-2] [MQTT3-3.2.2-3]; MQTT 3.1 has no such flag.
    for (version, present, flag) in [
        (Version::V5, true, 1),
        (Version::V5, false, 0),
        (Version::V311, true, 1),
        (Version::V311, false, 0),
        (Version::V31, true, 0),
    ] {
        let mut driver = Driver::new(Settings::default());
        driver
            .send(&connect_bytes(&connect(version)))
            .outcome
            .unwrap();
        let connack = driver.accept(&Session {
            present,
            ..Session::default()
        });
        assert_eq!(connack[2], flag);
    }
}

#[test]
fn connack_says_what_the_listener_allows() {
    // [MQTT-3.2.2-9]
    let strict = Settings {
        limits: Limits {
            packet_bytes_max: 5_000,
            ..Limits::DEFAULT
        },
        receive_maximum: 7,
        maximum_qos: Qos::AtLeastOnce,
        retain_available: false,
        wildcard_subscriptions: false,
        shared_subscriptions: false,
        subscription_identifiers: false,
        topic_alias_maximum: 3,
        session_expiry_seconds_max: 60,
        ..Settings::default()
    };
    let asked = ConnectProperties {
        session_expiry: Some(100),
        ..Default::default()
    };
    let connack = Driver::new(strict).connect(&v5(asked));
    let found = connack_properties(&connack);
    assert_eq!(found.maximum_packet_size, NonZeroU32::new(5_000));
    assert_eq!(found.receive_maximum, NonZeroU16::new(7));
    assert_eq!(
        (found.maximum_qos, found.retain_available),
        (Qos::AtLeastOnce, false)
    );
    assert!(!found.wildcard_subscription_available && !found.shared_subscription_available);
    assert!(!found.subscription_identifiers_available);
    assert_eq!(
        (found.topic_alias_maximum, found.session_expiry),
        (3, Some(60))
    );
    let open = Driver::new(Settings::default()).connect(&v5(ConnectProperties::default()));
    let defaults = ConnAckProperties {
        topic_alias_maximum: 32,
        ..Default::default()
    };
    assert_eq!(connack_properties(&open), defaults);
}

#[test]
fn response_information_is_sent_if_asked_for() {
    // [MQTT-3.1.2-28]
    let settings = Settings {
        response_information: Some(Box::from("replies/")),
        ..Settings::default()
    };
    for (asked, given) in [(false, None), (true, Some("replies/"))] {
        let properties = ConnectProperties {
            request_response_information: asked,
            ..Default::default()
        };
        let connack = Driver::new(settings.clone()).connect(&v5(properties));
        assert_eq!(connack_properties(&connack).response_information, given);
    }
}

#[test]
fn a_refusal_of_the_broker_is_a_connack_and_the_end() {
    // [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] [MQTT-3.14.0-1]
    // [MQTT3-3.2.2-4] [MQTT3-3.2.2-5]
    for reason in ReasonCode::ALL.iter().filter(|reason| reason.is_error()) {
        for version in [Version::V311, Version::V5] {
            let mut driver = Driver::new(Settings::default());
            driver
                .send(&connect_bytes(&connect(version)))
                .outcome
                .unwrap();
            let (settings, bytes) = (&driver.settings, &mut driver.bytes);
            let stats = &mut driver.stats;
            let close = driver
                .connection
                .handle_connect_refused(settings, *reason, bytes, stats);
            assert_eq!(close.reason, *reason);
            let sent = driver.take_sent();
            // The decoder refuses codes that CONNACK may not carry, and session present.
            match &packets(version, &sent)[..] {
                [Packet::ConnAck(connack)] => assert!(connack.reason.is_error()),
                [] => assert_eq!(version, Version::V311),
                other => panic!("{other:?}"),
            }
            assert!(driver.connection.is_closed());
        }
    }
}

#[test]
fn nothing_behind_a_refused_connect_is_read() {
    // [MQTT-3.1.4-6] [MQTT3-3.1.4-5]
    for version in VERSIONS {
        let mut driver = Driver::new(Settings::default());
        let mut input = connect_bytes(&connect(version));
        let size = input.len();
        input.extend(publish_bytes(version, Qos::AtLeastOnce, 1));
        let step = driver.send(&input);
        assert_eq!((step.outcome.unwrap(), step.actions.len()), (size, 1));
        let (settings, bytes) = (&driver.settings, &mut driver.bytes);
        let reason = ReasonCode::NotAuthorized;
        let stats = &mut driver.stats;
        let _ = driver
            .connection
            .handle_connect_refused(settings, reason, bytes, stats);
        let step = driver.send(&input[size..]);
        assert!(step.actions.is_empty());
    }
}

#[test]
fn what_is_sent_before_connack_waits_for_it() {
    let mut driver = Driver::new(Settings::default());
    let mut input = connect_bytes(&connect(Version::V5));
    let size = input.len();
    input.extend(bytes_of(
        Version::V5,
        &Packet::Publish(publish(Qos::AtMostOnce, 0)),
    ));
    assert_eq!(driver.send(&input).outcome.unwrap(), size);
    assert_eq!(driver.send(&input[size..]).outcome.unwrap(), 0);
    driver.accept(&Session::default());
    assert_eq!(driver.send(&input[size..]).actions.len(), 1);
}

#[test]
fn connack_keeps_to_the_clients_maximum_packet_size() {
    // [MQTT-3.1.2-24] [MQTT-3.2.2-19] [MQTT-3.2.2-20]
    let settings = Settings {
        reason_strings: true,
        ..Settings::default()
    };
    for (maximum, size) in [(1_000, 29), (28, 5), (5, 5), (4, 0)] {
        let properties = ConnectProperties {
            maximum_packet_size: NonZeroU32::new(maximum),
            authentication_method: Some("unknown"),
            ..Default::default()
        };
        let (_, sent) = refused(&settings, &connect_bytes(&v5(properties)));
        assert!(sent.len() <= maximum as usize);
        assert_eq!(sent.is_empty(), size == 0);
        assert_eq!(sent.len() > 5, maximum == 1_000);
    }
    // A success that does not fit ends the connection without a word.
    let maximum_packet_size = NonZeroU32::new(4);
    let properties = ConnectProperties {
        maximum_packet_size,
        ..Default::default()
    };
    let mut driver = Driver::new(Settings::default());
    driver
        .send(&connect_bytes(&v5(properties)))
        .outcome
        .unwrap();
    let (bytes, stats) = (&mut driver.bytes, &mut driver.stats);
    let (settings, session) = (&driver.settings, Session::default());
    let refused = driver
        .connection
        .handle_connected(driver.now, settings, &session, bytes, stats);
    assert_eq!(refused.unwrap_err().reason, ReasonCode::PacketTooLarge);
    assert!(driver.take_sent().is_empty());
}
