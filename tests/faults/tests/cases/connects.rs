//! P10, P15, P18, P20: packets at the wrong time, and clients that fight for a session.

use std::net::Shutdown;
use std::thread;

use catena_conformance::{Options, QOS1, QOS2, post, raw, subscription, unique};
use catena_faults::{Broker, MIB, Probe};
use catena_mqtt::{Ack, Packet, PacketId, Publish, ReasonCode, Version};

use crate::support::{Numbers, connected, ending, expect_ending, half_closable};

/// What only servers send, and AUTH without a method.
const NOT_FOR_CLIENTS: [(&str, &[u8]); 6] = [
    ("CONNACK", &[0x20, 3, 0, 0, 0]),
    ("SUBACK", &[0x90, 4, 0, 1, 0, 0]),
    ("UNSUBACK", &[0xB0, 4, 0, 1, 0, 0]),
    ("PINGRESP", &[0xD0, 0]),
    ("AUTH", &[0xF0, 0]),
    ("type 0", &[0, 0]),
];

/// P10
#[test]
fn p10_packets_that_clients_do_not_send() {
    let broker = Broker::start(&[]);
    let wrong = [ReasonCode::ProtocolError, ReasonCode::MalformedPacket];
    for (what, bytes) in NOT_FOR_CLIENTS {
        let mut client = connected(&broker);
        client.send_bytes(bytes);
        expect_ending(&mut client, &wrong, what);
        let mut client = broker.connect(&Options::clean(Version::V311));
        client.send_bytes(bytes);
        assert_eq!(ending(&mut client), None, "{what}: MQTT 3 has no reasons");
    }
    // Acknowledgements of what was never sent change nothing.
    let mut client = connected(&broker);
    client.subscribe("a", QOS2);
    let id = PacketId::new(99).unwrap();
    client.send(&Packet::PubAck(Ack::success(id)));
    client.send(&Packet::PubComp(Ack::success(id)));
    client.send(&Packet::PubRel(Ack::success(id)));
    assert_eq!(
        client.expect_pubcomp(id),
        ReasonCode::PacketIdentifierNotFound
    );
    client.send(&Packet::PubRec(Ack::success(id)));
    let not_found = client.expect_pubrel(id);
    assert_eq!(not_found, ReasonCode::PacketIdentifierNotFound);
    client.publish("a", "still here", QOS2);
    client.expect_message("a", "still here", QOS2);
    client.expect_silence();
}

/// P15
#[test]
fn p15_second_connect() {
    let broker = Broker::start(&[]);
    for (first, second) in [
        (Version::V5, raw::connect_v5("again", &[])),
        (Version::V5, raw::connect_v3("again")),
        (Version::V311, raw::connect_v3("again")),
        (
            Version::V311,
            raw::connect_v5("again", &[&[0x11, 0, 0, 0, 9]]),
        ),
    ] {
        let mut client = broker.connect(&Options::clean(first));
        client.send_bytes(&second);
        let reason = ending(&mut client);
        assert_eq!(reason, first.is_v5().then_some(ReasonCode::ProtocolError));
    }
    // Properties of MQTT 5.0 in a CONNECT of MQTT 3.1.1 are bytes that do not belong there.
    let mut client = broker.open(Version::V311);
    let properties = raw::section(&[&[0x11, 0, 0, 0, 9]]);
    client.send_bytes(&raw::connect(
        "MQTT",
        4,
        0b10,
        &[&properties, &raw::string("c")],
    ));
    client.expect_end();
}

/// P18
#[test]
fn p18_packet_identifiers_out_of_order() {
    let broker = Broker::start(&[]);
    for zero in [
        raw::packet(0x32, &[&raw::string("a"), &[0, 0, 0]]),
        raw::packet(0x82, &[&[0, 0, 0], &raw::string("a"), &[0]]),
        raw::packet(0x40, &[&[0, 0]]),
    ] {
        let mut client = connected(&broker);
        client.send_bytes(&zero);
        let wrong = [ReasonCode::ProtocolError, ReasonCode::MalformedPacket];
        expect_ending(&mut client, &wrong, "packet identifier 0");
    }
    let mut client = connected(&broker);
    let mut subscriber = connected(&broker);
    subscriber.subscribe("a", QOS2);
    let id = PacketId::new(1);
    let first = post("a", "first", QOS2, id);
    client.send(&Packet::Publish(first));
    client.expect_pubrec(first.packet_id.unwrap());
    // The same again, as after a lost PUBREC: no second message.
    client.send(&Packet::Publish(Publish { dup: true, ..first }));
    client.expect_pubrec(first.packet_id.unwrap());
    // The identifier of an unfinished QoS 2 publish for something else.
    client.send(&Packet::Publish(post("a", "second", QOS1, id)));
    let reason = client.expect_puback(first.packet_id.unwrap());
    assert_eq!(reason, ReasonCode::PacketIdentifierInUse);
    client.send(&Packet::PubRel(Ack::success(first.packet_id.unwrap())));
    client.expect_pubcomp(first.packet_id.unwrap());
    subscriber.expect_message("a", "first", QOS2);
    subscriber.expect_silence();
}

/// P18: acknowledgements of the wrong kind end the connection, and the message comes again.
#[test]
fn p18_acknowledgements_of_the_wrong_kind() {
    let broker = Broker::start(&[]);
    for (qos, is_second_step) in [(QOS1, false), (QOS2, false), (QOS2, true)] {
        let options = Options::lasting(Version::V5);
        let mut client = broker.connect(&options);
        client.subscribe("wrong", qos);
        client.publish("wrong", "a message", qos);
        let message = client.expect_publish();
        let ack = Ack::success(message.id());
        if is_second_step {
            client.send(&Packet::PubRec(ack));
            client.expect_pubrel(message.id());
        }
        client.send(&match qos {
            QOS1 => Packet::PubRec(ack),
            _ => Packet::PubAck(ack),
        });
        expect_ending(&mut client, &[ReasonCode::ProtocolError], "wrong kind");
        let mut client = broker.connect(&options);
        if is_second_step {
            client.expect_pubrel(message.id());
            client.send(&Packet::PubComp(ack));
        } else {
            client.expect_message("wrong", "a message", qos);
        }
        client.unsubscribe(&["wrong"]);
        client.disconnect();
    }
}

/// P20: 8 places, each 60 times in a row, instead of 50 places for an hour.
#[test]
fn p20_many_places_fight_for_one_session() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let options = Options::lasting(Version::V5);
    drop(broker.connect(&options));
    let before = broker.resident_bytes();
    thread::scope(|scope| {
        for place in 0..8 {
            let (broker, options) = (&broker, &options);
            scope.spawn(move || {
                let mut numbers = Numbers(place + 1);
                (0..60).for_each(|_| jitter(broker, options, &mut numbers));
            });
        }
        (0..20).for_each(|_| probe.exchange());
    });
    // Some were cut off before the broker had seen them; on a busy machine they come later than
    // whoever connects now. These are 8 × 60, the probe and the first of all.
    let accepted = "catena_frontend_connections_accepted_total";
    broker.await_metric(accepted, "", |count| count == 8 * 60 + 2);
    let connections = "catena_frontend_connections";
    broker.await_metric(connections, "", |count| count == 1);
    // Whoever comes last has the session, with one connection, and it works.
    let mut client = broker.connect(&options);
    assert!(client.session_present());
    let topic = unique("last");
    client.subscribe(&topic, QOS1);
    client.publish(&topic, "me", QOS1);
    let mine = client.receive_meant(|packet| matches!(packet, Packet::Publish(_)));
    client.acknowledge(&mine.message().unwrap());
    broker.await_metric(connections, "", |count| count == 2);
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 8 * MIB, "{growth} bytes");
    probe.expect_quality();
}

/// Connects, and subscribes and unsubscribes until it is over or somebody else has the session.
fn jitter(broker: &Broker, options: &Options, numbers: &mut Numbers) {
    let (mut client, socket) = half_closable(broker);
    client.send_bytes(&options.bytes());
    for _ in 0..numbers.below(6) {
        let filter = format!("jitter/{}", numbers.below(4));
        if numbers.below(2) == 0 {
            client.send_subscribe(&[(&filter, subscription(QOS1))], None);
        } else {
            client.send_unsubscribe(&[&filter]);
        }
    }
    if numbers.below(2) == 0 {
        return client.cut();
    }
    // If somebody else has the session, the broker has closed already.
    let _ = socket.shutdown(Shutdown::Write);
    while let Some(received) = client.receive_or_end() {
        if let Packet::Disconnect(disconnect) = received.packet() {
            assert_eq!(disconnect.reason, ReasonCode::SessionTakenOver);
        }
    }
}
