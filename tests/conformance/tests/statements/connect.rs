//! CONNECT: who may come in, and what ends with a new connection (section 3.1).

use catena_conformance::{
    Client, EVERY_QOS, Options, QOS0, QOS1, WillMessage, post, raw, subscription, unique,
};
use catena_mqtt::{Packet, ReasonCode, Version};

use crate::{VERSIONS, shared};

/// [MQTT-3.1.0-1] [MQTT3-3.1.0-1]: anything else than CONNECT ends the connection.
#[test]
fn first_packet_is_connect() {
    let packets: [&[u8]; 13] = [
        b"\x20\x02\0\0",
        b"\x30\x05\0\x03a/b",
        b"\x32\x07\0\x03a/b\0\x01",
        b"\x40\x02\0\x01",
        b"\x50\x02\0\x01",
        b"\x62\x02\0\x01",
        b"\x70\x02\0\x01",
        b"\x82\x08\0\x01\0\x03a/b\0",
        b"\xa2\x07\0\x01\0\x03a/b",
        b"\xc0\0",
        b"\xd0\0",
        b"\xe0\0",
        b"\xf0\0",
    ];
    for packet in packets {
        let mut client = Client::open(shared(), Version::V5);
        client.send_bytes(packet);
        client.expect_closed();
    }
}

/// [MQTT-3.1.0-2] [MQTT3-3.1.0-2]: a second CONNECT ends the connection, and not as the client
/// wanted it: its will is published.
#[test]
fn second_connect_is_a_protocol_error() {
    for version in VERSIONS {
        let topic = unique("will");
        let mut watcher = Client::connect(shared(), &Options::clean(version));
        watcher.subscribe(&topic, QOS0);
        let options = Options::clean(version).with_will(WillMessage::new(&topic, "gone", QOS0));
        let mut client = Client::connect(shared(), &options);
        client.send_bytes(&options.bytes());
        client.expect_disconnect(ReasonCode::ProtocolError);
        watcher.expect_message(&topic, "gone", QOS0);
    }
}

/// [MQTT-3.1.2-1] [MQTT3-3.1.2-1]: the protocol name is MQTT, in exactly these bytes.
#[test]
fn protocol_name_is_exact() {
    for name in [
        "", "mqtt", "Mqtt", "MQT", "MQTTS", "MQTT ", "HTTP", "MQTT\0",
    ] {
        for level in [4, 5] {
            let properties: &[u8] = if level == 5 { &[0] } else { &[] };
            let mut client = Client::open(shared(), Version::V5);
            let id = raw::string(unique("c"));
            client.send_bytes(&raw::connect(name, level, 2, &[properties, &id]));
            client.expect_end();
        }
    }
}

/// [MQTT-3.1.2-2] [MQTT3-3.1.2-2]: a level that there is not is refused, later ones in the form
/// of 5.0, earlier ones in that of 3.1.1.
#[test]
fn protocol_level_is_known() {
    let reason = ReasonCode::UnsupportedProtocolVersion;
    for (level, version) in [
        (6, Version::V5),
        (7, Version::V5),
        (0x7F, Version::V5),
        (0, Version::V311),
        (1, Version::V311),
        (2, Version::V311),
        (3, Version::V311),
    ] {
        let mut client = Client::open(shared(), version);
        let id = raw::string(unique("c"));
        client.send_bytes(&raw::connect("MQTT", level, 2, &[&[0], &id]));
        client.expect_refused(reason);
    }
}

/// [MQTT-3.1.3-5] [MQTT3-3.1.3-5]: identifiers of 1 to 23 bytes from the common characters are
/// accepted; so are longer ones and other characters here.
#[test]
fn common_client_identifiers_are_accepted() {
    let longest = "01234567890123456789012";
    let long = unique("a").repeat(20);
    let ids = [
        "0",
        longest,
        "abcdefghijklmnopqrstuvw",
        "XYZABCDEFGHIJKLMNOPQRST",
        "with-dash_and.dot/and space",
        "größer",
        &long,
    ];
    for version in VERSIONS {
        for client_id in ids.map(str::to_owned) {
            let options = Options {
                client_id,
                ..Options::clean(version)
            };
            Client::connect(shared(), &options).disconnect();
        }
    }
}

/// [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16]: without identifier the client gets one of its
/// own, is told, and can come back with it.
#[test]
fn empty_identifier_gets_a_unique_one() {
    let nameless = Options {
        client_id: String::new(),
        ..Options::lasting(Version::V5)
    };
    let mut first = Client::connect(shared(), &nameless);
    let second = Client::connect(shared(), &nameless);
    let assigned = |client: &Client| {
        let properties = client.connack().properties;
        properties.assigned_client_id.map(str::to_owned)
    };
    let client_id = assigned(&first).expect("an assigned identifier");
    assert!(!client_id.is_empty() && !first.session_present());
    assert_ne!(Some(&client_id), assigned(&second).as_ref());
    let topic = unique("t");
    first.subscribe(&topic, QOS1);
    first.disconnect();
    let mut back = Client::connect(
        shared(),
        &Options {
            client_id,
            ..Options::lasting(Version::V5)
        },
    );
    assert!(back.session_present());
    assert_eq!(assigned(&back), None);
    back.publish(&topic, "still subscribed", QOS1);
    back.expect_message(&topic, "still subscribed", QOS1);
}

/// [MQTT3-3.1.3-6] [MQTT3-3.1.3-7] [MQTT3-3.1.3-8]: in 3.1.1 only with a clean session.
#[test]
fn empty_identifier_needs_a_clean_session() {
    let nameless = Options {
        client_id: String::new(),
        ..Options::clean(Version::V311)
    };
    let first = Client::connect(shared(), &nameless);
    let mut second = Client::connect(shared(), &nameless);
    second.expect_silence();
    let mut third = Client::open(shared(), Version::V311);
    third.send_bytes(
        &Options {
            clean_start: false,
            ..nameless
        }
        .bytes(),
    );
    third.expect_refused(ReasonCode::ClientIdentifierNotValid);
    first.disconnect();
}

/// [MQTT-3.1.4-3] [MQTT3-3.1.4-2] [MQTT-3.1.3-2] [MQTT3-3.1.3-2]: the identifier names the
/// session: who connects with it takes it over, whichever version either speaks.
#[test]
fn same_identifier_takes_over() {
    for old in VERSIONS {
        for new in VERSIONS {
            let options = Options::lasting(old);
            let client_id = options.client_id.clone();
            let mut first = Client::connect(shared(), &options);
            let mut second = Client::connect(
                shared(),
                &Options {
                    client_id,
                    ..Options::lasting(new)
                },
            );
            first.expect_disconnect(ReasonCode::SessionTakenOver);
            assert!(second.session_present());
            second.expect_silence();
        }
    }
}

/// [MQTT-3.1.4-4] [MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT3-3.1.4-3] [MQTT3-3.1.2-6]
/// [MQTT3-3.2.2-1]: a clean start drops what was, even when it takes over.
#[test]
fn clean_start_takes_over_nothing_but_the_name() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut first = Client::connect(shared(), &options);
        first.subscribe(&topic, QOS1);
        let clean = Options {
            clean_start: true,
            ..options
        };
        let mut second = Client::connect(shared(), &clean);
        first.expect_disconnect(ReasonCode::SessionTakenOver);
        assert!(!second.session_present());
        second.publish(&topic, "to nobody", QOS1);
        second.expect_silence();
    }
}

/// [MQTT-3.1.4-6] [MQTT3-3.1.4-5]: what stands behind a refused CONNECT is not looked at.
#[test]
fn nothing_behind_a_refused_connect_counts() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut bytes = match version {
            Version::V5 => Options {
                authentication_method: Some("unknown"),
                ..Options::clean(version)
            }
            .bytes(),
            _ => raw::connect("MQTT", 4, 0, &[&raw::string("")]),
        };
        let retained = catena_mqtt::Publish {
            retain: true,
            ..post(&topic, "late", QOS0, None)
        };
        let encoded = Packet::Publish(retained).encode(version, &mut bytes);
        assert!(encoded.is_ok());
        let mut client = Client::open(shared(), version);
        client.send_bytes(&bytes);
        client.expect_end();
        let mut reader = Client::connect(shared(), &Options::clean(version));
        reader.subscribe(&topic, QOS0);
        reader.expect_silence();
    }
}

/// [MQTT-3.1.4-5] [MQTT3-3.1.4-4]: a client need not wait for CONNACK: what it sends behind
/// CONNECT is done once that is accepted, and answered after it.
#[test]
fn packets_may_follow_connect_at_once() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = Client::open(shared(), version);
        client.send_bytes(&Options::clean(version).bytes());
        let id = client.send_subscribe(&[(&topic, subscription(QOS1))], None);
        let published = client.send_publish(&topic, "early", QOS1);
        client.expect_accepted();
        assert_eq!(client.expect_suback(id).len(), 1);
        client.expect_puback(published);
        client.expect_message(&topic, "early", QOS1);
    }
}

/// [MQTT-3.8.4-1] [MQTT3-3.8.4-1]: a client need not wait for SUBACK either: its packets are
/// done in their order.
#[test]
fn publish_may_follow_subscribe_at_once() {
    for version in VERSIONS {
        for qos in EVERY_QOS {
            let topic = unique("t");
            let mut client = Client::connect(shared(), &Options::clean(version));
            let id = client.send_subscribe(&[(&topic, subscription(QOS0))], None);
            client.send_publish(&topic, "at once", qos);
            assert_eq!(client.expect_suback(id).len(), 1);
            assert_eq!(client.await_publish().payload, "at once");
        }
    }
}

/// [MQTT-4.2-1] [MQTT3-4.2.0-1]: packets may come in any pieces, or many at once.
#[test]
fn bytes_may_come_in_any_pieces() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = Client::open(shared(), version);
        for byte in Options::clean(version).bytes() {
            client.send_bytes(&[byte]);
        }
        client.expect_accepted();
        client.subscribe(&topic, QOS1);
        let mut bytes = Vec::new();
        for number in 1..=50 {
            let payload = number.to_string();
            let id = client.next_id();
            let publish = Packet::Publish(post(&topic, &payload, QOS1, Some(id)));
            assert!(publish.encode(version, &mut bytes).is_ok());
        }
        let (whole, pieces) = bytes.split_at(bytes.len() / 2 - 3);
        client.send_bytes(whole);
        for piece in pieces.chunks(3) {
            client.send_bytes(piece);
        }
        for number in 1..=50 {
            let message = client.await_publish();
            assert_eq!(message.payload, number.to_string());
            client.acknowledge(&message);
        }
    }
}

/// [MQTT-3.1.2-6] [MQTT-3.2.2-3] [MQTT3-3.1.2-4] [MQTT3-3.2.2-3]: where there is no session, one
/// is made.
#[test]
fn resuming_nothing_makes_a_session() {
    for version in VERSIONS {
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        assert!(!client.session_present());
        client.subscribe(&unique("t"), QOS0);
        client.disconnect();
        assert!(Client::connect(shared(), &options).session_present());
    }
}
