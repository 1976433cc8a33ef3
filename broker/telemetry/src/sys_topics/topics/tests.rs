//! Each number appears under its topic, and only what changed is told again.

use std::collections::BTreeMap;
use std::time::Duration;

use catena_types::Moment;

use super::{Snapshot, SysTopics};
use crate::metrics::Totals;

#[test]
fn every_number_has_its_topic() {
    let mut topics = SysTopics::new(Moment::ZERO);
    let told = tell(&mut topics, 0, &snapshot());
    let numbers: Vec<_> = told
        .iter()
        .filter(|(topic, _)| !topic.starts_with("load/"))
        .map(|(topic, payload)| format!("{topic} {payload}"))
        .collect();
    let expected = [
        "bytes/received 103",
        "bytes/sent 104",
        "clients/connected 3",
        "clients/disconnected 2",
        "clients/expired 7",
        "clients/maximum 3",
        "clients/total 5",
        "heap/current 4096",
        "heap/maximum 4096",
        "messages/received 101",
        "messages/sent 102",
        "messages/stored 8",
        "publish/bytes/received 107",
        "publish/bytes/sent 108",
        "publish/messages/dropped 109",
        "publish/messages/received 105",
        "publish/messages/sent 106",
        "retained messages/count 10",
        "shared_subscriptions/count 12",
        "store/messages/bytes 9",
        "store/messages/count 8",
        "subscriptions/count 11",
        "uptime 75 seconds",
        "version catena version 0.1.0",
    ];
    assert_eq!(numbers, expected);
}

#[test]
fn every_load_has_three_topics() {
    let mut topics = SysTopics::new(Moment::ZERO);
    let told = tell(&mut topics, 60, &snapshot());
    let loads = told.iter().filter(|(topic, _)| topic.starts_with("load/"));
    assert_eq!(loads.count(), 27);
    let one_minute = |name: &str| told[&format!("load/{name}/1min")].as_str();
    // 1 - 1/e of what came in the first minute.
    assert_eq!(one_minute("messages/received"), "63.84");
    assert_eq!(one_minute("messages/sent"), "64.48");
    assert_eq!(one_minute("bytes/received"), "65.11");
    assert_eq!(one_minute("bytes/sent"), "65.74");
    assert_eq!(one_minute("publish/received"), "66.37");
    assert_eq!(one_minute("publish/sent"), "67.00");
    assert_eq!(one_minute("publish/dropped"), "68.90");
    assert_eq!(one_minute("sockets"), "126.42");
    assert_eq!(one_minute("connections"), "69.53");
    assert_eq!(told["load/connections/5min"], "19.94");
    assert_eq!(told["load/connections/15min"], "7.09");
}

#[test]
fn only_what_changed_is_told_again() {
    let mut topics = SysTopics::new(Moment::ZERO);
    tell(&mut topics, 0, &snapshot());
    assert!(tell(&mut topics, 0, &snapshot()).is_empty());
    let mut later = snapshot();
    later.clients_connected = 1;
    later.heap_bytes = Some(1000);
    let told = tell(&mut topics, 0, &later);
    let told: Vec<_> = told
        .iter()
        .map(|(topic, payload)| format!("{topic} {payload}"))
        .collect();
    assert_eq!(
        told,
        [
            "clients/connected 1",
            "clients/disconnected 4",
            "heap/current 1000"
        ]
    );
}

fn tell(topics: &mut SysTopics, seconds: u64, snapshot: &Snapshot) -> BTreeMap<String, String> {
    let now = Moment::ZERO.plus_seconds(seconds);
    let messages = topics.handle_snapshot(now, snapshot).into_iter();
    let short = |topic: &str| topic.strip_prefix("$SYS/broker/").unwrap().to_owned();
    messages
        .map(|message| (short(&message.topic), message.payload))
        .collect()
}

fn snapshot() -> Snapshot {
    let totals = Totals {
        packets_received: 101,
        packets_sent: 102,
        bytes_received: 103,
        bytes_sent: 104,
        publishes_received: 105,
        publishes_sent: 106,
        payload_bytes_received: 107,
        payload_bytes_sent: 108,
        messages_dropped: 109,
        connects_received: 110,
    };
    Snapshot {
        version: "0.1.0".to_owned(),
        uptime: Duration::from_millis(75_900),
        totals,
        sockets_opened: 200,
        clients_connected: 3,
        clients_total: 5,
        clients_expired: 7,
        stored_messages: 8,
        stored_bytes: 9,
        retained_messages: 10,
        subscriptions: 11,
        shared_subscriptions: 12,
        heap_bytes: Some(4096),
    }
}
