//! DISCONNECT from either side, and what happens to the will.

use catena_connection::{Action, Settings, WillFate};
use catena_mqtt::{Connect, ConnectProperties, Disconnect, Packet, ReasonCode, Version};

use crate::driver::{Driver, VERSIONS, connect, disconnect_bytes, packets, publish_bytes};

fn open_v5(settings: Settings, properties: ConnectProperties<'_>) -> Driver {
    Driver::open_with(
        settings,
        &Connect {
            properties,
            ..connect(Version::V5)
        },
    )
}

#[test]
fn a_normal_disconnect_forgets_the_will() {
    // [MQTT-3.14.4-3] [MQTT-3.1.2-10] [MQTT3-3.14.4-3] [MQTT3-3.1.2-10]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let step = driver.send(b"\xe0\x00");
        assert!(matches!(
            step.actions[..],
            [Action::Disconnect {
                will: WillFate::Forget,
                expiry_seconds: None
            }]
        ));
        assert!(driver.connection.is_closed() && step.sent.is_empty());
    }
}

#[test]
fn any_other_reason_publishes_the_will() {
    // [MQTT-3.1.2-8]
    for reason in [ReasonCode::DisconnectWithWill, ReasonCode::UnspecifiedError] {
        let mut driver = Driver::open(Version::V5);
        let step = driver.send(&disconnect_bytes(Version::V5, Disconnect::new(reason)));
        assert!(matches!(
            step.actions[..],
            [Action::Disconnect {
                will: WillFate::Publish,
                ..
            }]
        ));
    }
}

#[test]
fn what_only_servers_say_is_a_protocol_error() {
    // [MQTT-3.14.2-1], table 3-13; Server Reference is a server's too (3.14.2.2.5).
    let moved = Disconnect {
        server_reference: Some("other"),
        ..Disconnect::new(ReasonCode::Success)
    };
    let shutting_down = Disconnect::new(ReasonCode::ServerShuttingDown);
    let taken_over = Disconnect::new(ReasonCode::SessionTakenOver);
    for disconnect in [moved, shutting_down, taken_over] {
        let mut driver = Driver::open(Version::V5);
        let step = driver.send(&disconnect_bytes(Version::V5, disconnect));
        assert!(step.outcome.is_err() && step.actions.is_empty());
        assert_eq!(step.sent[2], 0x82);
    }
}

#[test]
fn nothing_after_disconnect_is_read() {
    // [MQTT-3.14.4-1] [MQTT3-3.14.4-2]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let mut input = b"\xe0\x00".to_vec();
        input.extend(publish_bytes(version, catena_mqtt::Qos::AtLeastOnce, 1));
        input.push(0);
        let step = driver.send(&input);
        assert_eq!(step.outcome.unwrap(), input.len());
        assert_eq!(step.actions.len(), 1);
        assert_eq!(driver.send(b"\xc0\x00").sent, b"");
    }
}

#[test]
fn nothing_is_sent_after_our_disconnect() {
    // [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.1-1] [MQTT-4.13.2-1] [MQTT3-4.8.0-1]
    let mut driver = Driver::open(Version::V5);
    let step = driver.send(b"\x20\x03\x00\x00\x00\xc0\x00");
    step.assert_disconnected(ReasonCode::ProtocolError);
    assert!(driver.send(b"\xc0\x00").sent.is_empty());
    let (settings, bytes) = (&driver.settings, &mut driver.bytes);
    let _ = driver
        .connection
        .handle_taken_over(settings, bytes, &mut driver.stats);
    assert!(driver.take_sent().is_empty());
}

#[test]
fn disconnect_may_change_the_session_expiry() {
    let settings = Settings {
        session_expiry_seconds_max: 500,
        ..Settings::default()
    };
    let properties = ConnectProperties {
        session_expiry: Some(9),
        ..Default::default()
    };
    for (asked, granted) in [(0, 0), (100, 100), (1_000, 500)] {
        let mut driver = open_v5(settings.clone(), properties);
        let disconnect = Disconnect {
            session_expiry: Some(asked),
            ..Disconnect::new(ReasonCode::Success)
        };
        let step = driver.send(&disconnect_bytes(Version::V5, disconnect));
        assert!(matches!(step.actions[..],
            [Action::Disconnect { expiry_seconds: Some(seconds), .. }] if seconds == granted));
    }
}

#[test]
fn a_session_that_was_to_end_cannot_be_prolonged() {
    let mut driver = Driver::open(Version::V5);
    let disconnect = Disconnect {
        session_expiry: Some(1),
        ..Disconnect::default()
    };
    let step = driver.send(&disconnect_bytes(Version::V5, disconnect));
    step.assert_disconnected(ReasonCode::ProtocolError);
    assert_eq!(step.outcome.unwrap_err().will, WillFate::Publish);
}

#[test]
fn a_takeover_is_told() {
    // [MQTT-3.1.4-3] [MQTT3-3.1.4-2]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let (settings, bytes) = (&driver.settings, &mut driver.bytes);
        let close = driver
            .connection
            .handle_taken_over(settings, bytes, &mut driver.stats);
        assert_eq!(close.reason, ReasonCode::SessionTakenOver);
        let expected: &[u8] = if version.is_v5() {
            &[0xE0, 1, 0x8E]
        } else {
            &[]
        };
        assert_eq!(driver.take_sent(), expected);
    }
}

#[test]
fn words_are_added_where_they_fit() {
    // [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.1.2-24]
    let settings = Settings {
        reason_strings: true,
        ..Settings::default()
    };
    for (maximum, has_words, is_sent) in [(100, true, true), (20, false, true), (2, false, false)] {
        // CONNACK has to fit, so the limit is set by its own bytes being few.
        let properties = ConnectProperties {
            maximum_packet_size: std::num::NonZeroU32::new(maximum),
            ..Default::default()
        };
        let mut driver = Driver::new(settings.clone());
        driver.settings.topic_alias_maximum = 0;
        if maximum > 4 {
            driver.connect(&Connect {
                properties,
                ..connect(Version::V5)
            });
        } else {
            let connect = Connect {
                properties,
                ..connect(Version::V5)
            };
            let step = driver.send(&crate::driver::connect_bytes(&connect));
            assert!(matches!(step.actions[..], [Action::Connect(_)]));
        }
        let (settings, bytes) = (&driver.settings, &mut driver.bytes);
        let (reason, stats) = (ReasonCode::AdministrativeAction, &mut driver.stats);
        let words = "an administrator has ended this connection";
        let close = driver
            .connection
            .handle_shutdown(settings, reason, words, bytes, stats);
        assert_eq!(close.reason, reason);
        let sent = driver.take_sent();
        match &packets(Version::V5, &sent)[..] {
            [Packet::Disconnect(disconnect)] => {
                assert!(is_sent);
                assert_eq!(disconnect.reason_string.is_some(), has_words);
                // [MQTT-3.14.2-2]
                assert_eq!(disconnect.session_expiry, None);
            }
            [] => assert!(!is_sent),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_codes_of_disconnect_are_sent() {
    // [MQTT-3.14.2-1]
    for reason in ReasonCode::ALL {
        if !reason.is_error() {
            continue;
        }
        let mut driver = Driver::open(Version::V5);
        let (settings, bytes) = (&driver.settings, &mut driver.bytes);
        let stats = &mut driver.stats;
        let _ = driver
            .connection
            .handle_shutdown(settings, *reason, "test", bytes, stats);
        // The decoder refuses other codes.
        let sent = driver.take_sent();
        assert!(matches!(
            packets(Version::V5, &sent)[..],
            [Packet::Disconnect(_)]
        ));
    }
}

#[test]
fn packets_that_no_client_sends_end_the_connection() {
    // Their first byte is enough, whatever follows. Type 0 is no packet at all.
    for bytes in [
        &b"\x20\x03\x00\x00\x00"[..],
        b"\x20",
        b"\x20\xff\xff\xff\xff",
        b"\x90\x04\x00\x01\x00\x00",
        b"\x90\x00",
        b"\xb0\x04\x00\x01\x00\x00",
        b"\xb0\x00",
        b"\xd0\x00",
        b"\xd0\x01\x00",
        b"\x00\x00",
        b"\x0f\xff\xff\xff\xff",
    ] {
        let mut driver = Driver::open(Version::V5);
        driver
            .send(bytes)
            .assert_disconnected(ReasonCode::ProtocolError);
        assert!(driver.connection.is_closed());
    }
}

#[test]
fn a_malformed_packet_ends_the_connection() {
    // [MQTT-4.13.1-1] [MQTT3-4.8.0-1] [MQTT-3.14.1-1] [MQTT3-3.14.1-1]
    for bytes in [
        &b"\xe1\x00"[..],
        b"\x21\x00",
        b"\x92\x00",
        b"\xb4\x00",
        b"\xd8\x00",
        b"\xf1\x00",
        b"\x36\x05\x00\x01a\x00\x01",
        b"\x30\x02\x00\x05",
        b"\x82\x00",
        b"\xc0\x80\x80\x80\x80\x01",
    ] {
        let mut driver = Driver::open(Version::V5);
        let step = driver.send(bytes);
        step.assert_disconnected(ReasonCode::MalformedPacket);
        assert_eq!(step.outcome.unwrap_err().will, WillFate::Publish);
        let mut driver = Driver::open(Version::V311);
        let (_, sent) = driver.send(bytes).closed();
        assert!(sent.is_empty());
    }
}
