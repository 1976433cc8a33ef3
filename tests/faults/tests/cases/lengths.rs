//! P01, P03, P04, P05, P06: lengths that lie, and packets that never come to an end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use catena_conformance::{Options, raw};
use catena_faults::{Broker, MIB, Probe, Waiting};
use catena_mqtt::{ReasonCode, Version};

use crate::support::{connected, ending, expect_ending, publish_with};

/// More than four bytes, more than needed, and numbers beyond the end of what holds them.
const LYING_LENGTHS: [(&str, &[u8]); 12] = [
    ("five bytes", &[0x30, 0x80, 0x80, 0x80, 0x80, 0x01]),
    ("five full bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
    ("two bytes for 0", &[0xC0, 0x80, 0x00]),
    ("four bytes for 1", &[0xE0, 0x81, 0x80, 0x80, 0x00, 0x00]),
    (
        "PUBLISH: topic name beyond the end",
        &[0x30, 3, 0xFF, 0xFF, b'a'],
    ),
    ("PUBLISH: half a topic length", &[0x30, 1, 0]),
    (
        "PUBLISH: five bytes of property length",
        &[0x30, 8, 0, 1, b'a', 0x80, 0x80, 0x80, 0x80, 0x01],
    ),
    (
        "PUBLISH: properties beyond the end",
        &[0x30, 4, 0, 1, b'a', 9],
    ),
    (
        "PUBLISH: two bytes for no properties",
        &[0x30, 5, 0, 1, b'a', 0x80, 0],
    ),
    (
        "SUBSCRIBE: five bytes of subscription identifier",
        &[
            0x82, 13, 0, 1, 6, 0x0B, 0x80, 0x80, 0x80, 0x80, 1, 0, 1, b'a', 0,
        ],
    ),
    (
        "SUBSCRIBE: filter beyond the end",
        &[0x82, 6, 0, 1, 0, 0, 9, b'a'],
    ),
    ("DISCONNECT: properties beyond the end", &[0xE0, 2, 0, 9]),
];

/// P01
#[test]
fn p01_lengths_that_lie() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let before = broker.resident_bytes();
    for (what, bytes) in LYING_LENGTHS {
        let mut client = connected(&broker);
        client.send_bytes(bytes);
        expect_ending(&mut client, &[ReasonCode::MalformedPacket], what);
        let mut client = broker.connect(&Options::clean(Version::V311));
        // Without properties some of it is in order.
        if !what.contains("propert") && !what.contains("subscription identifier") {
            client.send_bytes(bytes);
            assert_eq!(ending(&mut client), None, "{what}: MQTT 3 has no reasons");
        }
        let mut stranger = broker.open(Version::V5);
        stranger.send_bytes(bytes);
        stranger.expect_end();
    }
    for end in 1..5 {
        // Cut off within the length: the broker only learns that the client has gone.
        let client = {
            let mut client = connected(&broker);
            client.send_bytes(&[0x30, 0x80, 0x80, 0x80, 0x80][..end]);
            client
        };
        client.cut_and_wait();
    }
    probe.exchange();
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 4 * MIB, "{growth} bytes");
}

/// P03: 10,000 instead of 1,000,000, after 5,000 that fill what the allocator keeps anyway. What
/// it keeps varies by 2 MiB; a leak of 300 bytes each would show.
#[test]
fn p03_malformed_connects_leave_nothing_behind() {
    let broker = Broker::start(&[]);
    let variants = malformed_connects();
    let send = |count: usize| {
        for bytes in variants.iter().cycle().take(count) {
            let mut client = broker.open(Version::V5);
            client.send_bytes(bytes);
            client.expect_end();
        }
    };
    send(5_000);
    let before = broker.resident_bytes();
    send(10_000);
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth <= 3 * MIB, "{growth} bytes");
    Probe::start(&broker).exchange();
}

fn malformed_connects() -> Vec<Vec<u8>> {
    let id = raw::string("c");
    let none = raw::section(&[]);
    let will = |properties: &[&[u8]]| [raw::section(properties), raw::string("t")].concat();
    let expiry = [0x11, 0, 0, 0, 9];
    vec![
        raw::connect("MQTT", 5, 0b11, &[&none, &id]),
        raw::connect(
            "MQTT",
            5,
            0b1_1110,
            &[&none, &id, &will(&[]), &raw::string("w")],
        ),
        raw::connect(
            "MQTT",
            5,
            0b0_0110,
            &[&none, &id, &will(&[&expiry]), &raw::string("w")],
        ),
        raw::connect("MQTT", 5, 0b0_0110, &[&none, &id, &will(&[&[0x23, 0, 1]])]),
        raw::connect("MQTT", 5, 0b0_0110, &[&none, &id]),
        raw::connect_v5("c", &[&expiry, &expiry]),
        raw::connect_v5("c", &[&[0x21, 0, 0]]),
        raw::connect_v5("c", &[&[0x7F]]),
        raw::connect("MQTT", 5, 0b10, &[&none, &raw::string([0xC3, 0x28])]),
        raw::connect("MQTT", 5, 0b10, &[&none, &raw::string([0xED, 0xA0, 0x80])]),
        raw::connect("MQTT", 5, 0b1100_0010, &[&none, &id, &raw::string("u")]),
        raw::connect("MQTT", 9, 0b10, &[&none, &id]),
        raw::connect("MQTS", 4, 0b10, &[&id]),
        raw::connect("MQTT", 4, 0b0100_0010, &[&id, &raw::string("p")]),
        raw::connect("MQTT", 4, 0b10, &[&id, b"more than there should be"]),
    ]
}

/// P04: 200 connections instead of 1,000, and bytes as fast as the broker takes them up.
#[test]
fn p04_memory_comes_with_bytes_not_with_announcements() {
    let broker = Broker::start(&[
        "spec.memoryProfile=High",
        "spec.advanced.clients.maxPacketSizeBytes=268435456",
    ]);
    let mut probe = Probe::start(&broker);
    let before = broker.resident_bytes();
    let mut clients: Vec<_> = (0..200).map(|_| connected(&broker)).collect();
    for client in &mut clients {
        client.send_bytes(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b'a', 0]);
    }
    for _ in 0..20 {
        for client in &mut clients {
            client.send_bytes(b"x");
        }
        probe.exchange();
    }
    probe.expect_quality();
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(
        growth < 200 * 64 * 1_024,
        "{growth} bytes for 200 connections"
    );
    for client in clients {
        client.cut_and_wait();
    }
    probe.expect_quality();
}

/// P05: closed behind the fixed header, however much is announced. 2,000 connections.
#[test]
fn p05_first_packet_not_connect() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let before = broker.resident_bytes();
    let first_bytes: Vec<u8> = (0..16)
        .map(|kind| kind << 4)
        .filter(|&b| b != 0x10)
        .collect();
    let mut strangers: Vec<_> = (0..2_000).map(|_| broker.open(Version::V5)).collect();
    for (client, first) in strangers.iter_mut().zip(first_bytes.iter().cycle()) {
        client.send_bytes(&[*first, 0xFF, 0xFF, 0xFF, 0x7F]);
    }
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(
        growth <= 2_000 * 4 * 1_024 + 2 * MIB,
        "{growth} bytes for 2,000 connections"
    );
    for client in &mut strangers {
        client.expect_end();
    }
    let mut client = broker.open(Version::V5);
    client.send_bytes(&[0x10, 0xFF, 0xFF, 0xFF, 0x7F]);
    client.expect_end();
    probe.expect_quality();
}

/// P06: with a connect timeout of 1 s instead of 10 s.
#[test]
fn p06_connect_that_never_completes() {
    let broker = Broker::start(&["spec.catena.limits.connectTimeoutSeconds=1"]);
    let mut probe = Probe::start(&broker);
    let mut silent: Vec<TcpStream> = (0..200).map(|_| broker.dial()).collect();
    let mut slow = broker.dial();
    slow.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let connect = raw::connect_v5(&"c".repeat(60_000), &[]);
    let mut rest = connect.iter();
    Waiting::until("the end of the slow one", || {
        // Once the broker has closed, writing may fail before reading does.
        let _ = rest.next().map(|byte| slow.write_all(&[*byte]));
        match slow.read(&mut [0; 64]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                None
            }
            _ => Some(()),
        }
    });
    assert!(rest.len() > 0, "a whole CONNECT was waited for");
    for stream in &mut silent {
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    probe.expect_quality();
}

/// P05, P01: a packet above the maximum ends at its header.
#[test]
fn p05_packet_above_the_maximum() {
    let broker = Broker::start(&["spec.advanced.clients.maxPacketSizeBytes=1000"]);
    let mut client = connected(&broker);
    client.send_bytes(&publish_with(&[], "a", &[b'x'; 1_000])[..5]);
    expect_ending(&mut client, &[ReasonCode::PacketTooLarge], "1,007 bytes");
}
