//! Section 3.3: PUBLISH.

use std::num::NonZeroU16;

use catena_mqtt::ReasonCode::{MalformedPacket, ProtocolError, TopicAliasInvalid};
use catena_mqtt::Version::{V5, V31, V311};
use catena_mqtt::{
    CallProperty, EncodeError, Forwarded, Limits, Packet, PacketId, Property, Publish, PublishHead,
    Qos, encode,
};

use super::{accept, decode, packet, refuse};

/// [MQTT-3.3.1-4] [MQTT3-3.3.1-4] [MQTT-3.3.1-2] [MQTT3-3.3.1-2]
#[test]
fn qos_and_dup() {
    for version in [V31, V311, V5] {
        refuse(version, 0x36, b"\0\x01a\0\x01\0", MalformedPacket);
        refuse(version, 0x38, b"\0\x01a\0", MalformedPacket);
        accept(version, 0x3A, b"\0\x01a\0\x01\0");
    }
    let head = PublishHead {
        dup: true,
        topic: "a",
        ..PublishHead::default()
    };
    let mut out = Vec::new();
    encode::publish(&mut out, V311, &head, &[], &[]).expect("short");
    assert_eq!(out, b"\x30\x03\0\x01a");
}

/// [MQTT-3.3.2-2] [MQTT3-3.3.2-2] [MQTT-4.7.0-1] [MQTT3-4.7.1-1] [MQTT-4.7.3-1] [MQTT3-4.7.3-1],
/// P11
#[test]
fn topic_names_have_no_wildcard_and_are_not_empty() {
    for topic in [
        "#",
        "+",
        "a/#",
        "a/+/b",
        "abcdefgh+",
        "a+",
        "+abcdefghijklmnop",
        "a\u{e9}#",
    ] {
        let mut body = vec![0, topic.len() as u8];
        body.extend_from_slice(topic.as_bytes());
        body.push(0);
        refuse(V5, 0x30, &body, MalformedPacket);
        refuse(V311, 0x30, &body, MalformedPacket);
    }
    refuse(V311, 0x30, b"\0\0", ProtocolError);
    refuse(V5, 0x30, b"\0\0\0", ProtocolError);
    accept(V5, 0x30, b"\0\0\x03\x23\0\x01");
    // P12: every other topic is for the broker to judge.
    for topic in ["$SYS/a", "$share/g/t", "$", "/", "//"] {
        let body = [&[0, topic.len() as u8], topic.as_bytes()].concat();
        accept(V311, 0x30, &body);
    }
}

/// A topic that is already known is taken as it is, any other is checked.
#[test]
fn known_topic_changes_no_verdict() {
    for known in ["", "a", "a/b", "b"] {
        let verdict = |body| {
            let publish = Publish::decode_after(known, V311, 0x30, body, &Limits::DEFAULT);
            publish
                .map(|publish| publish.topic)
                .map_err(|error| error.reason)
        };
        assert_eq!(verdict(b"\0\x01a"), Ok("a"));
        assert_eq!(verdict(b"\0\x01#"), Err(MalformedPacket));
        assert_eq!(verdict(b"\0\0"), Err(ProtocolError));
    }
}

/// [MQTT-3.3.2-8], P13
#[test]
fn topic_alias_is_not_0() {
    refuse(V5, 0x30, b"\0\x01a\x03\x23\0\0", TopicAliasInvalid);
    refuse(V5, 0x30, b"\0\x01a\x06\x23\0\x01\x23\0\x01", ProtocolError);
}

/// [MQTT-3.3.2-13] [MQTT-3.3.2-14]
#[test]
fn response_topic_is_a_topic_name() {
    accept(V5, 0x30, b"\0\x01a\x04\x08\0\x01r");
    refuse(V5, 0x30, b"\0\x01a\x04\x08\0\x01#", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x04\x08\0\x01+", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x03\x08\0\0", ProtocolError);
    refuse(V5, 0x30, b"\0\x01a\x04\x08\0\x01\xff", MalformedPacket);
}

/// [MQTT-3.3.2-19]
#[test]
fn content_type_is_a_string() {
    accept(V5, 0x30, b"\0\x01a\x04\x03\0\x01c");
    refuse(V5, 0x30, b"\0\x01a\x04\x03\0\x01\xff", MalformedPacket);
}

/// [MQTT-3.3.4-6]: identifiers are decoded, in order, for the connection to refuse or to use.
#[test]
fn subscription_identifiers_are_told() {
    let bytes = packet(0x30, b"\0\x01a\x0b\x0b\x01\x26\0\x01k\0\0\x0b\x80\x01");
    let Ok(Packet::Publish(publish)) = decode(V5, &bytes) else {
        panic!("refused")
    };
    assert_eq!(
        publish.subscription_ids.iter().collect::<Vec<_>>(),
        [1, 128]
    );
    assert_eq!(publish.subscription_ids.count(), 2);
    refuse(V5, 0x30, b"\0\x01a\x02\x0b\0", ProtocolError);
}

/// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]:
/// whatever stands between them, the forwarded properties keep their bytes and order.
#[test]
fn forwarded_properties_keep_bytes_and_order() {
    let forwarded: [&[u8]; 6] = [
        b"\x01\x01",
        b"\x26\0\x01k\0\x01v",
        b"\x03\0\x01c",
        b"\x08\0\x01r",
        b"\x09\0\x02id",
        b"\x26\0\x01k\0\x01w",
    ];
    let dropped: [&[u8]; 4] = [
        b"\x02\0\0\0\x3c",
        b"\x23\0\x05",
        b"\x0b\x07",
        b"\x0b\xff\x01",
    ];
    let expected = forwarded.concat();
    // Each dropped property in each gap, all in one gap, and one in every other gap.
    for gaps in 0..7_usize.pow(4) {
        let mut section = Vec::new();
        for place in 0..=forwarded.len() {
            for (index, property) in dropped.iter().enumerate() {
                if gaps / 7_usize.pow(index as u32) % 7 == place {
                    section.extend_from_slice(property);
                }
            }
            section.extend_from_slice(forwarded.get(place).unwrap_or(&b"".as_slice()));
        }
        let body = [
            b"\0\x01a",
            [section.len() as u8].as_slice(),
            &section,
            b"payload",
        ]
        .concat();
        let publish = Publish::decode(V5, 0x30, &body, &Limits::DEFAULT).expect("valid");
        check_forwarded(&publish, &expected);
    }
}

#[track_caller]
fn check_forwarded(publish: &Publish<'_>, expected: &[u8]) {
    let mut out = Vec::new();
    publish.forwarded.copy_to(&mut out);
    assert_eq!(out, expected);
    assert_eq!(publish.forwarded.len(), expected.len());
    assert_eq!(publish.forwarded.count(), 6);
    assert_eq!(
        publish.forwarded.parts().collect::<Vec<_>>().concat(),
        expected
    );
    assert_eq!(
        publish
            .forwarded
            .iter()
            .map(|property| property.id())
            .collect::<Vec<_>>(),
        [0x01, 0x26, 0x03, 0x08, 0x09, 0x26]
    );
    let of_calls = |property| match property {
        Property::ResponseTopic(topic) => Some(CallProperty::ResponseTopic(topic.as_bytes())),
        Property::CorrelationData(bytes) => Some(CallProperty::CorrelationData(bytes)),
        Property::UserProperty(name, value) => Some(CallProperty::UserProperty(
            name.as_bytes(),
            value.as_bytes(),
        )),
        _ => None,
    };
    let expected_calls: Vec<_> = publish.forwarded.iter().filter_map(of_calls).collect();
    let calls: Vec<_> = publish.forwarded.call_properties().collect();
    assert_eq!((calls.len(), calls), (4, expected_calls));
    let pairs: Vec<_> = publish.forwarded.user_properties().iter().collect();
    assert_eq!(pairs, [("k", "v"), ("k", "w")]);
    assert_eq!(
        Forwarded::parse(expected, &Limits::DEFAULT),
        Ok(publish.forwarded)
    );
    assert_eq!(publish.message_expiry, Some(60));
    assert_eq!(publish.topic_alias, NonZeroU16::new(5));
    assert_eq!(publish.subscription_ids.count(), 2);
    assert_eq!(publish.payload, b"payload");
}

/// [MQTT-3.1.2-24]: the size is known before anything is written, and it is right.
#[test]
fn publish_size_is_what_publish_writes() {
    let mut forwarded = Vec::new();
    Property::ContentType("text")
        .encode(&mut forwarded)
        .expect("short");
    for payload_bytes in [
        0, 1, 100, 120, 127, 128, 16_370, 16_384, 2_097_140, 2_097_152,
    ] {
        let payload = vec![0; payload_bytes];
        for version in [V311, V5] {
            for qos in [Qos::AtMostOnce, Qos::ExactlyOnce] {
                let head = PublishHead {
                    dup: true,
                    qos,
                    retain: true,
                    packet_id: PacketId::new(9),
                    topic: "a/b",
                    topic_alias: NonZeroU16::new(3),
                    message_expiry: Some(7),
                    subscription_ids: &[1, 200, 268_435_455],
                };
                let mut out = Vec::new();
                encode::publish(&mut out, version, &head, &forwarded, &payload).expect("valid");
                let size = encode::publish_size(version, &head, &forwarded, &payload);
                assert_eq!(size, out.len());
                let Ok(Packet::Publish(publish)) = decode(version, &out) else {
                    panic!("refused")
                };
                assert_eq!(publish.payload.len(), payload_bytes);
                assert_eq!(publish.forwarded.is_empty(), version == V311);
            }
        }
    }
}

/// What has no representation is not written, not even in part.
#[test]
fn what_cannot_be_expressed_is_an_error() {
    let long = "x".repeat(65_536);
    let topic = PublishHead {
        topic: &long,
        ..PublishHead::default()
    };
    let id = PublishHead {
        topic: "a",
        subscription_ids: &[1 << 28],
        ..PublishHead::default()
    };
    let bare = PublishHead {
        topic: "a",
        qos: Qos::AtLeastOnce,
        ..PublishHead::default()
    };
    for (head, error) in [
        (topic, EncodeError::FieldTooLong),
        (id, EncodeError::NumberTooLarge),
        (bare, EncodeError::PacketIdMissing),
    ] {
        let mut out = Vec::new();
        assert_eq!(encode::publish(&mut out, V5, &head, &[], &[]), Err(error));
        assert_eq!(encode::publish_size(V5, &head, &[], &[]), usize::MAX);
        assert!(out.is_empty());
    }
    let mut out = Vec::new();
    let written = Property::ReasonString(&long).encode(&mut out);
    assert_eq!((written, out.len()), (Err(EncodeError::FieldTooLong), 0));
}
