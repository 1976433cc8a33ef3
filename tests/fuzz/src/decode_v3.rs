//! Any bytes as a stream of MQTT 3.1 and 3.1.1 packets: nothing panics, and what is decoded can be
//! read to its end.

use catena_mqtt::{Frame, Packet, Version, frame};

/// One run of the target.
pub fn run(data: &[u8]) {
    stream(Version::V31, data);
    stream(Version::V311, data);
}

/// Decodes packet after packet, as a connection does.
fn stream(version: Version, mut rest: &[u8]) {
    while let Ok(Frame::Complete {
        first_byte,
        body,
        size,
    }) = frame::next(rest, 1 << 20)
    {
        if let Ok(packet) = Packet::decode(version, first_byte, body) {
            // Walks everything that is decoded only when it is asked for.
            assert!(!format!("{packet:?}").is_empty());
        }
        rest = &rest[size..];
    }
}
