//! P16: WebSocket frames and handshakes that break the rules.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use catena_conformance::{Folder, free_port, raw};
use catena_faults::{Broker, MIB, Setup};

/// A broker with a WebSocket listener.
#[track_caller]
fn broker() -> Broker {
    let documents = format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: {{ name: web }}
spec:
  ports:
    - {{ port: {}, protocol: WebSockets, catena: {{ bindAddress: 127.0.0.1 }} }}
",
        free_port()
    );
    Broker::run(Setup::documents(Folder::new(), &documents))
}

/// The usual request, with more header lines.
fn request(more: &str) -> String {
    format!(
        "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// Reads the answer to a handshake; empty if there is none.
fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        answer.push(byte[0]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A connection after the handshake.
#[track_caller]
fn open(broker: &Broker) -> TcpStream {
    let mut stream = broker.dial();
    let request = request("Sec-WebSocket-Protocol: mqtt\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let answer = answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    stream
}

/// A masked frame, its mask zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        short @ 0..126 => vec![0x80 | short as u8],
        long => [&[0x80 | 126], &(long as u16).to_be_bytes()[..]].concat(),
    };
    [&[first], &length[..], &[0; 4], payload].concat()
}

/// Everything until the end, which has to come.
#[track_caller]
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    if let Err(error) = stream.read_to_end(&mut all) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{all:02x?}");
    }
    all
}

/// P16: each ends the connection, with a code if there is time for one.
#[test]
fn p16_frames_that_break_the_rules() {
    let broker = broker();
    let connect = raw::connect_v5("web", &[]);
    let declared = [&[0x82, 0xFF, 0x80][..], &[0; 7], &[0; 4], &connect].concat();
    let cases: [(&str, Vec<u8>, &[u16]); 9] = [
        ("text", frame(0x81, b"hello"), &[1003]),
        ("not masked", [&[0x82, 2][..], &[0xC0, 0]].concat(), &[1002]),
        ("2^63 bytes declared", declared, &[1002, 1009]),
        ("reserved bits", frame(0xF2, &connect), &[1002]),
        ("reserved opcode", frame(0x83, &connect), &[1002]),
        ("ping in fragments", frame(0x09, b"x"), &[1002]),
        ("ping of 126 bytes", frame(0x89, &[0; 126]), &[1002]),
        ("continuation of nothing", frame(0x80, &connect), &[1002]),
        (
            "message within a message",
            [frame(0x02, &connect), frame(0x82, b"x")].concat(),
            &[1002],
        ),
    ];
    for (what, bytes, codes) in cases {
        let mut stream = open(&broker);
        stream.write_all(&bytes).unwrap();
        let end = rest(&mut stream);
        let close = end.windows(4).find(|bytes| bytes[0] == 0x88);
        let code = close.map(|bytes| u16::from_be_bytes([bytes[2], bytes[3]]));
        let is_meant = code.is_none_or(|code| codes.contains(&code));
        assert!(is_meant, "{what}: {end:02x?}");
    }
    // A byte in each frame is strange, and allowed.
    let mut stream = open(&broker);
    for (at, byte) in connect.iter().enumerate() {
        let first = if at == 0 { 0x02 } else { 0x00 };
        stream.write_all(&frame(first, &[*byte])).unwrap();
        stream.write_all(&frame(0x89, b"in between")).unwrap();
    }
    stream.write_all(&frame(0x80, b"")).unwrap();
    let mut seen = Vec::new();
    let is_connack = |bytes: &[u8]| bytes[0] == 0x82 && bytes[2] == 0x20;
    while !seen.windows(3).any(is_connack) {
        let mut bytes = [0; 1_024];
        let count = stream.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "closed after {seen:02x?}");
        seen.extend_from_slice(&bytes[..count]);
    }
}

/// P16: a frame is only a part of the stream: what it announces costs nothing.
#[test]
fn p16_frame_that_announces_more_than_it_brings() {
    let broker = broker();
    let connect = raw::connect_v5("web", &[]);
    let announced = [&[0x82, 0xFF, 0x40][..], &[0; 7], &[0; 4], &connect].concat();
    let mut streams: Vec<_> = (0..50).map(|_| open(&broker)).collect();
    let before = broker.resident_bytes();
    for stream in &mut streams {
        stream.write_all(&announced).unwrap();
        let mut first = [0];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(first, [0x82], "a binary frame with CONNACK");
    }
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 8 * MIB, "{growth} bytes");
}

/// P16: pings whose answers nobody reads.
#[test]
fn p16_flood_of_pings() {
    let broker = broker();
    let mut stream = open(&broker);
    let before = broker.resident_bytes();
    let pings = frame(0x89, &[b'p'; 125]).repeat(1_000);
    stream.set_nonblocking(true).unwrap();
    // 13 MB, or as much as the broker takes without being read.
    for _ in 0..100 {
        match stream.write(&pings) {
            Ok(count) if count < pings.len() => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let mut other = open(&broker);
    other
        .write_all(&frame(0x82, &raw::connect_v5("other", &[])))
        .unwrap();
    let mut first = [0];
    other.read_exact(&mut first).unwrap();
    assert_eq!(first, [0x82], "a binary frame with CONNACK");
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 8 * MIB, "{growth} bytes");
}

/// P16: requests that are refused, or that never end.
#[test]
fn p16_handshakes_that_break_the_rules() {
    let broker = broker();
    let huge = format!("X: {}\r\n", "x".repeat(200_000));
    let many = "X: y\r\n".repeat(10_000);
    for (what, request) in [
        ("no subprotocol", request("")),
        (
            "another subprotocol",
            request("Sec-WebSocket-Protocol: chat\r\n"),
        ),
        ("huge header", request(&huge)),
        ("many headers", request(&many)),
        (
            "no upgrade",
            "GET /mqtt HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        ),
        ("no HTTP", "hello\r\n\r\n".to_owned()),
        ("MQTT", String::from_utf8(raw::connect_v3("c")).unwrap()),
    ] {
        let mut stream = broker.dial();
        // The broker may refuse it before it has come to its end.
        let _ = stream.write_all(request.as_bytes());
        if what == "MQTT" {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let answer = answer(&mut stream);
        assert!(!answer.contains(" 101 "), "{what}: {answer}");
    }
    let _ = open(&broker);
}
