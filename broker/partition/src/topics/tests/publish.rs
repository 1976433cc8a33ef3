//! Publishing: who gets what, at which QoS, and what the publisher is told.

use catena_mqtt::{Qos, ReasonCode};

use super::harness::{Bench, message, settings};

const Q0: Qos = Qos::AtMostOnce;
const Q1: Qos = Qos::AtLeastOnce;
const Q2: Qos = Qos::ExactlyOnce;

#[test]
fn a_message_without_subscribers_is_answered_so_and_not_kept() {
    let mut bench = Bench::new(settings());
    assert_eq!(
        bench.publish(&message("a", "1", Q1)),
        ReasonCode::NoMatchingSubscribers
    );
    let stats = bench.partition.stats();
    assert_eq!((stats.messages, stats.queued, stats.bytes), (0, 0, 0));
}

/// Delivery QoS is the lower of published and granted [MQTT-3.8.4-8] [MQTT3-3.8.4-6].
#[test]
fn each_subscriber_gets_the_lower_of_published_and_granted_qos() {
    let mut bench = Bench::new(settings());
    for (number, qos) in [(1, Q0), (2, Q1), (3, Q2)] {
        bench.subscribe(number, "a/+", qos, false);
    }
    for qos in [Q0, Q1, Q2] {
        assert_eq!(
            bench.publish(&message("a/b", "x", qos)),
            ReasonCode::Success
        );
    }
    let mut lines = bench.take();
    lines.sort();
    assert_eq!(
        lines,
        [
            "1 a/b=x@0",
            "1 a/b=x@0",
            "1 a/b=x@0",
            "2 a/b=x@0",
            "2 a/b=x@1#0",
            "2 a/b=x@1#1",
            "3 a/b=x@0",
            "3 a/b=x@1#0",
            "3 a/b=x@2#1",
        ]
    );
}

#[test]
fn a_body_is_stored_once_for_all_and_freed_with_the_last_acknowledgement() {
    let mut bench = Bench::new(settings());
    for number in 1..=3 {
        bench.subscribe(number, "a", Q1, false);
    }
    bench.publish(&message("a", "x", Q1));
    assert_eq!(
        (
            bench.partition.stats().messages,
            bench.partition.stats().queued
        ),
        (1, 3)
    );
    bench.take();
    for number in 1..=3 {
        assert_eq!(bench.partition.stats().messages, 1);
        bench.ack(number, 1, 0, 1, crate::Phase::Complete);
    }
    let stats = bench.partition.stats();
    assert_eq!((stats.messages, stats.queued, stats.bytes), (0, 0, 0));
}

#[test]
fn a_new_subscription_is_heard_by_a_topic_with_cached_recipients() {
    let mut bench = Bench::new(settings());
    bench.subscribe(1, "a/b", Q1, false);
    bench.publish(&message("a/b", "1", Q1));
    bench.subscribe(2, "a/b", Q1, false);
    bench.publish(&message("a/b", "2", Q1));
    bench.subscribe(3, "a/#", Q1, false);
    bench.publish(&message("a/b", "3", Q1));
    bench.unsubscribe(1, "a/b");
    bench.publish(&message("a/b", "4", Q1));
    let mut lines = bench.take();
    lines.sort();
    assert_eq!(
        lines,
        [
            "1 a/b=1@1#0",
            "1 a/b=2@1#1",
            "1 a/b=3@1#2",
            "2 a/b=2@1#0",
            "2 a/b=3@1#1",
            "2 a/b=4@1#2",
            "3 a/b=3@1#0",
            "3 a/b=4@1#1",
        ]
    );
}

#[test]
fn above_the_memory_mark_publishes_are_refused_and_qos_0_is_dropped() {
    let mut settings = settings();
    settings.memory_bytes_max = 150;
    let mut bench = Bench::new(settings);
    bench.subscribe(1, "a", Q1, false);
    assert_eq!(
        bench.publish(&message("a", &"x".repeat(100), Q1)),
        ReasonCode::Success
    );
    assert_eq!(
        bench.publish(&message("a", "y", Q1)),
        ReasonCode::QuotaExceeded
    );
    bench.publish(&message("a", "z", Q0));
    let stats = bench.partition.stats();
    assert_eq!((stats.refused_memory, stats.dropped_memory), (1, 1));
    bench.take();
    bench.ack(1, 1, 0, 1, crate::Phase::Complete);
    assert_eq!(bench.publish(&message("a", "y", Q1)), ReasonCode::Success);
}

#[test]
fn topics_kept_only_for_their_recipients_can_be_forgotten() {
    let mut settings = settings();
    settings.cached_topics_max = 2;
    let mut bench = Bench::new(settings);
    for topic in ["a", "b", "c"] {
        bench.publish(&message(topic, "1", Q1));
    }
    let forgotten = bench.partition.forgettable().unwrap();
    bench.apply(crate::What::Forget { topic: &forgotten });
    assert_eq!(bench.partition.stats().topics, 2);
    assert_eq!(bench.partition.forgettable(), None);
}

#[test]
fn topics_kept_only_for_their_recipients_are_limited_in_bytes() {
    let mut settings = settings();
    settings.memory_bytes_max = 8 * 10_000;
    let mut bench = Bench::new(settings);
    for digit in 0..20 {
        let topic = format!("{digit}{}", "x".repeat(2_000));
        bench.publish(&message(&topic, "1", Q1));
        while let Some(forgotten) = bench.partition.forgettable() {
            bench.apply(crate::What::Forget { topic: &forgotten });
        }
    }
    assert_eq!(bench.partition.stats().topics, 4);
}
