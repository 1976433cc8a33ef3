//! CONNECT: what the broker is asked, and what is refused.
#![expect(clippy::panic, reason = "what takes results apart fails the test")]

use catena_connection::{Action, ConnectAction, Session, Settings, WillFate};
use catena_mqtt::{
    ConnAckProperties, Connect, ConnectProperties, Forwarded, Limits, Packet, Qos, ReasonCode,
    Version, Will,
};

use crate::driver::{Driver, VERSIONS, connect, connect_bytes, packets};

/// What the broker is asked for a CONNECT.
#[track_caller]
fn asked(settings: &Settings, connect: &Connect<'_>) -> ConnectAction {
    let step = Driver::new(settings.clone()).send(&connect_bytes(connect));
    match &step.actions[..] {
        [Action::Connect(action)] => (**action).clone(),
        other => panic!("not one CONNECT: {other:?} {:?}", step.outcome),
    }
}

/// What a CONNECT that is refused here is answered.
#[track_caller]
pub(crate) fn refused(settings: &Settings, connect: &[u8]) -> (ReasonCode, Vec<u8>) {
    let mut driver = Driver::new(settings.clone());
    let step = driver.send(connect);
    assert!(step.actions.is_empty(), "{step:?}");
    assert!(driver.connection.is_closed());
    step.closed()
}

/// The CONNACK of an MQTT 5.0 client.
#[track_caller]
pub(crate) fn connack_properties(bytes: &[u8]) -> ConnAckProperties<'_> {
    match &packets(Version::V5, bytes)[..] {
        [Packet::ConnAck(connack)] => {
            assert_eq!(connack.reason, ReasonCode::Success);
            connack.properties
        }
        other => panic!("not one CONNACK: {other:?}"),
    }
}

pub(crate) fn v5(properties: ConnectProperties<'_>) -> Connect<'_> {
    Connect {
        properties,
        ..connect(Version::V5)
    }
}

fn will() -> Will<'static> {
    Will {
        qos: Qos::ExactlyOnce,
        retain: true,
        topic: "w",
        delay_seconds: 0,
        message_expiry: None,
        forwarded: Forwarded::EMPTY,
        payload: b"bye",
    }
}

#[test]
fn clean_start_and_session_expiry_are_passed_on() {
    // [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.4-4] [MQTT3-3.1.2-4] [MQTT3-3.1.2-6] [MQTT3-3.1.4-3]
    let capped = Settings {
        session_expiry_seconds_max: 500,
        ..Settings::default()
    };
    for (version, clean_start, expiry, granted) in [
        (Version::V5, true, None, 0),
        (Version::V5, false, Some(100), 100),
        (Version::V5, false, Some(u32::MAX), 500),
        (Version::V311, true, None, 0),
        (Version::V311, false, None, 500),
        (Version::V31, false, None, 500),
    ] {
        let properties = ConnectProperties {
            session_expiry: expiry,
            ..Default::default()
        };
        let connect = Connect {
            clean_start,
            properties,
            ..connect(version)
        };
        let action = asked(&capped, &connect);
        assert_eq!(action.clean_start, clean_start);
        assert_eq!(
            action.session_expiry_seconds, granted,
            "{version:?} {expiry:?}"
        );
    }
}

#[test]
fn what_the_client_says_of_itself_is_passed_on() {
    // [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-2]
    // [MQTT3-3.1.2-19] [MQTT3-3.1.2-21] [MQTT3-3.1.3-2]
    for version in VERSIONS {
        let with = Connect {
            username: Some("u"),
            password: Some(b"p"),
            ..connect(version)
        };
        let action = asked(&Settings::default(), &with);
        assert_eq!((&*action.client_id, action.version), ("client", version));
        assert_eq!(action.username.as_deref(), Some("u"));
        assert_eq!(action.password.as_deref(), Some(b"p".as_slice()));
        let without = asked(&Settings::default(), &connect(version));
        assert_eq!((without.username, without.password), (None, None));
    }
    let pairs: &[(&str, &str)] = &[("metriccategory", "a"), ("metriccategory", "b")];
    let properties = ConnectProperties {
        user_properties: pairs.into(),
        ..Default::default()
    };
    let action = asked(&Settings::default(), &v5(properties));
    let found: Vec<_> = action
        .user_properties
        .iter()
        .map(|(n, v)| (&**n, &**v))
        .collect();
    assert_eq!(found, pairs);
}

#[test]
fn the_password_is_not_shown() {
    let with = Connect {
        username: Some("u"),
        password: Some(b"pass"),
        ..connect(Version::V5)
    };
    let shown = format!("{:?}", asked(&Settings::default(), &with));
    assert!(
        shown.contains("password_bytes: Some(4)") && !shown.contains("112"),
        "{shown}"
    );
}

#[test]
fn the_will_is_passed_on() {
    // [MQTT-3.1.2-7] [MQTT-3.1.2-9] [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT-3.1.3-10]
    // [MQTT3-3.1.2-8] [MQTT3-3.1.2-16] [MQTT3-3.1.2-17]
    let capped = Settings {
        message_expiry_seconds_max: Some(50),
        ..Settings::default()
    };
    let properties = b"\x26\x00\x01b\x00\x011\x26\x00\x01a\x00\x012";
    let forwarded = Forwarded::parse(properties, &Limits::DEFAULT).unwrap();
    let full = Will {
        delay_seconds: 9,
        message_expiry: Some(60),
        forwarded,
        ..will()
    };
    let action = asked(
        &capped,
        &Connect {
            will: Some(full),
            ..connect(Version::V5)
        },
    );
    let passed = action.will.unwrap();
    assert_eq!((&*passed.topic, &*passed.payload), ("w", b"bye".as_slice()));
    assert_eq!((passed.qos, passed.retain), (Qos::ExactlyOnce, true));
    assert_eq!((passed.delay_seconds, passed.expiry_seconds), (9, Some(50)));
    assert_eq!(&*passed.properties, properties);
    let unretained = Will {
        retain: false,
        ..will()
    };
    let action = asked(
        &capped,
        &Connect {
            will: Some(unretained),
            ..connect(Version::V311)
        },
    );
    assert!(
        action
            .will
            .is_some_and(|will| !will.retain && will.properties.is_empty())
    );
    // [MQTT3-3.1.2-12]
    assert_eq!(asked(&capped, &connect(Version::V311)).will, None);
}

#[test]
fn an_empty_client_id_is_assigned_one_where_that_is_allowed() {
    // [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT3-3.1.3-6] [MQTT3-3.1.3-7]
    // [MQTT3-3.1.3-8] [MQTT3-3.1.3-9]
    let settings = Settings::default();
    let empty = |version, clean_start| Connect {
        client_id: "",
        clean_start,
        ..connect(version)
    };
    for (version, clean_start) in [
        (Version::V5, true),
        (Version::V5, false),
        (Version::V311, true),
    ] {
        assert_eq!(
            &*asked(&settings, &empty(version, clean_start)).client_id,
            ""
        );
    }
    let mut driver = Driver::new(settings.clone());
    driver
        .send(&connect_bytes(&empty(Version::V5, true)))
        .outcome
        .unwrap();
    let assigned_client_id = Some("made-up");
    let connack = driver.accept(&Session {
        assigned_client_id,
        ..Session::default()
    });
    assert_eq!(
        connack_properties(&connack).assigned_client_id,
        Some("made-up")
    );
    let invalid = ReasonCode::ClientIdentifierNotValid;
    let bytes = connect_bytes(&empty(Version::V311, false));
    assert_eq!(refused(&settings, &bytes), (invalid, vec![0x20, 2, 0, 2]));
    let bytes = connect_bytes(&empty(Version::V31, true));
    assert_eq!(refused(&settings, &bytes), (invalid, vec![0x20, 2, 0, 2]));
    // [MQTT-3.1.3-8]
    let strict = Settings {
        empty_client_id: false,
        ..Settings::default()
    };
    let bytes = connect_bytes(&empty(Version::V5, true));
    assert_eq!(
        refused(&strict, &bytes),
        (invalid, vec![0x20, 3, 0, 0x85, 0])
    );
}

#[test]
fn client_ids_of_23_letters_and_digits_are_always_accepted() {
    // [MQTT-3.1.3-5] [MQTT3-3.1.3-5]
    let settings = Settings {
        client_id_bytes_max: 5,
        ..Settings::default()
    };
    for version in VERSIONS {
        let client_id = "0123456789abcdefghijXYZ";
        let action = asked(
            &settings,
            &Connect {
                client_id,
                ..connect(version)
            },
        );
        assert_eq!(&*action.client_id, client_id);
    }
    let client_id = "0123456789abcdefghijXYZ_";
    let bytes = connect_bytes(&Connect {
        client_id,
        ..connect(Version::V5)
    });
    assert_eq!(
        refused(&settings, &bytes).0,
        ReasonCode::ClientIdentifierNotValid
    );
}

#[test]
fn the_first_packet_is_connect() {
    // [MQTT-3.1.0-1] [MQTT3-3.1.0-1] [MQTT-3.14.0-1]: seen from the first byte.
    for first_byte in (0..=255).filter(|byte| byte >> 4 != 1) {
        let (_, sent) = refused(&Settings::default(), &[first_byte]);
        assert!(sent.is_empty());
    }
}

#[test]
fn a_connect_above_the_limit_is_refused_by_its_header() {
    let (reason, sent) = refused(&Settings::default(), b"\x10\xff\xff\xff\x7f");
    assert_eq!((reason, sent.len()), (ReasonCode::PacketTooLarge, 0));
    // If the version has come too, there is an answer.
    let (_, sent) = refused(
        &Settings::default(),
        b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x05",
    );
    assert_eq!(sent, [0x20, 3, 0, 0x95, 0]);
}

#[test]
fn a_second_connect_ends_the_connection() {
    // [MQTT-3.1.0-2] [MQTT3-3.1.0-2]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let step = driver.send(&connect_bytes(&connect(Version::V5)));
        assert_eq!(step.outcome.unwrap_err().will, WillFate::Publish);
        let expected: &[u8] = if version.is_v5() {
            &[0xE0, 1, 0x82]
        } else {
            &[]
        };
        assert_eq!(step.sent, expected);
    }
}

#[test]
fn other_protocols_and_versions_are_refused() {
    // [MQTT-3.1.2-1] [MQTT-3.1.2-2] [MQTT3-3.1.2-1] [MQTT3-3.1.2-2]
    let unsupported = ReasonCode::UnsupportedProtocolVersion;
    for (body, sent) in [
        (
            &b"\x00\x04MQTT\x06\x02\x00\x3c\x00\x00\x01p"[..],
            &[0x20, 3, 0, 0x84, 0][..],
        ),
        (b"\x00\x04MQTT\x03\x02\x00\x3c\x00\x01p", &[0x20, 2, 0, 1]),
        (b"\x00\x04MQTT\x02\x02\x00\x3c\x00\x01p", &[0x20, 2, 0, 1]),
        (b"\x00\x06MQIsdp\x04\x02\x00\x3c\x00\x01p", &[0x20, 2, 0, 1]),
        (b"\x00\x04MQTU\x04\x02\x00\x3c\x00\x01p", &[]),
        (b"\x00\x04mqtt\x04\x02\x00\x3c\x00\x01p", &[]),
    ] {
        let mut bytes = vec![0x10, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        assert_eq!(
            refused(&Settings::default(), &bytes),
            (unsupported, sent.to_vec())
        );
    }
}

#[test]
fn a_malformed_connect_is_refused_in_its_version() {
    // [MQTT-3.1.4-1] [MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13]
    // [MQTT3-3.1.4-1] [MQTT3-3.1.2-3] [MQTT3-3.1.2-13] [MQTT3-3.1.2-14] [MQTT3-3.1.2-15]
    for flags in [0x03, 0x0A, 0x1E, 0x22] {
        let v5 = [
            b"\x10\x0e\x00\x04MQTT\x05",
            &[flags][..],
            b"\x00\x3c\x00\x00\x01p",
        ]
        .concat();
        let (_, sent) = refused(&Settings::default(), &v5);
        assert_eq!(sent, [0x20, 3, 0, 0x81, 0]);
        let v3 = [
            b"\x10\x0d\x00\x04MQTT\x04",
            &[flags][..],
            b"\x00\x3c\x00\x01p",
        ]
        .concat();
        let (_, sent) = refused(&Settings::default(), &v3);
        assert!(sent.is_empty());
    }
}

#[test]
fn a_will_that_the_listener_cannot_serve_is_refused() {
    // [MQTT-3.2.2-12] [MQTT-3.2.2-13]
    let settings = Settings {
        maximum_qos: Qos::AtLeastOnce,
        retain_available: false,
        ..Settings::default()
    };
    let plain = Will {
        qos: Qos::AtLeastOnce,
        retain: false,
        ..will()
    };
    asked(
        &settings,
        &Connect {
            will: Some(plain),
            ..connect(Version::V5)
        },
    );
    for (will, reason, code) in [
        (
            Will {
                qos: Qos::ExactlyOnce,
                ..plain
            },
            ReasonCode::QosNotSupported,
            0x9B,
        ),
        (
            Will {
                retain: true,
                ..plain
            },
            ReasonCode::RetainNotSupported,
            0x9A,
        ),
        (
            Will {
                topic: "$SYS/x",
                ..plain
            },
            ReasonCode::NotAuthorized,
            0x87,
        ),
        (
            Will {
                topic: "$share/g/x",
                ..plain
            },
            ReasonCode::NotAuthorized,
            0x87,
        ),
    ] {
        let bytes = connect_bytes(&Connect {
            will: Some(will),
            ..connect(Version::V5)
        });
        assert_eq!(
            refused(&settings, &bytes),
            (reason, vec![0x20, 3, 0, code, 0])
        );
        // [MQTT3-3.2.2-6]: no answer without a fitting code.
        let bytes = connect_bytes(&Connect {
            will: Some(will),
            ..connect(Version::V311)
        });
        let answer: &[u8] = if code == 0x87 { &[0x20, 2, 0, 5] } else { &[] };
        assert_eq!(refused(&settings, &bytes).1, answer);
    }
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<catena_connection::Connection>() <= 200);
}
