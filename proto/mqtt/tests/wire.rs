//! Every kind of packet from its bytes and back, cut short, and with every byte changed.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod packets;

use catena_mqtt::{Frame, Packet, Version, frame};
use packets::PACKETS;

/// Decodes, and encodes to the same bytes wherever the original has the shortest form.
#[test]
fn every_packet_decodes_and_encodes() {
    for (version, name, bytes) in PACKETS {
        let packet = whole(*version, bytes).unwrap_or_else(|error| {
            panic!("{version:?} {name}: {error}");
        });
        let mut out = Vec::new();
        packet
            .encode(*version, &mut out)
            .expect("decoded packets can be written");
        let again = whole(*version, &out).expect("what we write, we read");
        assert_eq!(again, packet, "{version:?} {name}");
    }
}

/// [MQTT-4.2-1]: the transport may cut the stream anywhere.
#[test]
fn every_strict_prefix_is_incomplete() {
    for (version, name, bytes) in PACKETS {
        for end in 0..bytes.len() {
            match frame::next(&bytes[..end], u32::MAX) {
                Ok(Frame::Incomplete { missing_at_least }) => assert!(
                    (1..=bytes.len() - end).contains(&missing_at_least),
                    "{version:?} {name} cut at {end}: {missing_at_least}"
                ),
                other => panic!("{version:?} {name} cut at {end}: {other:?}"),
            }
        }
    }
}

/// A body that is cut but framed as if it were whole is refused, or is another valid packet (a
/// shorter payload, an omitted property section): never a panic, never bytes past the end.
#[test]
fn every_body_cut_short_is_judged() {
    for (version, _, bytes) in PACKETS {
        let Ok(Frame::Complete {
            first_byte, body, ..
        }) = frame::next(bytes, u32::MAX)
        else {
            panic!("not a frame");
        };
        for end in 0..body.len() {
            rewrite(*version, first_byte, &body[..end]);
        }
    }
}

/// P02: every single byte changed to every value. What is accepted can be written and read again.
#[test]
fn every_single_byte_mutation_is_judged() {
    for (version, _, bytes) in PACKETS {
        let mut mutated = bytes.to_vec();
        for position in 0..mutated.len() {
            for value in 0..=u8::MAX {
                mutated[position] = value;
                for version in [Version::V31, Version::V311, Version::V5, *version] {
                    let next = frame::next(&mutated, 1 << 20);
                    if let Ok(Frame::Complete {
                        first_byte, body, ..
                    }) = next
                    {
                        rewrite(version, first_byte, body);
                    }
                }
            }
            mutated[position] = bytes[position];
        }
    }
}

/// Decodes; if that succeeds, the packet must survive encoding and decoding.
fn rewrite(version: Version, first_byte: u8, body: &[u8]) {
    let Ok(packet) = Packet::decode(version, first_byte, body) else {
        return;
    };
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut out = Vec::new();
    packet
        .encode(version, &mut out)
        .expect("decoded packets can be written");
    let again = whole(version, &out).unwrap_or_else(|error| {
        panic!("{version:?} {packet:?} from {body:x?} to {out:x?}: {error}");
    });
    assert_eq!(again, packet, "{body:x?}");
}

/// The only packet in `bytes`.
fn whole(version: Version, bytes: &[u8]) -> Result<Packet<'_>, catena_mqtt::DecodeError> {
    match frame::next(bytes, u32::MAX)? {
        Frame::Complete {
            first_byte,
            body,
            size,
        } => {
            assert_eq!(size, bytes.len(), "bytes after the packet");
            Packet::decode(version, first_byte, body)
        }
        Frame::Incomplete { missing_at_least } => panic!("{missing_at_least} bytes missing"),
    }
}
