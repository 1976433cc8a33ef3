//! The fields of CONNECT: flags that fit the payload, text that is text, properties that exist
//! (section 3.1.2 and 3.1.3).

use catena_conformance::{Client, Options, raw, unique};
use catena_mqtt::{ReasonCode, Version};

use crate::{VERSIONS, shared};

const MALFORMED: ReasonCode = ReasonCode::MalformedPacket;
const PROTOCOL: ReasonCode = ReasonCode::ProtocolError;

/// A CONNECT with these flags; in 5.0 without properties, but with an empty section of the will's
/// if it has one.
fn connect(version: Version, flags: u8, fields: &[&[u8]]) -> Vec<u8> {
    let id = raw::string(unique("c"));
    let mut rest: Vec<&[u8]> = Vec::new();
    if version.is_v5() {
        rest.push(&[0]);
    }
    rest.push(&id);
    if version.is_v5() && flags & 0b100 != 0 {
        rest.push(&[0]);
    }
    rest.extend(fields);
    raw::connect("MQTT", version.protocol_level(), flags, &rest)
}

/// The CONNECT is refused; in 5.0 with this reason, in 3.1.1 without a word, since it has none for
/// it [MQTT3-3.2.2-6].
#[track_caller]
fn refuse(version: Version, bytes: &[u8], reason: ReasonCode) {
    let mut client = Client::open(shared(), version);
    client.send_bytes(bytes);
    match version {
        Version::V5 => client.expect_refused(reason),
        Version::V31 | Version::V311 => client.expect_closed(),
    }
}

#[track_caller]
fn accept(version: Version, bytes: &[u8]) {
    let mut client = Client::open(shared(), version);
    client.send_bytes(bytes);
    client.expect_accepted();
    client.disconnect();
}

/// [MQTT-3.1.2-3] [MQTT3-3.1.2-3] [MQTT-3.1.4-1] [MQTT3-3.1.4-1]: the reserved flag is 0.
#[test]
fn reserved_flag_is_malformed() {
    for version in VERSIONS {
        refuse(version, &connect(version, 0b11, &[]), MALFORMED);
    }
}

/// [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] [MQTT3-3.1.2-11] [MQTT3-3.1.2-13]
/// [MQTT3-3.1.2-14] [MQTT3-3.1.2-15]: no QoS 3, and neither QoS nor RETAIN of a will without one.
#[test]
fn flags_of_the_will_go_together() {
    let will: [&[u8]; 2] = [&raw::string("w/t"), &raw::string("bye")];
    for version in VERSIONS {
        for flags in [0b0_1010, 0b1_0010, 0b1_1010, 0b10_0010, 0b10_1010] {
            refuse(version, &connect(version, flags, &[]), MALFORMED);
        }
        refuse(version, &connect(version, 0b1_1110, &will), MALFORMED);
        for flags in [0b0_0110, 0b0_1110, 0b1_0110, 0b10_0110] {
            accept(version, &connect(version, flags, &will));
        }
    }
}

/// [MQTT-3.1.2-9] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19]
/// [MQTT3-3.1.2-9] [MQTT3-3.1.2-18] [MQTT3-3.1.2-19] [MQTT3-3.1.2-20] [MQTT3-3.1.2-21]
/// [MQTT-3.1.3-1] [MQTT3-3.1.3-1]: the payload has just the fields that the flags announce.
#[test]
fn payload_has_what_the_flags_say() {
    let (user, password) = (raw::string("user"), raw::string("password"));
    let (topic, payload) = (raw::string("w/t"), raw::string("bye"));
    for version in VERSIONS {
        let missing: [(u8, &[&[u8]]); 5] = [
            (0b110, &[]),
            (0b110, &[&topic]),
            (0b1000_0010, &[]),
            (0b1100_0010, &[&user]),
            (0b1100_0110, &[&topic, &payload, &user]),
        ];
        for (flags, fields) in missing {
            refuse(version, &connect(version, flags, fields), MALFORMED);
        }
        let left_over: [(u8, &[&[u8]]); 4] = [
            (0b10, &[&user]),
            (0b10, &[b"x"]),
            (0b1000_0010, &[&user, &password]),
            (0b110, &[&topic, &payload, &user]),
        ];
        for (flags, fields) in left_over {
            refuse(version, &connect(version, flags, fields), MALFORMED);
        }
    }
}

/// [MQTT3-3.1.2-22] [MQTT-3.1.2-19]: a password without a user name is for 5.0 only.
#[test]
fn password_without_user_name() {
    let password = raw::string("password");
    let bytes = connect(Version::V311, 0b100_0010, &[&password]);
    refuse(Version::V311, &bytes, MALFORMED);
    accept(Version::V5, &connect(Version::V5, 0b100_0010, &[&password]));
}

/// [MQTT-3.1.3-3] [MQTT3-3.1.3-3]: there is a client identifier, and it comes first.
#[test]
fn identifier_is_present() {
    for version in VERSIONS {
        let properties: &[u8] = if version.is_v5() { &[0] } else { &[] };
        let bytes = raw::connect("MQTT", version.protocol_level(), 2, &[properties]);
        refuse(version, &bytes, MALFORMED);
        let cut_off = [properties, b"\0\x05ab"].concat();
        let bytes = raw::connect("MQTT", version.protocol_level(), 2, &[&cut_off]);
        refuse(version, &bytes, MALFORMED);
    }
}

/// [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT-1.5.4-1] [MQTT-1.5.4-2]
/// [MQTT3-3.1.3-4] [MQTT3-3.1.3-10] [MQTT3-3.1.3-11] [MQTT3-1.5.3-1] [MQTT3-1.5.3-2]: identifier,
/// will topic and user name are well-formed text without NUL.
#[test]
fn text_is_text() {
    let bad: [&[u8]; 8] = [
        b"a\0b",
        b"\xC0\x80",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xF8\x88\x80\x80\x80",
        b"\xF4\x90\x80\x80",
        b"\x80",
        b"ab\xE2\x82",
    ];
    for version in VERSIONS {
        for text in bad {
            let text = raw::string(text);
            let properties: &[u8] = if version.is_v5() { &[0] } else { &[] };
            let level = version.protocol_level();
            let bytes = raw::connect("MQTT", level, 2, &[properties, &text]);
            refuse(version, &bytes, MALFORMED);
            let will = connect(version, 0b110, &[&text, &raw::string("bye")]);
            refuse(version, &will, MALFORMED);
            refuse(version, &connect(version, 0b1000_0010, &[&text]), MALFORMED);
        }
    }
}

/// [MQTT-3.3.2-2] [MQTT3-3.3.2-2] [MQTT-4.7.3-1] [MQTT3-4.7.3-1]: a will is published, so its
/// topic is a topic name.
#[test]
fn will_topic_is_a_topic_name() {
    for version in VERSIONS {
        for topic in ["", "a/#", "+", "a/+/b", "#"] {
            let fields: [&[u8]; 2] = [&raw::string(topic), &raw::string("bye")];
            let bytes = connect(version, 0b110, &fields);
            let mut client = Client::open(shared(), version);
            client.send_bytes(&bytes);
            client.expect_end();
        }
    }
}

/// [MQTT-3.1.4-1] [MQTT-1.5.5-1]: properties of CONNECT that are not allowed, come twice or have
/// impossible values.
#[test]
fn properties_are_checked() {
    let refused: [(&[u8], ReasonCode); 22] = [
        (b"\x21\0\0", PROTOCOL),
        (b"\x27\0\0\0\0", PROTOCOL),
        (b"\x17\x02", PROTOCOL),
        (b"\x19\x02", PROTOCOL),
        (b"\x11\0\0\0\x01\x11\0\0\0\x01", PROTOCOL),
        (b"\x21\0\x01\x21\0\x01", PROTOCOL),
        (b"\x27\0\0\0\x40\x27\0\0\0\x40", PROTOCOL),
        (b"\x22\0\x01\x22\0\x01", PROTOCOL),
        (b"\x19\0\x19\0", PROTOCOL),
        (b"\x17\0\x17\0", PROTOCOL),
        (b"\x15\0\x01a\x15\0\x01a", PROTOCOL),
        (b"\x16\0\x01a", PROTOCOL),
        (b"\x01\0", MALFORMED),
        (b"\x02\0\0\0\x01", MALFORMED),
        (b"\x0B\x01", MALFORMED),
        (b"\x13\0\x01", MALFORMED),
        (b"\x18\0\0\0\x01", MALFORMED),
        (b"\x24\0", MALFORMED),
        (b"\x00\0", MALFORMED),
        (b"\x7F", MALFORMED),
        (b"\x26\0\x01k", MALFORMED),
        (b"\x11\0\0", MALFORMED),
    ];
    for (properties, reason) in refused {
        let bytes = raw::connect_v5(&unique("c"), &[properties]);
        refuse(Version::V5, &bytes, reason);
    }
    let accepted: [&[u8]; 4] = [
        b"\x26\0\x01k\0\x01v\x26\0\x01k\0\x01v",
        b"\x11\xFF\xFF\xFF\xFF",
        b"\x21\xFF\xFF\x27\xFF\xFF\xFF\xFF\x22\xFF\xFF",
        b"\x19\x01\x17\x01",
    ];
    for properties in accepted {
        accept(Version::V5, &raw::connect_v5(&unique("c"), &[properties]));
    }
}

/// [MQTT-1.5.5-1] [MQTT-2.2.2-1]: the length of the properties is there and in its shortest form.
#[test]
fn property_length_is_well_formed() {
    let id = raw::string(unique("c"));
    for length in [&b"\x80\0"[..], b"\xFF\xFF\xFF\xFF\x01", b"\x7F"] {
        let bytes = raw::connect("MQTT", 5, 2, &[length, &id]);
        refuse(Version::V5, &bytes, MALFORMED);
    }
}

/// [MQTT-2.1.3-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2]: the flags in the first byte are 0.
#[test]
fn flags_of_the_fixed_header_are_zero() {
    for version in VERSIONS {
        for flags in 1..16 {
            let mut bytes = Options::clean(version).bytes();
            bytes[0] |= flags;
            let mut client = Client::open(shared(), version);
            client.send_bytes(&bytes);
            client.expect_end();
        }
    }
}

/// [MQTT-1.5.5-1] [MQTT-3.1.4-1] [MQTT3-4.8.0-1]: a remaining length of five bytes, or one that
/// is not in its shortest form, ends the connection at once.
#[test]
fn remaining_length_is_well_formed() {
    for bytes in [&b"\x10\xFF\xFF\xFF\xFF\x01"[..], b"\x10\x80\x80\x80\x80\0"] {
        let mut client = Client::open(shared(), Version::V5);
        client.send_bytes(bytes);
        client.expect_end();
    }
}
