//! TCP and Unix sockets: messages, endings, shutdown, reloads.

use std::io::Write;
use std::os::unix::net::UnixStream;

use catena_frontend::{Address, Error, ListenerOptions, Options, Service};

use crate::hub::Hub;
use crate::running::{Client, Running, assert_end, eventually, listener, options, publish};

#[test]
fn messages_pass_between_clients_of_different_workers() {
    let broker = Running::plain();
    let mut clients: Vec<_> = (0..4).map(|id| broker.connect(&format!("c{id}"))).collect();
    for client in &mut clients {
        client.subscribe("t");
    }
    clients[0].send(&publish("t", b"news"));
    for client in &mut clients {
        assert!(client.packet().ends_with(b"news"));
    }
}

#[test]
fn a_packet_may_come_byte_by_byte() {
    let broker = Running::plain();
    let mut client = broker.connect("c");
    client.subscribe("t");
    for byte in publish("t", &[b'x'; 300]) {
        client.send(&[byte]);
    }
    assert_eq!(client.packet().len(), 3 + 4 + 300);
}

#[test]
fn a_large_burst_arrives_whole() {
    let broker = Running::plain();
    let mut client = broker.connect("c");
    client.subscribe("t");
    // More than any buffer on the way, so that reads are full and writes are partial.
    let message = publish("t", &[b'x'; 10_000]);
    let mut writer = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        for _ in 0..20 {
            writer.write_all(&message).unwrap();
        }
    });
    for _ in 0..20 {
        assert_eq!(client.packet().len(), 10_007);
    }
    sending.join().unwrap();
    client.ping();
}

#[test]
fn the_session_hears_of_a_lost_connection() {
    let broker = Running::plain();
    let client = broker.connect("c");
    drop(client);
    eventually(|| broker.hub.ended() == 1);
    eventually(|| broker.handle.listeners()[0].connections == 0);
}

/// P22, P05
#[test]
fn whoever_does_not_speak_mqtt_is_closed() {
    let broker = Running::plain();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0x16, 3, 1, 2, 0, 1],
        &[0x30, 0xFF],
    ] {
        let mut stream = broker.dial();
        stream.write_all(bytes).unwrap();
        assert_end(&mut stream);
    }
    broker.connect("c").ping();
}

/// [MQTT-3.14.0-1]: only who is connected gets a DISCONNECT.
#[test]
fn shutdown_says_goodbye_to_every_client() {
    let mut broker = Running::plain();
    let mut clients: Vec<_> = (0..3).map(|id| broker.connect(&format!("c{id}"))).collect();
    let mut silent = broker.dial();
    eventually(|| broker.handle.listeners()[0].connections == 4);
    broker.shut_down();
    for client in &mut clients {
        assert_eq!(client.packet(), [0xE0, 1, 0x8B]);
        client.expect_end();
    }
    assert_end(&mut silent);
    broker.join();
    assert_eq!(broker.hub.ended(), 3);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert!(
        runtime.block_on(broker.handle.stats()).is_empty(),
        "nobody answers any more"
    );
}

#[test]
fn unix_sockets_work_and_leave_no_file() {
    let folder = std::env::temp_dir().join(format!("catena-shell-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("mqtt.sock");
    // A stale file of a broker that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut broker = Running::with(ListenerOptions::new("unix", Address::Unix(path.clone())));
    let stream = UnixStream::connect(&path).unwrap();
    Client::connect(stream, "c").echo("t");
    let second = ListenerOptions::new("second", Address::Unix(path.clone()));
    let error = broker.handle.reload_listeners(&[second]).unwrap_err();
    assert!(error.to_string().contains("address in use"), "{error}");
    broker.shut_down();
    broker.join();
    assert!(!path.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_listener_that_cannot_listen_is_named() {
    let broker = Running::plain();
    let address = Address::Tcp(broker.address());
    let taken = ListenerOptions::new("second", address.clone());
    let options = Options {
        listeners: vec![taken],
        ..options()
    };
    let hub = std::sync::Arc::new(Hub::default());
    let error = Service::bind(options, hub).err().unwrap();
    assert!(matches!(error, Error::Listen { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("second"),
        "{text}"
    );
    assert!(text.contains("address in use"), "{text}");
}

#[test]
fn listeners_come_and_go_and_connections_stay() {
    let broker = Running::plain();
    let mut old = broker.connect("old");
    let before = broker.address();
    broker
        .handle
        .reload_listeners(&[listener("other")])
        .unwrap();
    assert_ne!(broker.address(), before);
    broker.connect("new").ping();
    old.ping();
    eventually(|| std::net::TcpStream::connect(before).is_err());
    old.ping();
}

#[test]
fn stats_add_up() {
    let broker = Running::plain();
    let mut client = broker.connect("c");
    client.echo("t");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let stats = runtime.block_on(broker.handle.stats());
    assert_eq!(stats.len(), 2);
    let sum = |count: fn(&catena_frontend::worker::Stats) -> u64| -> u64 {
        stats.iter().map(count).sum()
    };
    assert_eq!(
        (sum(|stats| stats.connections), sum(|stats| stats.sessions)),
        (1, 1)
    );
    assert_eq!(sum(|stats| stats.connection.publishes_received[0]), 1);
    assert!(sum(|stats| stats.bytes_received) > 20 && sum(|stats| stats.bytes_sent) > 20);
}

/// [MQTT-4.13.1-1]: who is busy writing when it is closed still learns why.
#[test]
fn a_writing_client_reads_why_it_was_closed() {
    let broker = Running::plain();
    let mut client = broker.connect("c");
    client.send(&crate::running::connect("c"));
    for _ in 0..200 {
        client.send(&publish("t", &[b'x'; 10_000]));
    }
    let packet = client.packet();
    assert_eq!((packet[0], packet.last()), (0xE0, Some(&0x82)));
    drop(client);
    eventually(|| broker.handle.listeners()[0].connections == 0);
}
