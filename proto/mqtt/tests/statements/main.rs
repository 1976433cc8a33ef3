//! What the standards demand of bytes, statement by statement: each case is one packet and the
//! verdict on it. Files follow the chapters.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod connect;
mod format;
mod publish;
mod subscribe;
mod topics;

use catena_mqtt::{DecodeError, Frame, Packet, ReasonCode, Version, frame};

/// The packet in `bytes`, which has to be the only one. Takes the fixed header into account, as a
/// connection does.
fn decode(version: Version, bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    match frame::next(bytes, u32::MAX)? {
        Frame::Complete {
            first_byte,
            body,
            size,
        } => {
            assert_eq!(size, bytes.len(), "bytes after the packet {bytes:x?}");
            Packet::decode(version, first_byte, body)
        }
        Frame::Incomplete { missing_at_least } => {
            panic!("{missing_at_least} bytes missing in {bytes:x?}")
        }
    }
}

/// `first_byte`, the length of `body`, and `body`.
fn packet(first_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first_byte];
    let mut length = body.len();
    while length >= 0x80 {
        bytes.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(body);
    bytes
}

/// The packet is accepted.
#[track_caller]
fn accept(version: Version, first_byte: u8, body: &[u8]) {
    let bytes = packet(first_byte, body);
    if let Err(error) = decode(version, &bytes) {
        panic!("{version:?} {bytes:x?}: {error}");
    }
}

/// The packet is refused with this reason code.
#[track_caller]
fn refuse(version: Version, first_byte: u8, body: &[u8], reason: ReasonCode) {
    let bytes = packet(first_byte, body);
    match decode(version, &bytes) {
        Err(error) => assert_eq!(error.reason, reason, "{version:?} {bytes:x?}: {error}"),
        Ok(packet) => panic!("{version:?} {bytes:x?} accepted: {packet:?}"),
    }
}
