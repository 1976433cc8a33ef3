//! Queue limits: what gives way when a queue is full.

use catena_mqtt::Qos;

use super::harness::{Bench, message, settings};
use crate::{QueueLimit, QueueStrategy};

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
    let lines = bench.take();
    assert_eq!((lines.len(), lines[0].as_str()), (10, "1 a=2@1#2"));
}

#[test]
fn what_is_in_flight_does_not_count_and_is_never_dropped() {
    let mut bench = bench(1, u64::MAX, QueueStrategy::DropOldest);
    for number in 0..5 {
        bench.publish(&message("a", &number.to_string(), Q1));
    }
    assert_eq!(bench.take().len(), 5);
    bench.detach(1, 1, 5);
    bench.publish(&message("a", "5", Q1));
    bench.publish(&message("a", "6", Q1));
    assert_eq!(bench.partition.stats().dropped_oldest, 1);
    bench.attach(1, 2);
    assert_eq!(bench.take().last().map(String::as_str), Some("1 a=6@1#6"));
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
