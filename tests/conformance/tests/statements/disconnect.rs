//! DISCONNECT, PINGREQ, AUTH, and packets that a client never sends (sections 3.12 to 3.15).

use catena_conformance::{Client, Options, QOS0, QOS1, post, raw, unique};
use catena_mqtt::{Packet, Publish, ReasonCode, Version};

use crate::{VERSIONS, shared};

fn client(version: Version) -> Client {
    Client::connect(shared(), &Options::clean(version))
}

/// [MQTT-3.12.4-1] [MQTT3-3.12.4-1]: each PINGREQ is answered.
#[test]
fn pingreq_is_answered() {
    for version in VERSIONS {
        let mut client = client(version);
        client.send_bytes(&b"\xC0\0".repeat(10));
        for _ in 0..10 {
            let received = client.receive();
            assert_eq!((received.first_byte(), received.size()), (0xD0, 2));
        }
    }
}

/// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT3-3.14.4-2] [MQTT3-3.14.4-3]: the broker closes after
/// DISCONNECT, sends nothing more, and does nothing that came behind it.
#[test]
fn nothing_behind_disconnect_counts() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut bytes = b"\xE0\0".to_vec();
        let publish = Packet::Publish(Publish {
            retain: true,
            ..post(&topic, "late", QOS0, None)
        });
        assert!(publish.encode(version, &mut bytes).is_ok());
        bytes.extend(b"\xC0\0");
        let mut gone = client(version);
        gone.send_bytes(&bytes);
        gone.expect_closed();
        let mut reader = client(version);
        reader.subscribe(&topic, QOS1);
        reader.expect_silence();
    }
}

/// [MQTT-3.14.1-1] [MQTT-3.14.2-1] [MQTT3-3.14.1-1] [MQTT-2.1.3-1]: flags are 0, codes are those
/// that exist, and 3.1.1 has no more than the fixed header.
#[test]
fn disconnect_is_well_formed() {
    for version in VERSIONS {
        for flags in 1..16 {
            let mut client = client(version);
            client.send_bytes(&[0xE0 | flags, 0]);
            client.expect_disconnect(ReasonCode::MalformedPacket);
        }
    }
    for code in [0x01, 0x02, 0x03, 0x05, 0x10, 0x18, 0x84, 0x85, 0x92, 0xFF] {
        let mut client = client(Version::V5);
        client.send_bytes(&[0xE0, 1, code]);
        client.expect_end();
    }
    let bodies: [&[u8]; 5] = [
        b"\0\x02\x11\0",
        b"\0\x02\x01\0",
        b"\0\x01",
        b"\0\x06\x1F\0\x01a\0\0",
        b"\0\x0A\x11\0\0\0\0\x11\0\0\0\0",
    ];
    for body in bodies {
        let mut client = client(Version::V5);
        client.send_bytes(&raw::packet(0xE0, &[body]));
        client.expect_end();
    }
    let mut old = client(Version::V311);
    old.send_bytes(b"\xE0\x01\0");
    old.expect_closed();
}

/// [MQTT-3.14.2-2] [MQTT-4.13.2-1]: the broker's DISCONNECT says why, with an error code and
/// without a Session Expiry Interval, and is the last word.
#[test]
fn disconnect_of_the_broker() {
    let options = Options::lasting(Version::V5);
    let mut client = Client::connect(shared(), &options);
    client.send_bytes(b"\x30\x03\0\x01#");
    let received = client.receive();
    let Packet::Disconnect(disconnect) = received.packet() else {
        panic!("{received:?} instead of DISCONNECT");
    };
    assert!(disconnect.reason.is_error());
    assert_eq!(disconnect.session_expiry, None);
    client.expect_closed();
}

/// [MQTT-4.13.1-1] [MQTT3-4.8.0-1]: what only a broker sends ends the connection, and so does
/// what no packet is.
#[test]
fn packets_of_the_broker_end_the_connection() {
    for version in VERSIONS {
        let packets: [&[u8]; 8] = [
            b"\x20\x02\0\0",
            b"\x20\x03\0\0\0",
            b"\x90\x03\0\x01\0",
            b"\x90\x04\0\x01\0\0",
            b"\xB0\x02\0\x01",
            b"\xB0\x04\0\x01\0\0",
            b"\xD0\0",
            b"\0\0",
        ];
        for packet in packets {
            let mut client = client(version);
            client.send_bytes(packet);
            client.expect_end();
        }
    }
}

/// [MQTT-2.1.3-1] [MQTT-4.13.1-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2]: PINGREQ has no flags and no
/// body; acknowledgements are whole.
#[test]
fn small_packets_are_well_formed() {
    let packets: [&[u8]; 9] = [
        b"\xC1\0",
        b"\xC8\0",
        b"\xC0\x01\0",
        b"\x40\x01\0",
        b"\x40\0",
        b"\x40\x02\0\0",
        b"\x50\x02\0\0",
        b"\x62\x02\0\0",
        b"\x70\x02\0\0",
    ];
    for version in VERSIONS {
        for packet in packets {
            let mut client = client(version);
            client.send_bytes(packet);
            client.expect_end();
        }
        // 3.1.1 has nothing behind the identifier; in 5.0 the properties are whole.
        let long: &[u8] = if version.is_v5() {
            b"\x40\x04\0\x01\0\x05"
        } else {
            b"\x40\x03\0\x01\0"
        };
        let mut client = client(version);
        client.send_bytes(long);
        client.expect_end();
    }
}

/// [MQTT-3.15.1-1] [MQTT-3.15.2-1] [MQTT-4.12.0-7]: AUTH belongs to an exchange that the client
/// has begun in CONNECT, has no flags and one of three codes; 3.1.1 does not have it.
#[test]
fn auth_needs_a_method() {
    let bodies: [&[u8]; 6] = [
        b"",
        b"\x18\x04\x15\0\x01a",
        b"\x19\x04\x15\0\x01a",
        b"\0\0",
        b"\x19\0",
        b"\x80\x04\x15\0\x01a",
    ];
    for body in bodies {
        let mut client = client(Version::V5);
        client.send_bytes(&raw::packet(0xF0, &[body]));
        client.expect_disconnect(ReasonCode::ProtocolError);
    }
    for flags in 1..16 {
        let mut client = client(Version::V5);
        client.send_bytes(&raw::packet(0xF0 | flags, &[b"\x19\x04\x15\0\x01a"]));
        client.expect_disconnect(ReasonCode::MalformedPacket);
    }
    let mut old = client(Version::V311);
    old.send_bytes(b"\xF0\0");
    old.expect_closed();
}

/// [MQTT-4.12.0-1] [MQTT-3.1.2-30]: a method that the broker does not have is refused at once,
/// and what was sent behind it is not looked at.
#[test]
fn unknown_method_is_refused() {
    for method in ["", "SCRAM-SHA-1", "unknown"] {
        let options = Options {
            authentication_method: Some(method),
            authentication_data: Some(b"data"),
            ..Options::clean(Version::V5)
        };
        let mut client = Client::open(shared(), Version::V5);
        client.send_bytes(&[options.bytes(), b"\xC0\0".to_vec()].concat());
        client.expect_refused(ReasonCode::BadAuthenticationMethod);
    }
}

/// [MQTT-3.1.2-29] [MQTT-3.4.2-1] [MQTT-3.9.3-2]: a client that wants no reasons gets none, but
/// in CONNACK, DISCONNECT and PUBLISH.
#[test]
fn no_reasons_unless_wanted() {
    let mut client = Client::connect(
        shared(),
        &Options {
            request_problem_information: false,
            ..Options::clean(Version::V5)
        },
    );
    client.send_bytes(b"\x50\x02\x7F\xFF");
    client.send_bytes(b"\x62\x02\x7F\xFF");
    client.send_publish("a/b", "x", QOS1);
    client.send_subscribe(
        &[("$share/g", catena_conformance::subscription(QOS1))],
        None,
    );
    client.send_unsubscribe(&["not/subscribed"]);
    client.send(&Packet::PingReq);
    while let Some(received) = client.receive_or_end() {
        let properties = match received.packet() {
            Packet::PubAck(ack)
            | Packet::PubRec(ack)
            | Packet::PubRel(ack)
            | Packet::PubComp(ack) => ack.properties,
            Packet::SubAck(suback) => suback.properties,
            Packet::UnsubAck(unsuback) => unsuback.properties,
            Packet::Disconnect(_) | Packet::PingResp => break,
            other => panic!("{other:?}"),
        };
        assert!(properties.is_empty(), "{received:?}");
    }
}
