//! Queue limits: what gives way when a queue is full.

use catena_mqtt::Qos;

use super::harness::{Bench, message, settings};
use crate::{Phase, QueueLimit, QueueStrategy};

const Q1: Qos = Qos::AtLeastOnce;

fn bench(length_max: u64, bytes_max: u64, strategy: QueueStrategy) -> Bench {
    let mut settings = settings();
    settings.queue = QueueLimit {
        length_max,
        bytes_max,
        strategy,
    };
    let mut bench = Bench::new(settings);
    bench.subscribe(1, "a", Q1, false);
    bench
}

#[test]
fn the_oldest_waiting_message_gives_way_and_is_counted() {
    let mut bench = bench(10, u64::MAX, QueueStrategy::DropOldest);
    bench.detach(1, 1, 0);
    for number in 0..12 {
        bench.publish(&message("a", &number.to_string(), Q1));
    }
    assert_eq!(bench.partition.stats().dropped_oldest, 2);
    bench.attach(1, 2);
    assert_eq!(bench.take(), ["1 a=2@1#2", "1 a=3@1#3"]);
    assert_eq!(bench.partition.stats().queued, 10);
}

#[test]
fn what_is_in_flight_does_not_count_and_is_never_dropped() {
    let mut bench = bench(1, u64::MAX, QueueStrategy::DropOldest);
    for number in 0..2 {
        bench.publish(&message("a", &number.to_string(), Q1));
    }
    assert_eq!(bench.take().len(), 2);
    bench.detach(1, 1, 2);
    bench.publish(&message("a", "2", Q1));
    bench.publish(&message("a", "3", Q1));
    assert_eq!(bench.partition.stats().dropped_oldest, 1);
    bench.attach(1, 2);
    assert_eq!(bench.take().len(), 2, "what was sent before");
    bench.ack(1, 2, 0, 2, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=3@1#3"]);
}

#[test]
fn what_a_connected_client_cannot_take_yet_counts() {
    let mut bench = bench(3, u64::MAX, QueueStrategy::DropOldest);
    for number in 0..100 {
        bench.publish(&message("a", &number.to_string(), Q1));
    }
    // Its Receive Maximum is 2.
    assert_eq!(bench.take(), ["1 a=0@1#0", "1 a=1@1#1"]);
    assert_eq!(bench.partition.stats().dropped_oldest, 95);
    // Out of order, and one at a time.
    bench.ack(1, 1, 1, 1, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=97@1#97"]);
    bench.ack(1, 1, 0, 1, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=98@1#98"]);
    bench.ack(1, 1, 97, 2, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=99@1#99"]);
    bench.ack(1, 1, 99, 1, Phase::Complete);
    assert_eq!(bench.partition.stats().queued, 0);
}

#[test]
fn what_a_share_group_keeps_for_a_full_member_comes_when_there_is_room() {
    let mut bench = bench(2, u64::MAX, QueueStrategy::DropOldest);
    bench.subscribe(1, "$share/g/s", Q1, false);
    // Two in the client's hand, two of the group behind them, and one that stays with the group.
    for (topic, payload) in [("a", "0"), ("a", "1"), ("s", "0"), ("s", "1"), ("s", "2")] {
        bench.publish(&message(topic, payload, Q1));
    }
    assert_eq!(bench.take(), ["1 a=0@1#0", "1 a=1@1#1"]);
    assert_eq!(bench.partition.stats().dropped_oldest, 0);
    // Those of the group give way; the next does not take another's place.
    bench.publish(&message("a", "2", Q1));
    bench.publish(&message("a", "3", Q1));
    assert_eq!(bench.partition.stats().dropped_oldest, 2);
    bench.publish(&message("s", "3", Q1));
    bench.ack(1, 1, 0, 2, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=2@1#4", "1 a=3@1#5"]);
    bench.ack(1, 1, 4, 2, Phase::Complete);
    assert_eq!(bench.take(), ["1 s=2@1#6", "1 s=3@1#7"]);
    assert_eq!(bench.partition.stats().dropped_oldest, 2);
}

#[test]
fn a_message_of_a_share_group_comes_when_a_larger_one_gave_way() {
    let mut bench = bench(u64::MAX, 10, QueueStrategy::DropOldest);
    bench.subscribe(1, "$share/g/s", Q1, false);
    for (topic, payload) in [("a", "0"), ("a", "1"), ("s", "ten bytes!"), ("s", "five5")] {
        bench.publish(&message(topic, payload, Q1));
    }
    assert_eq!(bench.take().len(), 2);
    bench.publish(&message("a", "2", Q1));
    bench.ack(1, 1, 0, 2, Phase::Complete);
    assert_eq!(bench.take(), ["1 a=2@1#3", "1 s=five5@1#4"]);
}

#[test]
fn bytes_are_limited_too() {
    let mut bench = bench(u64::MAX, 10, QueueStrategy::DropOldest);
    bench.detach(1, 1, 0);
    for payload in ["four", "five5", "six666"] {
        bench.publish(&message("a", payload, Q1));
    }
    bench.attach(1, 2);
    assert_eq!(bench.take(), ["1 a=six666@1#2"]);
}

#[test]
fn without_a_strategy_nothing_is_dropped() {
    let mut bench = bench(1, 1, QueueStrategy::None);
    bench.detach(1, 1, 0);
    for number in 0..50 {
        bench.publish(&message("a", &number.to_string(), Q1));
    }
    assert_eq!(bench.partition.stats().queued, 50);
    assert_eq!(bench.partition.stats().dropped_oldest, 0);
}
