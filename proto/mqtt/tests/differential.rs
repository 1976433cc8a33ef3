//! The same bytes through our decoder and through an independent one (`mqtt-protocol-core`): they
//! agree on what is acceptable, but for the differences listed here.

mod packets;

use std::collections::BTreeMap;
use std::sync::Arc;

use catena_mqtt::{Frame, Packet, Version, frame};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
use packets::PACKETS;

/// Where we refuse and the other accepts, by packet types and the words of our error. It leaves
/// these to the connection or to the application, or does not check them.
const WE_ARE_STRICTER: &[(&[u8], &str)] = &[
    // [MQTT-1.5.4-2]
    (&[1, 2, 3, 4, 8, 10, 14, 15], "U+0000 in a string"),
    // Section 1.5.4 leaves these to the receiver.
    (
        &[1, 2, 3, 4, 8, 10, 14, 15],
        "control character or non-character in a string",
    ),
    // [MQTT-1.5.5-1]
    (&[11], "variable byte integer longer than needed"),
    // [MQTT-2.1.3-1]
    (&[1, 6, 8, 10], "flags not allowed for this packet type"),
    // [MQTT-2.2.1-3]
    (&[3, 8, 9, 10, 11], "packet identifier 0"),
    // [MQTT-2.2.2-1]: it takes a PUBLISH without property length.
    (&[3], "field runs past the end of the packet"),
    // [MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13]
    (&[1], "reserved connect flag set"),
    (&[1], "QoS above 2"),
    (&[1], "will QoS or will retain without a will"),
    // [MQTT-3.2.2-1] [MQTT-3.2.2-6]
    (&[2], "reserved connect acknowledge flags set"),
    (&[2], "session present with a refusal"),
    // [MQTT-3.8.3-4] [MQTT3-3.8.3-4]
    (&[8], "No Local on a shared subscription"),
    (&[8], "reserved subscription options set"),
    // [MQTT-4.7.0-1] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1]
    (&[1, 3], "wildcard in a topic name"),
    (&[3], "empty topic name without a topic alias"),
    (&[8, 10], "# before the last level"),
    (&[8, 10], "wildcard within a level"),
];

/// Where the other refuses and we accept, by the first two bytes of the body.
const OTHER_IS_STRICTER: &[(u8, &[u8])] = &[
    // DISCONNECT with bad authentication method: section 2.4 lists it for DISCONNECT, 3.14.2.1
    // does not. A peer that ends a failed re-authentication with it is understood.
    (14, b"\x8c"),
];

#[test]
fn verdicts_agree() {
    let mut differences = BTreeMap::new();
    for (version, name, bytes) in PACKETS {
        if *version == Version::V31 {
            continue;
        }
        let mut mutated = bytes.to_vec();
        for position in 0..mutated.len() {
            for value in 0..=u8::MAX {
                mutated[position] = value;
                if let Some(difference) = compare(*version, &mutated) {
                    let example = format!("{version:?} {name} {mutated:x?}");
                    differences.entry(difference).or_insert(example);
                }
            }
            mutated[position] = bytes[position];
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// What the verdicts differ in, unless that is listed.
fn compare(version: Version, bytes: &[u8]) -> Option<String> {
    let Ok(Frame::Complete {
        first_byte, body, ..
    }) = frame::next(bytes, u32::MAX)
    else {
        return None;
    };
    let ours = Packet::decode(version, first_byte, body);
    let theirs = accepts(version, first_byte, body);
    let kind = first_byte >> 4;
    match (ours, theirs) {
        (Err(error), true) => {
            let listed = WE_ARE_STRICTER
                .iter()
                .any(|(kinds, what)| kinds.contains(&kind) && *what == error.what);
            (!listed).then(|| format!("we refuse {kind}: {}", error.what))
        }
        (Ok(_), false) => {
            let listed = OTHER_IS_STRICTER
                .iter()
                .any(|(listed, start)| *listed == kind && body.starts_with(start));
            (!listed).then(|| format!("we accept {kind}"))
        }
        (Ok(_), true) | (Err(_), false) => None,
    }
}

/// Whether the other decoder takes the whole body.
fn accepts(version: Version, first_byte: u8, body: &[u8]) -> bool {
    /// Parses with one of its parsers, all of which return the bytes they took.
    macro_rules! parse {
        ($($number:literal => $module:ident::$packet:ident,)*) => {
            match first_byte >> 4 {
                $($number => $module::$packet::parse(body).is_ok_and(|(_, taken)| {
                    taken == body.len()
                }),)*
                _ => false,
            }
        };
    }
    match (version.is_v5(), first_byte >> 4) {
        (false, 3) => v3_1_1::Publish::parse(first_byte & 0x0F, Arc::from(body)).is_ok(),
        (true, 3) => v5_0::Publish::parse(first_byte & 0x0F, Arc::from(body)).is_ok(),
        (false, _) => parse! {
            1 => v3_1_1::Connect, 2 => v3_1_1::Connack, 4 => v3_1_1::Puback,
            5 => v3_1_1::Pubrec, 6 => v3_1_1::Pubrel, 7 => v3_1_1::Pubcomp,
            8 => v3_1_1::Subscribe, 9 => v3_1_1::Suback, 10 => v3_1_1::Unsubscribe,
            11 => v3_1_1::Unsuback, 12 => v3_1_1::Pingreq, 13 => v3_1_1::Pingresp,
            14 => v3_1_1::Disconnect,
        },
        (true, _) => parse! {
            1 => v5_0::Connect, 2 => v5_0::Connack, 4 => v5_0::Puback, 5 => v5_0::Pubrec,
            6 => v5_0::Pubrel, 7 => v5_0::Pubcomp, 8 => v5_0::Subscribe, 9 => v5_0::Suback,
            10 => v5_0::Unsubscribe, 11 => v5_0::Unsuback, 12 => v5_0::Pingreq,
            13 => v5_0::Pingresp, 14 => v5_0::Disconnect, 15 => v5_0::Auth,
        },
    }
}
