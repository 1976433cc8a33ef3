//! Keep alive (sections 3.1.2.10 and 3.2.2.3.14). Time is told by connections that run out of it.

use std::time::{Duration, Instant};

use catena_conformance::{Broker, Client, Options, QOS0, WillMessage, unique};
use catena_mqtt::{Packet, ReasonCode, Version};

use crate::{VERSIONS, shared};

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no clock of their own"
)]
fn now() -> Instant {
    Instant::now()
}

fn silent(version: Version, keep_alive: u16) -> Client {
    let options = Options {
        keep_alive,
        ..Options::clean(version)
    };
    Client::connect(shared(), &options)
}

/// [MQTT-3.1.2-22] [MQTT-3.2.2-22] [MQTT3-3.1.2-24] [MQTT-3.1.2-8]: who is silent for one and a
/// half times the keep alive is cut off, not earlier, and its will is published. Any packet
/// counts, and 0 is for ever.
#[test]
fn silence_ends_the_connection() {
    for version in VERSIONS {
        let topic = unique("w");
        let mut watcher = Client::connect(shared(), &Options::clean(version));
        watcher.subscribe(&topic, QOS0);
        let will = WillMessage::new(&topic, "silent", QOS0);
        let began = now();
        let mut dying = Client::connect(
            shared(),
            &Options {
                keep_alive: 1,
                ..Options::clean(version).with_will(will)
            },
        );
        let mut clock = silent(version, 2);
        let mut pinging = silent(version, 2);
        let mut publishing = silent(version, 2);
        let mut immortal = silent(version, 0);
        dying.expect_disconnect(ReasonCode::KeepAliveTimeout);
        let waited = began.elapsed();
        assert!(waited >= Duration::from_millis(1_400), "{waited:?}");
        watcher.expect_message(&topic, "silent", QOS0);
        // After 1.5 s: these two have 3 s from now, the clock has 1.5 s left.
        pinging.expect_silence();
        publishing.publish(&unique("t"), "alive", QOS0);
        clock.expect_disconnect(ReasonCode::KeepAliveTimeout);
        pinging.expect_silence();
        publishing.expect_silence();
        immortal.expect_silence();
    }
}

/// [MQTT-3.1.2-22] [MQTT3-3.1.2-24]: what the broker sends does not count, and half a packet is
/// none.
#[test]
fn only_packets_from_the_client_count() {
    let topic = unique("t");
    let mut client = silent(Version::V5, 1);
    client.subscribe(&topic, QOS0);
    let began = now();
    client.send_bytes(b"\x30");
    let mut publisher = Client::connect(shared(), &Options::clean(Version::V5));
    let mut count = 0;
    loop {
        publisher.publish(&topic, "for you", QOS0);
        let received = client.receive();
        match received.packet() {
            Packet::Publish(_) => count += 1,
            Packet::Disconnect(end) => {
                assert_eq!(end.reason, ReasonCode::KeepAliveTimeout);
                break;
            }
            _ => panic!("{received:?}"),
        }
    }
    assert!(count > 0 && began.elapsed() < Duration::from_secs(10));
}

/// [MQTT-3.2.2-21]: the broker's keep alive holds instead of the client's; a client of 3.1.1
/// cannot be told of it, so its own holds.
#[test]
fn keep_alive_of_the_broker() {
    let broker = Broker::start(&["spec.advanced.clients.maxKeepAliveSeconds=1"]);
    let connect = |version, keep_alive| {
        let options = Options {
            keep_alive,
            ..Options::clean(version)
        };
        Client::connect(&broker, &options)
    };
    let mut old = connect(Version::V311, 60);
    let mut long = connect(Version::V5, 60);
    let mut endless = connect(Version::V5, 0);
    let short = connect(Version::V5, 1);
    let told = |client: &Client| client.connack().properties.server_keep_alive;
    assert_eq!(
        [told(&long), told(&endless), told(&short)],
        [Some(1), Some(1), None]
    );
    long.expect_disconnect(ReasonCode::KeepAliveTimeout);
    endless.expect_disconnect(ReasonCode::KeepAliveTimeout);
    old.expect_silence();
}
