//! R05, R08, R10, R11: what is stored for those who are away, or for those who come later.

use std::collections::BTreeSet;

use catena_conformance::{Client, Options, QOS0, QOS1, subscription};
use catena_faults::{Broker, Crowd, MIB, Probe};
use catena_mqtt::{Packet, Qos, Version};

use crate::flows::publish_many;
use crate::support::connected;

/// R05: 300 sessions instead of 10,000, and 2,000 messages of 4 KB: 8 MB if each is stored once,
/// 2.4 GB if it is stored for each session.
#[test]
fn r05_offline_sessions_share_what_is_stored() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let options = |number: usize| Options {
        client_id: format!("away{number}"),
        ..Options::lasting(Version::V5)
    };
    let mut crowd = Crowd::connect(&broker, 300, options).0;
    for client in &mut crowd {
        client.subscribe("away/#", QOS1);
    }
    crowd.into_iter().for_each(Client::disconnect);
    let before = broker.resident_bytes();
    let mut publisher = connected(&broker);
    let message = |number: usize| (format!("away/{}", number % 10), format!("{number:04000}"));
    assert_eq!(publish_many(&mut publisher, 2_000, false, message), 2_000);
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 32 * MIB, "{growth} bytes");
    probe.expect_quality();
    let mut back = broker.connect(&options(7));
    let found: BTreeSet<String> = (0..2_000).map(|_| back.take().payload).collect();
    assert_eq!(found.len(), 2_000, "all of them, once");
}

/// R08: 2 × 1,000 sessions with 20 messages each instead of 1,000,000 sessions (CVE-2025-62723).
#[test]
fn r08_sessions_expire_with_what_is_undelivered() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let round = |name: &str| {
        let options = |number: usize| Options {
            client_id: format!("{name}{number}"),
            session_expiry: Some(1),
            ..Options::lasting(Version::V5)
        };
        let mut crowd = Crowd::connect(&broker, 1_000, options).0;
        for (number, client) in crowd.iter_mut().enumerate() {
            client.send_subscribe(&[(&format!("{name}/{number}"), subscription(QOS1))], None);
        }
        for client in &mut crowd {
            assert!(matches!(client.receive().packet(), Packet::SubAck(_)));
        }
        let mut publisher = connected(&broker);
        let message = |number: usize| (format!("{name}/{}", number % 1_000), "x".repeat(1_000));
        assert_eq!(publish_many(&mut publisher, 20_000, false, message), 20_000);
        let resident = broker.resident_bytes();
        drop(crowd);
        // The publisher's own, and the probe's.
        let few = |count| count <= 2;
        broker.await_metric("aio_broker_total_sessions", "", few);
        resident
    };
    // A round stores 20 MB and as many bytes again around them. The second would keep twice that
    // if nothing came back; what does is not all, since what stays lies in between.
    let before = broker.resident_bytes();
    let taken = round("first").max(round("second")).saturating_sub(before);
    assert!(taken > 18 * MIB, "{taken} bytes are less than the payloads");
    broker.await_resident_bytes(before + taken / 2);
    let few = |count| count <= 100;
    broker.await_metric("catena_backend_queued_messages", "", few);
    probe.expect_quality();
}

/// The topics of R10 and R11.
const TOPICS: usize = 50_000;

fn topic(number: usize) -> String {
    format!("retained/{}/{}", number % 100, number)
}

/// R11, R10: 50,000 retained topics instead of 1,000,000: none is missing, for a fast and for a
/// slow reader, and after deleting all of them there is room for as many again.
#[test]
fn r11_subscribe_to_all_retained_and_r10_delete_them() {
    let broker = Broker::start(&["spec.catena.systemTopics.mode=Disabled"]);
    let mut probe = Probe::start(&broker);
    let mut publisher = connected(&broker);
    let message = |number: usize| (topic(number), number.to_string());
    assert_eq!(publish_many(&mut publisher, TOPICS, true, message), TOPICS);
    let full = broker.resident_bytes();
    let mut slow = broker.connect(&Options {
        receive_maximum: Some(50),
        ..Options::clean(Version::V5)
    });
    slow.send_subscribe(&[("#", subscription(QOS1))], None);
    for qos in [QOS0, QOS1] {
        expect_all(&mut connected(&broker), qos);
        probe.expect_quality();
    }
    let growth = broker.resident_bytes().saturating_sub(full);
    assert!(growth < 32 * MIB, "{growth} bytes for three readers");
    let mut missing: BTreeSet<String> = (0..TOPICS).map(topic).collect();
    while !missing.is_empty() {
        if let Some(message) = slow.receive().message() {
            slow.acknowledge(&message);
            missing.remove(&message.topic);
        }
    }
    slow.disconnect();
    let nothing = |number: usize| (topic(number), String::new());
    assert_eq!(publish_many(&mut publisher, TOPICS, true, nothing), TOPICS);
    let retained = "aio_broker_store_retained_messages";
    broker.await_metric(retained, "", |count| count == 0);
    // What is left are recipients of the topics, kept up to a limit: a second round adds nothing.
    assert_eq!(publish_many(&mut publisher, TOPICS, true, message), TOPICS);
    assert_eq!(publish_many(&mut publisher, TOPICS, true, nothing), TOPICS);
    let growth = broker.resident_bytes().saturating_sub(full);
    assert!(
        growth < 8 * MIB,
        "{growth} bytes more than with all of them"
    );
    probe.expect_quality();
    let mut late = connected(&broker);
    late.subscribe("retained/#", QOS1);
    late.expect_silence();
}

/// R10: 50,000 topics instead of 1,000,000, which take 30 MB: once they are deleted, the broker
/// has nothing of them, and an idle broker returns what they took, also when it had them twice.
#[test]
fn r10_memory_returns_when_retained_messages_are_deleted() {
    let broker = Broker::start(&["spec.catena.systemTopics.mode=Disabled"]);
    let mut publisher = connected(&broker);
    let before = broker.resident_bytes();
    let message = |number: usize| (topic(number), "x".repeat(400));
    let nothing = |number: usize| (topic(number), String::new());
    for _ in 0..2 {
        assert_eq!(publish_many(&mut publisher, TOPICS, true, message), TOPICS);
        let taken = broker.resident_bytes().saturating_sub(before);
        assert!(taken > 18 * MIB, "{taken} bytes are less than the payloads");
        assert_eq!(publish_many(&mut publisher, TOPICS, true, nothing), TOPICS);
        for gauge in [
            "aio_broker_store_retained_messages",
            "aio_broker_store_retained_bytes",
            "catena_backend_queued_bytes",
        ] {
            broker.await_metric(gauge, "", |left| left == 0);
        }
        broker.await_resident_bytes(before + taken * 2 / 5);
    }
}

/// Subscribes to everything and expects every retained message once.
#[track_caller]
fn expect_all(client: &mut Client, qos: Qos) {
    client.subscribe("retained/#", qos);
    let mut seen = vec![false; TOPICS];
    for _ in 0..TOPICS {
        let message = client.take();
        let number: usize = message.payload.parse().unwrap();
        assert!(message.retain && !seen[number], "{message:?}");
        seen[number] = true;
    }
    client.expect_silence();
}
