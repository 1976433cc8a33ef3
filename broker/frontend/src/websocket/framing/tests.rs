//! Tests of the WebSocket framing, alone and against another implementation.

use super::*;
use proptest::prelude::*;

const MASK: [u8; 4] = [1, 2, 3, 250];

/// Feeds frames in pieces of `step` bytes and returns the payload.
fn feed(framing: &mut Framing, bytes: &[u8], step: usize) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::new();
    for piece in bytes.chunks(step) {
        framing.handle_bytes(&mut piece.to_vec(), |payload| {
            out.extend_from_slice(payload);
        })?;
    }
    Ok(out)
}

#[track_caller]
fn refused(bytes: &[u8], error: FrameError, status: u16) {
    let mut framing = Framing::default();
    assert_eq!(feed(&mut framing, bytes, usize::MAX), Err(error));
    let [high, low] = status.to_be_bytes();
    assert_eq!(framing.pending(), [0x88, 2, high, low]);
}

/// [MQTT-6.0.0-2]: packets are not aligned with frames.
#[test]
fn payload_passes_through_frames_fragments_and_pieces() {
    let mut bytes = client_frame(0x02, b"first ", MASK);
    bytes.extend(client_frame(0x89, b"ping", MASK));
    bytes.extend(client_frame(0x80, b"second ", MASK));
    bytes.extend(client_frame(0x82, b"", MASK));
    bytes.extend(client_frame(0x82, &[7; 70_000], MASK));
    for step in [1, 2, 3, 7, 1_000, usize::MAX] {
        let mut framing = Framing::default();
        let out = feed(&mut framing, &bytes, step).unwrap();
        assert_eq!(out, [b"first second ".as_slice(), &[7; 70_000]].concat());
        assert_eq!(framing.pending(), b"\x8A\x04ping");
    }
}

/// [MQTT-6.0.0-1]
#[test]
fn text_frames_are_refused() {
    refused(&client_frame(0x81, b"hello", MASK), FrameError::Text, 1003);
}

#[test]
fn broken_frames_are_refused() {
    let protocol = FrameError::Protocol;
    // Unmasked, reserved bits, reserved opcode, continuation of nothing.
    refused(&[0x82, 0], protocol, 1002);
    refused(&client_frame(0xC2, b"x", MASK), protocol, 1002);
    refused(&client_frame(0x83, b"x", MASK), protocol, 1002);
    refused(&client_frame(0x80, b"x", MASK), protocol, 1002);
    // A new message inside a fragmented one; a fragmented or long ping.
    let nested = [client_frame(0x02, b"", MASK), client_frame(0x82, b"", MASK)].concat();
    refused(&nested, protocol, 1002);
    refused(&client_frame(0x09, b"x", MASK), protocol, 1002);
    refused(&client_frame(0x89, &[0; 126], MASK), protocol, 1002);
    // A length with its highest bit set.
    refused(
        &[[0x82, 0xFF].as_slice(), &[0xFF; 8], &MASK].concat(),
        protocol,
        1002,
    );
    refused(
        &client_frame(0x88, b"\x03\xE8", MASK),
        FrameError::Closed,
        1000,
    );
}

#[test]
fn a_flood_of_pings_ends_the_connection() {
    let pings = client_frame(0x89, &[0; 125], MASK).repeat(100);
    let mut framing = Framing::default();
    assert_eq!(feed(&mut framing, &pings, 100), Err(FrameError::Flood));
    assert!(framing.pending().len() < CONTROL_BYTES_MAX + 256);
}

#[test]
fn a_pong_waits_for_the_end_of_an_open_frame() {
    let mut framing = Framing::default();
    assert_eq!(framing.payload_len(10), 10);
    framing.pending_sent(2);
    framing.payload_sent(4);
    feed(&mut framing, &client_frame(0x89, b"p", MASK), 100).unwrap();
    assert!(framing.pending().is_empty());
    assert_eq!(framing.payload_len(100), 6);
    framing.payload_sent(6);
    assert_eq!(framing.pending(), b"\x8A\x01p");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>, step in 1..20_usize) {
        let mut framing = Framing::default();
        let _ = feed(&mut framing, &bytes, step);
        prop_assert!(framing.pending().len() <= CONTROL_BYTES_MAX + 256);
    }

    #[test]
    fn another_implementation_understands_us(
        sends in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..500), 1..6),
    ) {
        use tungstenite::protocol::{Role, WebSocket};
        let mut framing = Framing::default();
        let mut wire = Vec::new();
        for payload in &sends {
            prop_assert_eq!(framing.payload_len(payload.len()), payload.len());
            wire.extend_from_slice(framing.pending());
            framing.pending_sent(framing.pending().len());
            wire.extend_from_slice(payload);
            framing.payload_sent(payload.len());
        }
        let mut answers = Vec::new();
        let stream = Duplex { input: std::io::Cursor::new(wire), output: &mut answers };
        let mut peer = WebSocket::from_raw_socket(stream, Role::Client, None);
        for payload in &sends {
            let message = peer.read().unwrap();
            let data = message.into_data();
            prop_assert_eq!(data.as_ref(), payload.as_slice());
            peer.send(tungstenite::Message::binary(payload.clone())).unwrap();
        }
        drop(peer);
        let read = feed(&mut Framing::default(), &answers, 11).unwrap();
        prop_assert_eq!(read, sends.concat());
    }
}

struct Duplex<'a> {
    input: std::io::Cursor<Vec<u8>>,
    output: &'a mut Vec<u8>,
}

impl std::io::Read for Duplex<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(buffer)
    }
}

impl std::io::Write for Duplex<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
