//! Chapters 1 and 2: data types, fixed header, packet identifiers, properties.

use catena_mqtt::ReasonCode::{self, MalformedPacket, PacketTooLarge, ProtocolError};
use catena_mqtt::Version::{V5, V31, V311};
use catena_mqtt::{DecodeError, Frame, Limits, Packet, ReasonProperties, encode, frame};

use super::{accept, decode, packet, refuse};

/// [MQTT-1.5.4-1] [MQTT3-1.5.3-1] [MQTT-3.3.2-1] [MQTT3-3.3.2-1]
#[test]
fn strings_are_utf8_without_surrogates() {
    for (topic, valid) in [
        (b"\xC3\xA9".as_slice(), true),
        (b"\xF0\x9F\x98\x80", true),
        (b"\xED\xA0\x80", false),
        (b"\xED\xBF\xBF", false),
        (b"\xC0\xAF", false),
        (b"\xFF", false),
        (b"\xC3", false),
        (b"\xF4\x90\x80\x80", false),
    ] {
        for version in [V31, V311, V5] {
            let mut body = vec![0, topic.len() as u8];
            body.extend_from_slice(topic);
            body.push(0);
            if valid {
                accept(version, 0x30, &body);
            } else {
                refuse(version, 0x30, &body, MalformedPacket);
            }
        }
    }
}

/// Section 1.5.4 (MQTT 3.1.1: 1.5.3): control characters and non-characters may be refused, and
/// are, but in the texts that people read: user property values and reason strings.
#[test]
fn names_have_no_control_characters() {
    let unwise = [
        '\u{1}',
        '\n',
        '\u{1F}',
        '\u{7F}',
        '\u{80}',
        '\u{9F}',
        '\u{FDD0}',
        '\u{FDEF}',
        '\u{FFFE}',
        '\u{FFFF}',
        '\u{1FFFE}',
        '\u{10FFFF}',
    ];
    let string = |character: char| {
        let text = format!("ab{character}");
        [&[0, text.len() as u8], text.as_bytes()].concat()
    };
    for text in unwise.map(string) {
        refuse(V5, 0x30, &[&text[..], b"\0"].concat(), MalformedPacket);
        refuse(V311, 0x30, &text, MalformedPacket);
        refuse(
            V5,
            0x82,
            &[b"\0\x01\0", &text[..], b"\0"].concat(),
            MalformedPacket,
        );
        refuse(
            V311,
            0xA2,
            &[b"\0\x01", &text[..]].concat(),
            MalformedPacket,
        );
        let in_properties = |before: &[u8]| {
            let length = before.len() + text.len();
            [b"\0\x01a", &[length as u8][..], before, &text].concat()
        };
        // Content type, name of a user property, value of a user property.
        refuse(V5, 0x30, &in_properties(b"\x03"), MalformedPacket);
        let mut name = in_properties(b"\x26");
        name.extend_from_slice(b"\0\0");
        name[3] += 2;
        refuse(V5, 0x30, &name, MalformedPacket);
        accept(V5, 0x30, &in_properties(b"\x26\0\0"));
    }
    for text in [
        ' ',
        '~',
        '\u{A0}',
        '\u{FDCF}',
        '\u{FDF0}',
        '\u{FFFD}',
        '\u{10000}',
    ]
    .map(string)
    {
        accept(V311, 0x30, &text);
    }
}

/// [MQTT-1.5.4-2] [MQTT3-1.5.3-2] [MQTT-4.7.3-2] [MQTT3-4.7.3-2]
#[test]
fn strings_have_no_nul() {
    refuse(V5, 0x30, b"\0\x03a\0b\0", MalformedPacket);
    refuse(V311, 0x30, b"\0\x03a\0b", MalformedPacket);
    // Behind the first eight bytes too, where many are checked at once.
    refuse(V311, 0x30, b"\0\x0aabcdefghi\0", MalformedPacket);
    refuse(V5, 0x82, b"\0\x01\0\0\x03a\0b\0", MalformedPacket);
    refuse(V311, 0xA2, b"\0\x01\0\x01\0", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x04\x03\0\x01\0", MalformedPacket);
}

/// [MQTT-1.5.4-3] [MQTT3-1.5.3-3]
#[test]
fn byte_order_mark_is_data() {
    let bytes = packet(0x30, b"\0\x04\xEF\xBB\xBFa");
    let Ok(Packet::Publish(publish)) = decode(V311, &bytes) else {
        panic!("refused")
    };
    assert_eq!(publish.topic, "\u{FEFF}a");
}

/// [MQTT-1.5.5-1], P01
#[test]
fn variable_byte_integers_are_shortest() {
    let header = |length: &[u8]| frame::next(&[&[0x30], length].concat(), u32::MAX).map(|_| ());
    let malformed = Some(MalformedPacket);
    for (length, expected) in [
        (b"\x7f".as_slice(), None),
        (b"\x80\x01", None),
        (b"\xff\xff\xff\x7f", None),
        (b"\x80\x00", malformed),
        (b"\xff\x80\x00", malformed),
        (b"\xff\xff\xff\xff", malformed),
        (b"\xff\xff\xff\xff\x01", malformed),
        (b"\x80\x80\x80\x00", malformed),
    ] {
        let reason = header(length).err().map(|error: DecodeError| error.reason);
        assert_eq!(reason, expected, "{length:x?}");
    }
    // Property length, and a subscription identifier of five bytes (P19).
    refuse(V5, 0x30, b"\0\x01a\x80\0", MalformedPacket);
    refuse(
        V5,
        0x82,
        b"\0\x01\x06\x0b\x80\x80\x80\x80\x01\0\x01a\0",
        MalformedPacket,
    );
    refuse(V5, 0x82, b"\0\x01\x02\x0b\0\0\x01a\0", ProtocolError);
}

/// [MQTT-1.5.7-1]
#[test]
fn string_pairs_follow_the_rules_of_strings() {
    accept(V5, 0x30, b"\0\x01a\x07\x26\0\x01k\0\x01v");
    refuse(V5, 0x30, b"\0\x01a\x07\x26\0\x01\0\0\x01v", MalformedPacket);
    refuse(
        V5,
        0x30,
        b"\0\x01a\x07\x26\0\x01k\0\x01\xff",
        MalformedPacket,
    );
    refuse(V5, 0x30, b"\0\x01a\x04\x26\0\x01k", MalformedPacket);
}

/// [MQTT-2.1.3-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2] [MQTT-3.6.1-1] [MQTT3-3.6.1-1] [MQTT-3.8.1-1]
/// [MQTT3-3.8.1-1] [MQTT-3.10.1-1] [MQTT3-3.10.1-1] [MQTT-3.14.1-1] [MQTT3-3.14.1-1]
#[test]
fn reserved_flags_have_their_value() {
    for first_byte in 0..=u8::MAX {
        let flags = first_byte & 0x0F;
        let allowed = match first_byte >> 4 {
            0 => false,
            1 => true,
            3 => flags & 0b0110 != 0b0110 && flags & 0b1110 != 0b1000,
            6 | 8 | 10 => flags == 0b0010 || flags == 0b1010,
            _ => flags == 0,
        };
        let input = [first_byte];
        let verdict = frame::next(&input, u32::MAX).map_err(|error| error.reason);
        assert_eq!(verdict.is_ok(), allowed, "{first_byte:x}");
        let reason = if first_byte >> 4 == 0 {
            ProtocolError
        } else {
            MalformedPacket
        };
        assert!(allowed || verdict == Err(reason), "{first_byte:x}");
    }
    // DUP on PUBREL exists only in MQTT 3.1.
    accept(V31, 0x6A, b"\0\x01");
    refuse(V311, 0x6A, b"\0\x01", MalformedPacket);
    refuse(V5, 0x8A, b"\0\x01\0\0\x01a\0", MalformedPacket);
    refuse(V311, 0xAA, b"\0\x01\0\x01a", MalformedPacket);
}

/// The size limit is judged by the fixed header, before the body comes (P04, P05).
#[test]
fn packet_size_is_limited() {
    let next = |length: &[u8], bytes_max| match frame::next(&[&[0x30], length].concat(), bytes_max)
    {
        Ok(Frame::Incomplete { missing_at_least }) => Ok(missing_at_least),
        Ok(Frame::Complete { size, .. }) => panic!("complete with {size} bytes"),
        Err(error) => Err(error.reason),
    };
    assert_eq!(next(b"\xff\xff\xff\x7f", 1 << 20), Err(PacketTooLarge));
    assert_eq!(next(b"\x09", 10), Err(PacketTooLarge));
    assert_eq!(next(b"\x08", 10), Ok(8));
}

/// [MQTT-2.2.1-2] [MQTT3-2.3.1-5]: what follows the topic is payload.
#[test]
fn qos_0_has_no_packet_id() {
    let bytes = packet(0x30, b"\0\x01a\0\0");
    let Ok(Packet::Publish(publish)) = decode(V311, &bytes) else {
        panic!("refused")
    };
    assert_eq!(
        (publish.packet_id, publish.payload),
        (None, b"\0\0".as_slice())
    );
}

/// [MQTT-2.2.1-3] [MQTT3-2.3.1-1], P18
#[test]
fn packet_ids_are_not_zero() {
    refuse(V5, 0x32, b"\0\x01a\0\0\0", ProtocolError);
    refuse(V311, 0x34, b"\0\x01a\0\0", ProtocolError);
    refuse(V311, 0x40, b"\0\0", ProtocolError);
    refuse(V5, 0x82, b"\0\0\0\0\x01a\0", ProtocolError);
    refuse(V311, 0xA2, b"\0\0\0\x01a", ProtocolError);
}

/// [MQTT-2.2.2-1]
#[test]
fn no_properties_is_length_0() {
    refuse(V5, 0x30, b"\0\x01a", MalformedPacket);
    accept(V5, 0x30, b"\0\x01a\0");
    let mut out = Vec::new();
    let head = encode::PublishHead {
        topic: "a",
        ..Default::default()
    };
    encode::publish(&mut out, V5, &head, &[], &[]).expect("short");
    assert_eq!(out, b"\x30\x04\0\x01a\0");
}

/// Section 2.2.2.2: a property stands only in its packets, and most only once.
#[test]
fn properties_stand_where_they_may() {
    // Session expiry in PUBLISH; an undefined one; a value neither 0 nor 1.
    refuse(V5, 0x30, b"\0\x01a\x05\x11\0\0\0\0", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x02\x7f\0", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x02\xff\0", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x02\x01\x02", ProtocolError);
    refuse(V5, 0x30, b"\0\x01a\x04\x01\0\x01\0", ProtocolError);
    refuse(
        V5,
        0x82,
        b"\0\x01\x04\x0b\x01\x0b\x02\0\x01a\0",
        ProtocolError,
    );
    // A section that is longer than its packet, and a property that is longer than its section.
    refuse(V5, 0x30, b"\0\x01a\x09\x01\0", MalformedPacket);
    refuse(V5, 0x30, b"\0\x01a\x03\x02\0\0\0\0", MalformedPacket);
}

/// P07: by number and by bytes.
#[test]
fn user_properties_are_limited() {
    let limits = Limits {
        user_properties_max: 2,
        property_bytes_max: 16,
        ..Limits::DEFAULT
    };
    let verdict = |section: &[u8]| {
        let body = [b"\0\x01a", [section.len() as u8].as_slice(), section].concat();
        Packet::decode_limited(V5, 0x30, &body, &limits)
            .err()
            .map(|error| error.reason)
    };
    assert_eq!(verdict(&b"\x26\0\0\0\0".repeat(2)), None);
    assert_eq!(verdict(&b"\x26\0\0\0\0".repeat(3)), Some(PacketTooLarge));
    assert_eq!(verdict(b"\x03\0\x0d0123456789abc"), None);
    assert_eq!(verdict(b"\x03\0\x0e0123456789abcd"), Some(PacketTooLarge));
}

/// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2]
/// [MQTT-3.14.2-1] [MQTT-3.15.2-1] [MQTT-3.2.2-8]
#[test]
fn reason_codes_belong_to_their_packet() {
    let ack: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    // First byte, body before and after the code, codes.
    type Case<'a> = (u8, &'a [u8], &'a [u8], &'a [u8]);
    let cases: [Case<'_>; 9] = [
        (0x40, b"\0\x01", b"", ack),
        (0x50, b"\0\x01", b"", ack),
        (0x62, b"\0\x01", b"", &[0x00, 0x92]),
        (0x70, b"\0\x01", b"", &[0x00, 0x92]),
        (
            0x90,
            b"\0\x01\0",
            b"",
            &[
                0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2,
            ],
        ),
        (
            0xB0,
            b"\0\x01\0",
            b"",
            &[0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91],
        ),
        (
            0xE0,
            b"",
            b"",
            &[
                0, 4, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93,
                0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1,
                0xA2,
            ],
        ),
        (0xF0, b"", b"\x04\x15\0\x01m", &[0, 0x18, 0x19]),
        (
            0x20,
            b"\0",
            b"\0",
            &[
                0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90,
                0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
            ],
        ),
    ];
    for (first_byte, before, after, listed) in cases {
        for code in 0..=u8::MAX {
            let bytes = packet(first_byte, &[before, &[code], after].concat());
            let accepted = decode(V5, &bytes).is_ok();
            assert_eq!(
                accepted,
                listed.contains(&code),
                "{first_byte:x} with {code:x}"
            );
        }
    }
}

/// Only what the version has: AUTH is new in 5.0, fixed-size packets have their size exactly.
#[test]
fn bodies_have_the_size_of_their_packet() {
    refuse(V311, 0xF0, b"", MalformedPacket);
    refuse(V31, 0xF0, b"", MalformedPacket);
    for (first_byte, body) in [
        (0x20, b"\0\0\0".as_slice()),
        (0x40, b"\0\x01\0"),
        (0x62, b"\0\x01\0"),
        (0xB0, b"\0\x01\0"),
        (0xC0, b"\0"),
        (0xD0, b"\0"),
        (0xE0, b"\0"),
    ] {
        refuse(V311, first_byte, body, MalformedPacket);
        refuse(V311, first_byte & 0xF0 | 0x0D, body, MalformedPacket);
    }
    refuse(V5, 0xC0, b"\0", MalformedPacket);
    refuse(V5, 0xD0, b"\0", MalformedPacket);
    refuse(V5, 0x40, b"\0\x01\0\0\0", MalformedPacket);
    refuse(V5, 0xE0, b"\0\0\0", MalformedPacket);
    refuse(V311, 0x40, b"\0", MalformedPacket);
}

/// [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3]
/// [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]
/// [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.15.2-2] [MQTT-3.15.2-3] [MQTT-3.2.2-19] [MQTT-3.2.2-20]
#[test]
fn properties_are_left_out_past_the_maximum_packet_size() {
    use catena_mqtt::{Ack, Auth, ConnAck, Disconnect, PacketId, SubAck, UnsubAck};
    let pairs = [("key", "value")];
    let user_properties = pairs.as_slice().into();
    let reason_string = Some("because");
    let properties = ReasonProperties {
        reason_string,
        user_properties,
    };
    let packet_id = PacketId::new(1).expect("not zero");
    let reason = ReasonCode::UnspecifiedError;
    let codes = [reason];
    let codes = codes.as_slice().into();
    let connack = {
        let mut connack = ConnAck::refusal(reason);
        connack.properties.reason_string = reason_string;
        connack.properties.user_properties = user_properties;
        connack
    };
    let disconnect = Disconnect {
        reason_string,
        user_properties,
        ..Disconnect::new(reason)
    };
    let auth = Auth {
        authentication_method: Some("m"),
        reason_string,
        user_properties,
        ..Auth::default()
    };
    let ack = Ack {
        packet_id,
        reason,
        properties,
    };
    let fitted = |bytes_max: u32| {
        [
            Packet::PubAck(ack.fit(bytes_max)),
            Packet::PubRec(ack.fit(bytes_max)),
            Packet::PubRel(ack.fit(bytes_max)),
            Packet::PubComp(ack.fit(bytes_max)),
            Packet::SubAck(
                SubAck {
                    packet_id,
                    properties,
                    codes,
                }
                .fit(bytes_max),
            ),
            Packet::UnsubAck(
                UnsubAck {
                    packet_id,
                    properties,
                    codes,
                }
                .fit(bytes_max),
            ),
            Packet::ConnAck(Box::new(connack.fit(V5, bytes_max))),
            Packet::Disconnect(disconnect.fit(bytes_max)),
            Packet::Auth(auth.fit(bytes_max)),
        ]
    };
    for index in 0..fitted(0).len() {
        check_fit(|bytes_max| fitted(bytes_max)[index].clone());
    }
}

/// The user property (13 bytes) goes first, the reason string (10 bytes) after it.
fn check_fit<'a>(fitted: impl Fn(u32) -> Packet<'a>) {
    let size = |packet: &Packet<'_>| {
        let mut out = Vec::new();
        packet.encode(V5, &mut out).map(|()| out.len() as u32)
    };
    let (Ok(all), Ok(bare)) = (size(&fitted(u32::MAX)), size(&fitted(0))) else {
        panic!("not to be written: {:?}", fitted(0));
    };
    for bytes_max in bare..all + 2 {
        let fitted = fitted(bytes_max);
        let steps = [bare, all - 13, all].into_iter();
        let kept = steps.filter(|step| *step <= bytes_max).max();
        assert_eq!(size(&fitted).ok(), kept, "{fitted:?} within {bytes_max}");
    }
}
