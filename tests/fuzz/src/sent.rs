//! What a connection has sent: whole packets that can be decoded, or a finding.

use catena_mqtt::{Frame, Packet, Version, frame};

/// Shows each packet of `bytes`.
///
/// # Panics
///
/// If a packet is not whole or cannot be decoded.
pub(crate) fn each_packet(version: Version, bytes: &[u8], mut show: impl FnMut(&Packet<'_>)) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(Frame::Complete {
            first_byte,
            body,
            size,
        }) = frame::next(rest, u32::MAX)
        else {
            panic!("half a packet was sent: {rest:02x?}");
        };
        let Ok(packet) = Packet::decode(version, first_byte, body) else {
            panic!("sent {rest:02x?}");
        };
        show(&packet);
        rest = &rest[size..];
    }
}
