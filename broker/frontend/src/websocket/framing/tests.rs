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

/// Sends everything at once.
fn sent(framing: &mut Framing, output: &[u8]) -> Vec<u8> {
    let (mut wire, mut at) = (Vec::new(), 0);
    loop {
        at += framing.wrap(&output[at..]);
        wire.extend_from_slice(framing.pending());
        framing.pending_sent(framing.pending().len());
        let size = framing.payload_len();
        wire.extend_from_slice(&output[at..at + size]);
        framing.payload_sent(size);
        at += size;
        if at == output.len() && framing.pending().is_empty() {
            return wire;
        }
    }
}

fn packet(body: usize) -> Vec<u8> {
    let mut packet = vec![0x30];
    let mut length = body;
    while length > 0x7F {
        packet.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.resize(packet.len() + body, 7);
    packet
}

#[test]
fn a_pong_waits_for_the_end_of_an_open_frame() {
    let mut framing = Framing::default();
    let output = packet(COPIED_BYTES_MAX);
    assert_eq!((framing.wrap(&output), framing.pending().len()), (0, 4));
    assert_eq!(framing.payload_len(), output.len());
    framing.pending_sent(4);
    framing.payload_sent(4);
    feed(&mut framing, &client_frame(0x89, b"p", MASK), 100).unwrap();
    assert!(framing.pending().is_empty());
    assert_eq!(framing.payload_len(), output.len() - 4);
    // No other frame begins before this one has ended.
    assert_eq!(framing.wrap(&output[4..]), 0);
    framing.payload_sent(output.len() - 4);
    assert_eq!(framing.pending(), b"\x8A\x01p");
}

/// Clients that look for one packet in each frame find it, and the packets of one burst leave
/// together.
#[test]
fn small_packets_share_a_send_and_no_frame() {
    let mut framing = Framing::default();
    let output = [packet(0), packet(3), packet(200)].concat();
    assert_eq!(framing.wrap(&output), output.len());
    let mut expected = vec![
        0x82, 2, 0x30, 0, 0x82, 5, 0x30, 3, 7, 7, 7, 0x82, 126, 0, 203,
    ];
    expected.extend(packet(200));
    assert_eq!(framing.pending(), expected);
}

#[test]
fn what_waits_to_be_sent_is_bounded() {
    let mut framing = Framing::default();
    let output = packet(1_000).repeat(1_000);
    let copied = framing.wrap(&output);
    assert!(copied > 0 && copied % packet(1_000).len() == 0);
    assert!(framing.pending().len() <= PENDING_BYTES + COPIED_BYTES_MAX);
    assert_eq!(framing.wrap(&output[copied..]), 0, "full");
    framing.pending_sent(framing.pending().len());
    assert!(framing.wrap(&output[copied..]) > 0);
}

#[test]
fn nothing_is_framed_after_the_close_frame() {
    let mut framing = Framing::default();
    framing.close(Status::Normal);
    assert_eq!((framing.wrap(&packet(9)), framing.payload_len()), (0, 0));
    assert_eq!(framing.pending(), [0x88, 2, 0x03, 0xE8]);
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
        sizes in proptest::collection::vec(prop_oneof![0..500_usize, 16_000..70_000_usize], 1..6),
    ) {
        use tungstenite::protocol::{Role, WebSocket};
        let packets: Vec<_> = sizes.iter().map(|size| packet(*size)).collect();
        let wire = sent(&mut Framing::default(), &packets.concat());
        let mut answers = Vec::new();
        let stream = Duplex { input: std::io::Cursor::new(wire), output: &mut answers };
        let mut peer = WebSocket::from_raw_socket(stream, Role::Client, None);
        for payload in &packets {
            let message = peer.read().unwrap();
            let data = message.into_data();
            prop_assert_eq!(data.as_ref(), payload.as_slice());
            peer.send(tungstenite::Message::binary(payload.clone())).unwrap();
        }
        drop(peer);
        let read = feed(&mut Framing::default(), &answers, 11).unwrap();
        prop_assert_eq!(read, packets.concat());
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
