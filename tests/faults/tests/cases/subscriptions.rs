//! P08, P09, P14, P19: filters in great number, of great depth, and of the wrong form.

use catena_conformance::{Client, QOS0, QOS1, post, raw, subscription};
use catena_faults::{Broker, MIB, Probe, now};
use catena_mqtt::{Packet, ReasonCode, SubscriptionOptions};

use crate::support::{Numbers, connected, ending, expect_ending, is_refusal};

/// The sum over all partitions.
const SUBSCRIPTIONS: &str = "aio_broker_total_subscriptions";

/// Subscribes to all of them in one packet and returns how many were granted.
#[track_caller]
fn granted(client: &mut Client, filters: &[String]) -> usize {
    let options = subscription(QOS1);
    let filters: Vec<_> = filters.iter().map(|filter| (&**filter, options)).collect();
    let codes = client.subscribe_all(&filters, None);
    assert_eq!(codes.len(), filters.len(), "a code for each filter");
    codes.iter().filter(|code| !code.is_error()).count()
}

fn filters(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("storm/{number}/+")).collect()
}

/// P08: up to the limit of a session, again the same, and beyond.
#[test]
fn p08_storms_of_subscribe() {
    let broker = Broker::start(&["spec.catena.limits.subscriptionsPerSession=10000"]);
    let mut probe = Probe::start(&broker);
    let mut client = connected(&broker);
    let before = broker.metric(SUBSCRIPTIONS, "");
    for start in (0..10_000).step_by(1_000) {
        assert_eq!(granted(&mut client, &filters(start..start + 1_000)), 1_000);
    }
    let resident = broker.resident_bytes();
    for start in (0..10_000).step_by(1_000) {
        assert_eq!(granted(&mut client, &filters(start..start + 1_000)), 1_000);
    }
    let growth = broker.resident_bytes().saturating_sub(resident);
    assert!(growth < 4 * MIB, "{growth} bytes for what was there");
    assert_eq!(broker.metric(SUBSCRIPTIONS, ""), before + 10_000);
    assert_eq!(
        granted(&mut client, &filters(10_000..10_100)),
        0,
        "beyond the limit"
    );
    assert_eq!(broker.metric(SUBSCRIPTIONS, ""), before + 10_000);
    client.publish("storm/9999/x", "for one of them", QOS1);
    client.expect_message("storm/9999/x", "for one of them", QOS1);
    probe.expect_quality();
    client.disconnect();
    broker.await_metric(SUBSCRIPTIONS, "", |count| count == before);
}

/// P08: 10,000 filters in one packet, as many as may be, again and again: in the same time, and no
/// subscription more.
#[test]
fn p08_ten_thousand_filters_in_one_packet() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut client = connected(&broker);
    let all = filters(0..10_000);
    let mut times = Vec::new();
    for _ in 0..6 {
        let start = now();
        assert_eq!(granted(&mut client, &all), 10_000);
        times.push(now() - start);
    }
    let (first, last) = (times[0], times[5]);
    assert!(last < first * 5, "{times:?}");
    assert_eq!(broker.metric(SUBSCRIPTIONS, ""), 1 + 10_000);
    client.publish("storm/9999/x", "for one of them", QOS1);
    client.expect_message("storm/9999/x", "for one of them", QOS1);
    client.disconnect();
    broker.await_metric(SUBSCRIPTIONS, "", |count| count == 1);
    probe.expect_quality();
}

/// P08: more filters in one packet than may be: each has its answer, up to what no client needs.
#[test]
fn p08_too_many_filters_in_one_packet() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut client = connected(&broker);
    for _ in 0..10 {
        assert_eq!(granted(&mut client, &filters(0..10_001)), 0);
    }
    let all = filters(0..65_536);
    let options = subscription(QOS1);
    let all: Vec<_> = all.iter().map(|filter| (&**filter, options)).collect();
    client.send_subscribe(&all, None);
    let reason = ending(&mut client);
    assert!(reason.is_none_or(|reason| reason.is_error()), "{reason:?}");
    probe.expect_quality();
    assert_eq!(broker.metric(SUBSCRIPTIONS, ""), 1, "the probe's own");
}

/// P09: filters that would make a walk of all branches exponential, 300 of depth 100.
#[test]
fn p09_wildcards_of_great_depth() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut client = connected(&broker);
    let mut numbers = Numbers(9);
    let mut level = |of: [&'static str; 3]| of[numbers.below(3)];
    for _ in 0..300 {
        let filter: Vec<_> = (0..100).map(|_| level(["+", "+", "a"])).collect();
        assert_eq!(granted(&mut client, &[filter.join("/")]), 1);
    }
    assert_eq!(granted(&mut client, &[vec!["+"; 100].join("/")]), 1);
    let topics: Vec<String> = (0..50)
        .map(|_| (0..100).map(|_| level(["a", "a", "b"])).collect::<Vec<_>>())
        .map(|levels| levels.join("/"))
        .collect();
    for topic in &topics {
        let id = client.send_publish(topic, "deep", QOS1);
        let found = client.receive_meant(|packet| matches!(packet, Packet::Publish(_)));
        let found = found.message().unwrap();
        assert_eq!(&found.topic, topic);
        client.acknowledge(&found);
        assert_eq!(client.expect_puback(id), ReasonCode::Success);
    }
    client.expect_silence();
    probe.expect_quality();
}

/// P09: the depth is limited, for filters and for topics; 1,000 overlaps are one message.
#[test]
fn p09_depth_is_limited_and_overlaps_are_one() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let levels = |count: usize| vec!["+"; count].join("/");
    let mut client = connected(&broker);
    assert_eq!(granted(&mut client, &[levels(128)]), 1);
    for filter in [levels(129), "/".repeat(65_535)] {
        let mut client = connected(&broker);
        client.send_subscribe(&[(&filter, subscription(QOS0))], None);
        let answer = client.receive_or_end();
        assert!(is_refusal(answer.as_ref()), "{answer:?}");
    }
    let mut deep = connected(&broker);
    deep.send_publish(&vec!["a"; 129].join("/"), "too deep", QOS1);
    let answer = deep.receive_or_end();
    assert!(is_refusal(answer.as_ref()), "{answer:?}");
    let topic: String = vec!["a"; 100].join("/");
    let cut = |count: usize| format!("{}/#", vec!["a"; count].join("/"));
    for start in (1..100).step_by(33) {
        let overlaps: Vec<String> = (start..start + 33).map(cut).collect();
        assert_eq!(granted(&mut client, &overlaps), 33);
    }
    for number in 0..900 {
        let mut levels = vec!["a"; 100];
        levels[number % 99] = "+";
        levels.truncate(99 - number / 99);
        let _ = granted(&mut client, &[format!("{}/#", levels.join("/"))]);
    }
    let id = client.send_publish(&topic, "once", QOS1);
    client.expect_puback(id);
    client.expect_message(&topic, "once", QOS1);
    client.expect_silence();
    probe.expect_quality();
}

/// P14: nothing of it is stored, and a publish afterwards harms nobody (CVE-2025-68699).
#[test]
fn p14_shared_filters_of_the_wrong_form() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let wrong = [
        "$share/ab",
        "$share//t",
        "$share/g+/t",
        "$share/g#/t",
        "$share/g/",
        "$share/",
    ];
    let no_local = SubscriptionOptions {
        no_local: true,
        ..subscription(QOS1)
    };
    let options = wrong.iter().map(|&filter| (filter, subscription(QOS1)));
    for (filter, options) in options.chain([("$share/g/t", no_local)]) {
        let mut client = connected(&broker);
        client.send_subscribe(&[(filter, options)], None);
        let answer = client.receive_or_end();
        assert!(is_refusal(answer.as_ref()), "{filter}: {answer:?}");
        assert_eq!(broker.metric(SUBSCRIPTIONS, ""), 1, "{filter} is stored");
        for topic in ["ab", "t", "/t", "g/t", ""] {
            let mut publisher = connected(&broker);
            publisher.send(&Packet::Publish(post(topic, "x", QOS0, None)));
        }
        probe.exchange();
    }
}

/// P19
#[test]
fn p19_subscription_identifiers() {
    let broker = Broker::start(&[]);
    let filter = [raw::string("a"), vec![0]].concat();
    for identifier in [
        &[0x0B, 0][..],
        &[0x0B, 0x80, 0x80, 0x80, 0x80, 1],
        &[0x0B, 1, 0x0B, 2],
    ] {
        let mut client = connected(&broker);
        let section = raw::section(&[identifier]);
        client.send_bytes(&raw::packet(0x82, &[&[0, 1], &section, &filter]));
        let wrong = [ReasonCode::ProtocolError, ReasonCode::MalformedPacket];
        expect_ending(&mut client, &wrong, "SUBSCRIBE");
    }
    let mut client = connected(&broker);
    client.send_bytes(&raw::packet(
        0x30,
        &[&raw::string("a"), &raw::section(&[&[0x0B, 1]]), b"x"],
    ));
    expect_ending(&mut client, &[ReasonCode::ProtocolError], "PUBLISH");
    // Each of 100 overlapping subscriptions tells its own, up to the largest.
    let mut client = connected(&broker);
    let mut expected = Vec::new();
    for number in 0..100_u32 {
        let identifier = 268_435_455 - number;
        let filter = format!("{}#", "many/".repeat(number as usize + 1));
        client.subscribe_as(&filter, subscription(QOS1), Some(identifier));
        expected.push(identifier);
    }
    expected.sort_unstable();
    client.send_publish(&"many/".repeat(101), "x", QOS1);
    let mut found = Vec::new();
    while found.len() < expected.len() {
        let message = client.receive_meant(|packet| matches!(packet, Packet::Publish(_)));
        let message = message.message().unwrap();
        client.acknowledge(&message);
        assert!(!message.subscription_ids.is_empty());
        found.extend(message.subscription_ids);
    }
    found.sort_unstable();
    assert_eq!(found, expected);
}
