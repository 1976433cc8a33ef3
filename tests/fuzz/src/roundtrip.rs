//! What is accepted is written, read again, and the same.

use catena_mqtt::{Frame, Packet, Version, frame};

/// One run of the target: the first byte chooses the version, the rest is a stream.
pub fn run(data: &[u8]) {
    let Some((selector, mut rest)) = data.split_first() else {
        return;
    };
    let version = match selector % 3 {
        0 => Version::V31,
        1 => Version::V311,
        _ => Version::V5,
    };
    while let Ok(Frame::Complete {
        first_byte,
        body,
        size,
    }) = frame::next(rest, 1 << 20)
    {
        if let Ok(packet) = Packet::decode(version, first_byte, body) {
            rewrite(version, &packet);
        }
        rest = &rest[size..];
    }
}

fn rewrite(version: Version, packet: &Packet<'_>) {
    let version = match packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut out = Vec::new();
    assert_eq!(packet.encode(version, &mut out), Ok(()), "{packet:?}");
    let Ok(Frame::Complete {
        first_byte,
        body,
        size,
    }) = frame::next(&out, u32::MAX)
    else {
        panic!("no frame in {out:x?} from {packet:?}");
    };
    assert_eq!(size, out.len());
    assert_eq!(
        Packet::decode(version, first_byte, body).as_ref(),
        Ok(packet)
    );
}
