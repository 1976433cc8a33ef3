//! Whoever takes too much, or gives nothing.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use catena_frontend::{ListenerOptions, Options, PasswordFile, Refusal, hash_password};

use crate::running::{
    Client, Running, assert_end, connect, eventually, listener, options, publish,
};

/// R01
#[test]
fn connections_beyond_the_limit_are_closed() {
    let listeners = vec![listener("plain")];
    let broker = Running::start(Options {
        listeners,
        connections_max: 2,
        ..options()
    });
    let first = broker.connect("a");
    let _second = broker.connect("b");
    assert_end(&mut broker.dial());
    assert_eq!(broker.handle.refused(Refusal::Connections), 1);
    drop(first);
    eventually(|| broker.handle.listeners()[0].connections == 1);
    broker.connect("c").ping();
}

#[test]
fn connections_of_one_address_have_a_limit_of_their_own() {
    let listeners = vec![listener("plain")];
    let options = Options {
        listeners,
        connections_per_address_max: 1,
        ..options()
    };
    let broker = Running::start(options);
    let mut first = broker.connect("a");
    assert_end(&mut broker.dial());
    first.ping();
}

/// The listeners of one port share its limit; other ports do not.
#[test]
fn connections_of_one_port_have_a_limit_of_their_own() {
    let half = |name: &str| ListenerOptions {
        port: "port".into(),
        connections_max: Some(2),
        ..listener(name)
    };
    let listeners = vec![half("first"), half("second"), listener("other")];
    let broker = Running::start(Options {
        listeners,
        ..options()
    });
    let first = broker.connect_at(0, "a");
    let _second = broker.connect_at(1, "b");
    assert_end(&mut broker.dial_at(0));
    assert_end(&mut broker.dial_at(1));
    assert_eq!(broker.handle.refused(Refusal::ConnectionsPerPort), 2);
    broker.connect_at(2, "c").ping();
    drop(first);
    eventually(|| broker.handle.listeners()[0].connections == 0);
    broker.connect_at(1, "d").ping();
    let accepted = broker
        .handle
        .listeners()
        .iter()
        .map(|one| one.accepted)
        .sum::<u64>();
    assert_eq!(accepted, 4);
}

/// P06
#[test]
fn silence_before_connect_ends_in_time() {
    let mut silent = listener("plain");
    silent.settings.connect_timeout = Duration::from_millis(50);
    let broker = Running::with(silent);
    let mut stream = broker.dial();
    stream.write_all(&connect("c")[..5]).unwrap();
    assert_end(&mut stream);
    // And a client that has connected is not silent.
    let mut client = broker.connect("d");
    client.ping();
}

/// R04: a slow reader loses QoS 0 messages, which are counted, and holds up nobody.
#[test]
fn a_slow_reader_holds_up_nobody() {
    let broker = Running::plain();
    let mut slow = broker.connect("slow");
    slow.subscribe("t");
    let mut publisher = broker.connect("publisher");
    let message = publish("t", &[b'x'; 10_000]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let dropped = || {
        let stats = runtime.block_on(broker.handle.stats());
        stats
            .iter()
            .map(|stats| stats.deliveries_dropped)
            .sum::<u64>()
    };
    while dropped() == 0 {
        for _ in 0..100 {
            publisher.send(&message);
        }
        publisher.ping();
    }
    // What was taken arrives whole, and the connection goes on.
    slow.send(&[0xC0, 0]);
    while slow.packet()[0] != 0xD0 {}
    publisher.send(&publish("t", b"after"));
    assert!(slow.packet().ends_with(b"after"));
}

/// A client that never reads answers is not read from any more; others are.
#[test]
fn a_client_that_only_asks_is_paused() {
    let broker = Running::plain();
    let mut greedy = broker.connect("greedy");
    greedy.stream.set_nonblocking(true).unwrap();
    let pings = [0xC0, 0].repeat(50_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let paused = || {
        let stats = runtime.block_on(broker.handle.stats());
        stats.iter().map(|stats| stats.reads_paused).sum::<u64>()
    };
    // Ends in the middle of a PINGREQ at worst, which is of no matter.
    let mut sent = 0;
    while paused() == 0 {
        sent += greedy.stream.write(&pings[sent % 2..]).unwrap_or(0);
    }
    broker.connect("other").ping();
    greedy.stream.set_nonblocking(false).unwrap();
    let mut answers = vec![0; sent / 2 * 2];
    greedy.stream.read_exact(&mut answers).unwrap();
    assert!(answers.chunks(2).all(|answer| answer == [0xD0, 0]));
}

fn protected() -> ListenerOptions {
    let users = format!("ann:{}", hash_password(b"secret").unwrap());
    let authenticator = PasswordFile::parse(users.as_bytes()).unwrap();
    ListenerOptions {
        authenticator: Some(Arc::new(authenticator)),
        ..listener("protected")
    }
}

fn connect_as(name: &str, password: &str) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x05\xC2\0\x3c\0\0\x01c".to_vec();
    for text in [name, password] {
        body.extend([0, text.len() as u8]);
        body.extend_from_slice(text.as_bytes());
    }
    [[0x10, body.len() as u8].as_slice(), &body].concat()
}

#[test]
fn passwords_are_checked() {
    let broker = Running::with(protected());
    let mut client = Client {
        stream: broker.dial(),
    };
    client.send(&connect_as("ann", "secret"));
    // Not before CONNACK, but read after it.
    client.send(&[0xC0, 0]);
    assert_eq!(client.packet()[3], 0);
    assert_eq!(client.packet(), [0xD0, 0]);
    for (name, password) in [("ann", "Secret"), ("bob", "secret"), ("", "")] {
        let mut client = Client {
            stream: broker.dial(),
        };
        client.send(&connect_as(name, password));
        let connack = client.packet();
        assert_eq!((connack[0], connack[3]), (0x20, 0x86));
        client.expect_end();
    }
    let mut anonymous = Client {
        stream: broker.dial(),
    };
    anonymous.send(&connect("c"));
    assert_eq!(anonymous.packet()[3], 0x86);
}
