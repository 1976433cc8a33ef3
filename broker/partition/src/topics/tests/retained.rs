//! Retained messages and their replay.

use catena_mqtt::Qos;
use proptest::prelude::*;

use super::harness::{Bench, message, settings};
use crate::{Phase, Publish};

const Q1: Qos = Qos::AtLeastOnce;

fn retained<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish {
        retain: true,
        ..message(topic, payload, Q1)
    }
}

/// [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] [MQTT-3.3.1-9]
/// [MQTT3-3.3.1-5] [MQTT3-3.3.1-6] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11] [MQTT3-3.3.1-12]
#[test]
fn the_last_retained_message_is_replayed_until_an_empty_one_removes_it() {
    let mut bench = Bench::new(settings());
    bench.publish(&retained("a", "old"));
    bench.publish(&retained("a", "new"));
    bench.publish(&message("a", "live", Q1));
    bench.subscribe(1, "a", Q1, true);
    assert_eq!(bench.take(), ["1 a=new@1#0 retain"]);
    bench.publish(&retained("a", ""));
    assert_eq!(bench.take(), ["1 a=@1#1"]);
    bench.subscribe(2, "+", Q1, true);
    assert_eq!(bench.take(), Vec::<String>::new());
    assert_eq!(bench.partition.stats().retained, 0);
}

/// [MQTT-3.3.1-11]: Retain Handling 2 is a subscription without replay.
#[test]
fn without_replay_nothing_retained_is_sent() {
    let mut bench = Bench::new(settings());
    bench.publish(&retained("a", "x"));
    bench.subscribe(1, "a", Q1, false);
    assert_eq!(bench.take(), Vec::<String>::new());
}

#[test]
fn a_replay_runs_no_further_ahead_than_it_is_acknowledged() {
    let mut bench = Bench::new(settings());
    for number in 0..2_000 {
        bench.publish(&retained(&format!("r/{number:04}"), "x"));
    }
    bench.subscribe(1, "#", Q1, true);
    let mut seen = Vec::new();
    let mut position = 0;
    loop {
        let lines = bench.take();
        assert!(lines.len() <= 512 && bench.partition.stats().queued <= 512);
        if lines.is_empty() {
            break;
        }
        bench.ack(1, 1, position, lines.len() as u32, Phase::Complete);
        position += lines.len() as u64;
        seen.extend(lines);
    }
    assert_eq!(seen.len(), 2_000);
    assert!(seen.is_sorted_by_key(|line| line.split('=').next().map(str::to_owned)));
}

/// Each retained message and each later publish once, and no old value after a newer one.
#[test]
fn a_live_message_first_draws_the_retained_one_of_its_topic() {
    let mut bench = Bench::new(settings());
    for number in 0..1_000 {
        bench.publish(&retained(&format!("r/{number:04}"), "old"));
    }
    bench.subscribe(1, "r/#", Q1, true);
    bench.publish(&retained("r/0999", "new"));
    bench.publish(&retained("r/0000", "new"));
    bench.publish(&retained("r/1500", "new"));
    let mut of_last = Vec::new();
    let mut position = 0;
    loop {
        let lines = bench.take();
        if lines.is_empty() {
            break;
        }
        bench.ack(1, 1, position, lines.len() as u32, Phase::Complete);
        position += lines.len() as u64;
        let payload = |line: &str| line.split_once('=').unwrap().1[..3].to_owned();
        of_last.extend(
            lines
                .iter()
                .filter(|l| l.contains("r/0999"))
                .map(|l| payload(l)),
        );
        let fresh = lines.iter().filter(|l| l.contains("r/1500")).count();
        assert!(fresh <= 1);
    }
    assert_eq!(
        (of_last, position),
        (vec!["old".to_owned(), "new".to_owned()], 1_003)
    );
}

/// [MQTT-3.3.2-5]
#[test]
fn an_expired_retained_message_is_not_replayed_and_goes_with_the_next_tick() {
    let mut bench = Bench::new(settings());
    bench.publish(&Publish {
        expiry_seconds: Some(10),
        ..retained("a", "x")
    });
    assert_eq!(
        bench.partition.next_deadline(),
        Some(bench.now.plus_seconds(10))
    );
    bench.now = bench.now.plus_seconds(10);
    bench.subscribe(1, "a", Q1, true);
    assert_eq!(bench.take(), Vec::<String>::new());
    bench.apply(crate::What::Tick {
        wall: catena_hlc::Millis::default(),
    });
    assert_eq!(
        (
            bench.partition.stats().retained,
            bench.partition.stats().bytes
        ),
        (0, 0)
    );
}

#[test]
fn too_many_retained_topics_are_refused_but_known_ones_change() {
    let mut settings = settings();
    settings.retained_messages_max = 1;
    let mut bench = Bench::new(settings);
    bench.publish(&retained("a", "1"));
    let refused = bench.publish(&retained("b", "1"));
    assert_eq!(refused, catena_mqtt::ReasonCode::QuotaExceeded);
    bench.publish(&retained("a", "2"));
    assert_eq!(bench.partition.stats().retained, 1);
    assert_eq!(bench.partition.stats().refused_retained, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The jumps of the search lose nothing: what is replayed is what a naive match finds.
    #[test]
    fn a_replay_finds_exactly_the_matching_topics(
        topics in proptest::collection::btree_set("(a|b|a-|a0|\\$s)?(/(a|b|ab|a-|0|)){0,3}", 0..40),
        filter in "((a|b|\\+|a-|\\$s)(/(a|b|\\+|ab|)){0,3}(/#)?|#)",
    ) {
        let mut bench = Bench::new(settings());
        let topics: Vec<&String> = topics.iter().filter(|topic| !topic.is_empty()).collect();
        for topic in &topics {
            bench.publish(&retained(topic, "x"));
        }
        bench.subscribe(1, &filter, Q1, true);
        let expected: Vec<String> = topics
            .iter()
            .filter(|topic| catena_mqtt::topic::matches(&filter, topic))
            .enumerate()
            .map(|(at, topic)| format!("1 {topic}=x@1#{at} retain"))
            .collect();
        prop_assert_eq!(bench.take(), expected);
    }
}
