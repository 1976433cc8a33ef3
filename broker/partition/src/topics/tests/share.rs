//! Share groups.

use catena_mqtt::Qos;

use super::harness::{Bench, message, session, settings};
use crate::{Phase, ShareStrategy};

const Q1: Qos = Qos::AtLeastOnce;
const Q2: Qos = Qos::ExactlyOnce;

fn bench(strategy: ShareStrategy, members: u32, qos: Qos) -> Bench {
    let mut settings = settings();
    settings.share_strategy = strategy;
    let mut bench = Bench::new(settings);
    for number in 1..=members {
        bench.subscribe(number, "$share/g/a", qos, false);
    }
    bench
}

fn publish(bench: &mut Bench, count: u32, qos: Qos) {
    for number in 0..count {
        bench.publish(&message("a", &number.to_string(), qos));
    }
}

/// [MQTT-4.8.2-3]
#[test]
fn each_message_goes_to_one_member_in_turn() {
    let mut bench = bench(ShareStrategy::RoundRobin, 2, Q1);
    publish(&mut bench, 4, Q1);
    let mut lines = bench.take();
    lines.sort();
    assert_eq!(lines, ["1 a=0@1#0", "1 a=2@1#1", "2 a=1@1#0", "2 a=3@1#1"]);
}

#[test]
fn members_without_credit_are_passed_over_and_the_rest_waits() {
    let mut bench = bench(ShareStrategy::RoundRobin, 2, Q1);
    publish(&mut bench, 6, Q1);
    assert_eq!(bench.take().len(), 4);
    bench.ack(1, 1, 0, 1, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=4@1#2"]);
    bench.ack(2, 1, 0, 2, Phase::Complete);
    assert_eq!(bench.take(), ["2 a=5@1#2"]);
}

#[test]
fn what_a_leaving_member_has_not_acknowledged_goes_to_another() {
    let mut bench = bench(ShareStrategy::RoundRobin, 2, Q1);
    publish(&mut bench, 2, Q1);
    bench.take();
    bench.detach(1, 1, 1);
    assert_eq!(bench.take(), ["2 a=0@1#1"]);
    bench.detach(2, 1, 2);
    bench.attach(1, 2);
    let lines = bench.take();
    assert_eq!(
        lines,
        ["1 a=1@1#1", "1 a=0@1#2"],
        "in the order of the group's queue"
    );
}

/// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
#[test]
fn a_qos_2_delivery_that_was_begun_finishes_with_its_member_or_not_at_all() {
    let mut bench = bench(ShareStrategy::RoundRobin, 2, Q2);
    publish(&mut bench, 2, Q2);
    bench.take();
    bench.detach(1, 1, 1);
    assert_eq!(bench.take(), Vec::<String>::new());
    bench.attach(1, 2);
    assert_eq!(bench.take(), ["1 a=0@2#0 dup"]);
    bench.detach(1, 2, 1);
    bench.end(1);
    assert_eq!(bench.take(), Vec::<String>::new());
    assert_eq!(bench.partition.stats().queued, 1);
}

#[test]
fn strategies_choose_as_they_say() {
    let mut sticky = bench(ShareStrategy::Sticky, 3, Q1);
    publish(&mut sticky, 2, Q1);
    assert_eq!(sticky.take(), ["1 a=0@1#0", "1 a=1@1#1"]);
    let mut by_topic = bench(ShareStrategy::HashTopic, 3, Q1);
    publish(&mut by_topic, 2, Q1);
    let lines = by_topic.take();
    assert_eq!(lines[0].as_bytes()[0], lines[1].as_bytes()[0]);
    let mut random = bench(ShareStrategy::Random, 3, Q1);
    let mut publish = message("a", "x", Q1);
    publish.random = 5;
    random.publish(&publish);
    assert_eq!(random.take(), ["3 a=x@1#0"]);
}

#[test]
fn qos_0_has_a_rotation_of_its_own() {
    let mut bench = bench(ShareStrategy::RoundRobin, 2, Q1);
    publish(&mut bench, 4, Qos::AtMostOnce);
    let mut lines = bench.take();
    lines.sort();
    assert_eq!(lines, ["1 a=0@0", "1 a=2@0", "2 a=1@0", "2 a=3@0"]);
}

#[test]
fn nothing_of_a_group_outlives_its_last_member() {
    let mut bench = bench(ShareStrategy::RoundRobin, 1, Q1);
    publish(&mut bench, 5, Q1);
    bench.take();
    bench.end(1);
    let stats = bench.partition.stats();
    assert_eq!(
        (stats.share_groups, stats.queued, stats.messages),
        (0, 0, 0)
    );
    assert_eq!(stats.attachments, 0);
    assert_ne!(session(1), session(2));
}
