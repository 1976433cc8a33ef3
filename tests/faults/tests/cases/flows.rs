//! R04, R06, R07, R16, R22: clients that send too much, read too little, or never finish.

use catena_conformance::{Client, Options, QOS0, QOS1, QOS2, post, unique};
use catena_faults::{Broker, Crowd, MIB, Probe};
use catena_mqtt::{Packet, PacketId, Publish, ReasonCode, Version};

use crate::support::connected;

/// Publishes `count` messages, at most 500 of them unacknowledged; returns how many were accepted.
#[track_caller]
pub(crate) fn publish_many(
    client: &mut Client,
    count: usize,
    retain: bool,
    message: impl Fn(usize) -> (String, String),
) -> usize {
    const WINDOW: usize = 500;
    let mut accepted = 0;
    for start in (0..count).step_by(WINDOW) {
        let range = start..count.min(start + WINDOW);
        let ids = range
            .clone()
            .zip(1_u16..)
            .map(|(_, id)| PacketId::new(id).unwrap());
        let mut bytes = Vec::new();
        for (number, id) in range.zip(ids.clone()) {
            let (topic, payload) = message(number);
            let publish = post(&topic, &payload, QOS1, Some(id));
            let publish = Packet::Publish(Publish { retain, ..publish });
            publish.encode(Version::V5, &mut bytes).unwrap();
        }
        client.send_bytes(&bytes);
        for id in ids {
            accepted += usize::from(!client.expect_puback(id).is_error());
        }
    }
    accepted
}

/// With a small Receive Maximum: the system's socket buffers could hold all that a test sends.
fn few_at_once() -> Options {
    Options {
        receive_maximum: Some(100),
        ..Options::clean(Version::V5)
    }
}

/// R04: 80 MB at QoS 0, of which a reader that stands still costs little; drops are counted.
#[test]
fn r04_slow_reader_at_qos0() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let topic = unique("hot");
    let mut slow = connected(&broker);
    slow.subscribe(&topic, QOS0);
    let mut publisher = connected(&broker);
    let before = broker.resident_bytes();
    let payload = "x".repeat(4_000);
    let message = |_| (topic.clone(), payload.clone());
    assert_eq!(publish_many(&mut publisher, 20_000, false, message), 20_000);
    probe.expect_quality();
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 32 * MIB, "{growth} bytes");
    let dropped = "catena_messages_dropped_total";
    let is_counted = |count| count > 1_000;
    broker.await_metric(dropped, "receiver_buffer_full", is_counted);
    drop(slow);
}

/// R04: at QoS 1 and 2 the queue grows up to its limit, drops the oldest, and the rest is in order.
#[test]
fn r04_slow_reader_at_qos_1_and_2() {
    let limit = "spec.advanced.clients.subscriberQueueLimit";
    let broker = Broker::start(&[
        &format!("{limit}.length=1000"),
        &format!("{limit}.strategy=DropOldest"),
    ]);
    let mut probe = Probe::start(&broker);
    for qos in [QOS1, QOS2] {
        let topic = unique("hot");
        let mut slow = broker.connect(&few_at_once());
        slow.subscribe(&topic, qos);
        let mut publisher = connected(&broker);
        let before = broker.resident_bytes();
        let message = |number| (topic.clone(), format!("{number:04000}"));
        assert_eq!(publish_many(&mut publisher, 30_000, false, message), 30_000);
        probe.expect_quality();
        let growth = broker.resident_bytes().saturating_sub(before);
        assert!(growth < 64 * MIB, "{growth} bytes of 120 MB");
        // What is left comes in order, the newest included.
        let mut last = None;
        while last != Some(29_999) {
            let number: usize = slow.take().payload.parse().unwrap();
            assert!(last < Some(number), "{number} after {last:?}");
            last = Some(number);
        }
    }
    let dropped = "catena_messages_dropped_total";
    broker.await_metric(dropped, "queue_full_drop_oldest", |count| count > 0);
}

/// R04: without a limit of the queue the pool is the limit: publishers are told, others served.
#[test]
fn r04_queue_without_limit_fills_the_pool() {
    let broker = Broker::start(&["spec.catena.limits.memoryPoolBytes=16777216"]);
    let mut probe = Probe::start(&broker);
    let topic = unique("hot");
    let mut slow = broker.connect(&few_at_once());
    slow.subscribe(&topic, QOS1);
    let mut publisher = connected(&broker);
    let before = broker.resident_bytes();
    let message = |number| (topic.clone(), format!("{number:04000}"));
    let accepted = publish_many(&mut publisher, 6_000, false, message);
    assert!((100..5_999).contains(&accepted), "{accepted} accepted");
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 32 * MIB, "{growth} bytes");
    // What was accepted is delivered.
    for _ in 0..accepted {
        slow.take();
    }
    slow.expect_silence();
    probe.expect_quality();
    assert_eq!(publish_many(&mut publisher, 10, false, message), 10);
}

/// R04: while the pool is above its mark, who comes anew is told so, who has a session comes back,
/// and afterwards all are served again. MQTT 3.1.1 has 0x03 for it [MQTT-3.2.2-6].
#[test]
fn r04_new_sessions_are_refused_while_the_pool_is_full() {
    let broker = Broker::start(&[
        "spec.catena.limits.memoryPoolBytes=16777216",
        "spec.catena.partitions=1",
    ]);
    let topic = unique("hot");
    let lasting = Options::lasting(Version::V5);
    let mut away = broker.connect(&lasting);
    away.subscribe(&topic, QOS1);
    away.cut_and_wait();
    let mut publisher = connected(&broker);
    let message = |number| (topic.clone(), format!("{number:04000}"));
    let accepted = publish_many(&mut publisher, 6_000, false, message);
    assert!((100..5_999).contains(&accepted), "{accepted} accepted");
    for (version, expected) in [
        (Version::V5, ReasonCode::QuotaExceeded),
        (Version::V311, ReasonCode::ServerUnavailable),
    ] {
        let mut stranger = broker.open(version);
        stranger.send_bytes(&Options::clean(version).bytes());
        let answer = stranger.receive_or_end().unwrap();
        let Packet::ConnAck(connack) = answer.packet() else {
            panic!("{answer:?}");
        };
        assert_eq!(connack.reason, expected);
        stranger.expect_end();
    }
    let refused = 6_000 - accepted as u64 + 2;
    broker.await_metric("catena_limit_hits_total", "memory_pool", |hits| {
        hits == refused
    });
    let mut back = broker.connect(&lasting);
    assert!(back.session_present());
    for _ in 0..accepted {
        back.take();
    }
    connected(&broker).disconnect();
}

/// R06: publishes as fast as the broker reads them, to nobody and to somebody.
#[test]
fn r06_flood_from_one_client() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let topic = unique("flood");
    let mut subscriber = connected(&broker);
    subscriber.subscribe(&topic, QOS1);
    let mut flood = Vec::new();
    let publish = Packet::Publish(post(&topic, "flood", QOS0, None));
    for _ in 0..1_000 {
        publish.encode(Version::V5, &mut flood).unwrap();
    }
    let mut publisher = connected(&broker);
    let before = broker.resident_bytes();
    for _ in 0..50 {
        publisher.send_bytes(&flood);
        probe.exchange();
    }
    probe.expect_quality();
    publisher.expect_silence();
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 16 * MIB, "{growth} bytes");
    // Above Receive Maximum it is over.
    let broker = Broker::start(&["spec.catena.limits.receiveMaximum=10"]);
    let mut publisher = connected(&broker);
    for _ in 0..11 {
        publisher.send_publish("a", "x", QOS2);
    }
    while let Some(received) = publisher.receive_or_end() {
        if let Packet::Disconnect(disconnect) = received.packet() {
            assert_eq!(disconnect.reason, ReasonCode::ReceiveMaximumExceeded);
            return;
        }
    }
    panic!("Receive Maximum does not hold");
}

/// R07: 20,000 identifiers of one client and 1,000 of 20 more, instead of all of 1,000 clients
/// (CVE-2023-28366), again and again: a round takes 4 MB that the next one has to find free.
#[test]
fn r07_qos2_never_released() {
    let broker = Broker::start(&["spec.catena.systemTopics.mode=Disabled"]);
    let mut probe = Probe::start(&broker);
    let mut round = || {
        let mut clients = vec![flood_of_qos2(&broker, 20_000)];
        clients.extend((0..20).map(|_| flood_of_qos2(&broker, 1_000)));
        probe.expect_quality();
        // The same identifiers again are no new messages.
        let id = PacketId::new(7).unwrap();
        clients[0].send(&Packet::Publish(post("half", "done", QOS2, Some(id))));
        clients[0].expect_pubrec(id);
        let resident = broker.resident_bytes();
        clients.into_iter().for_each(Client::disconnect);
        // They are of their session, and none is left but the probe's.
        broker.await_metric("aio_broker_total_sessions", "", |count| count == 1);
        broker.await_metric("catena_backend_queued_bytes", "", |bytes| bytes == 0);
        probe.expect_quality();
        resident
    };
    // The first round shows the allocator what there is to come.
    let first = round();
    let growth = (0..4).map(|_| round()).max().unwrap();
    let growth = growth.saturating_sub(first);
    assert!(growth < 10 * MIB, "{growth} bytes by four more rounds");
}

/// A client with so many QoS 2 publishes that it does not release.
#[track_caller]
fn flood_of_qos2(broker: &Broker, count: u16) -> Client {
    let mut client = connected(broker);
    for start in (1..=count).step_by(500) {
        let ids = start..=count.min(start.saturating_add(499));
        let ids = ids.map(|id| PacketId::new(id).unwrap());
        let mut bytes = Vec::new();
        for id in ids.clone() {
            let publish = Packet::Publish(post("half", "done", QOS2, Some(id)));
            publish.encode(Version::V5, &mut bytes).unwrap();
        }
        client.send_bytes(&bytes);
        for id in ids {
            assert!(!client.expect_pubrec(id).is_error());
        }
    }
    client
}

/// R16: 10 of 20 members frozen instead of 500 of 1,000.
#[test]
fn r16_share_group_with_frozen_members() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let topic = unique("work");
    let filter = format!("$share/group/{topic}");
    let few = |_| Options {
        receive_maximum: Some(5),
        ..Options::clean(Version::V5)
    };
    let mut members = Crowd::connect(&broker, 20, few).0;
    for member in &mut members {
        member.subscribe(&filter, QOS1);
    }
    let frozen = members.split_off(10);
    let mut publisher = connected(&broker);
    let message = |number: usize| (topic.clone(), number.to_string());
    assert_eq!(publish_many(&mut publisher, 2_000, false, message), 2_000);
    // The frozen ones hold what their windows hold, 50; the others get all the rest.
    let mut left = 2_000 - 10 * 5;
    while left > 0 {
        for member in &mut members {
            member.send(&Packet::PingReq);
            while let Some(message) = member.receive().message() {
                member.acknowledge(&message);
                left -= 1;
            }
        }
    }
    probe.expect_quality();
    // When they die, what they held goes to the living.
    for member in frozen {
        member.cut_and_wait();
    }
    let mut rest = 50;
    while rest > 0 {
        for member in &mut members {
            member.send(&Packet::PingReq);
            while let Some(message) = member.receive().message() {
                member.acknowledge(&message);
                rest -= 1;
            }
        }
    }
}

/// R22: 50,000 queued messages instead of 1,000,000.
#[test]
fn r22_return_to_a_long_queue() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let topic = unique("queue");
    let options = Options {
        receive_maximum: Some(20),
        ..Options::lasting(Version::V5)
    };
    let mut weak = broker.connect(&options);
    weak.subscribe(&topic, QOS1);
    weak.cut_and_wait();
    let mut publisher = connected(&broker);
    let message = |number: usize| (topic.clone(), number.to_string());
    assert_eq!(publish_many(&mut publisher, 50_000, false, message), 50_000);
    let mut weak = broker.connect(&options);
    assert!(weak.session_present());
    let mut unacknowledged = Vec::new();
    for number in 0..50_000 {
        let message = weak.expect_publish();
        assert_eq!(message.payload, number.to_string(), "the order");
        unacknowledged.push(message);
        if unacknowledged.len() == 20 {
            if number % 5_000 == 19 {
                // Not one more than Receive Maximum.
                weak.expect_silence();
                probe.expect_quality();
            }
            for message in unacknowledged.drain(..) {
                weak.acknowledge(&message);
            }
        }
    }
    weak.expect_silence();
}
