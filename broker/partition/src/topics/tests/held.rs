//! Live messages at QoS 0 while retained ones of their topic wait in a queue.

use catena_mqtt::Qos;

use super::harness::{Bench, Seen, message, settings};
use crate::{Phase, Publish};

const Q0: Qos = Qos::AtMostOnce;
const Q1: Qos = Qos::AtLeastOnce;

/// Session 1 has a retained message of `a` in its queue that its frontend refused for now.
fn with_a_waiting_replay(qos: Qos) -> Bench {
    let mut bench = Bench::new(settings());
    bench.publish(&Publish {
        retain: true,
        ..message("a", "old", qos)
    });
    bench.subscribe(1, "a", qos, true);
    let refused = Seen {
        room: Some(0),
        ..Seen::default()
    };
    assert_eq!(bench.take_with(refused).lines, Vec::<String>::new());
    bench
}

/// An old value never comes after a newer one, at whatever QoS both are [MQTT-4.6.0-6].
#[test]
fn a_push_goes_behind_a_waiting_retained_message_of_its_topic() {
    for qos in [Q0, Q1] {
        let mut bench = with_a_waiting_replay(qos);
        bench.publish(&message("a", "1", Q0));
        bench.publish(&message("a", "2", Q0));
        bench = bench.restored();
        bench.attach(1, 1);
        let retained = format!("1 a=old@{}#0 retain", qos as u8);
        assert_eq!(bench.take(), [&*retained, "1 a=1@0#1", "1 a=2@0#2"]);
        bench.ack(1, 1, 0, 3, Phase::Complete);
        bench.publish(&message("a", "3", Q0));
        assert_eq!(bench.take(), ["1 a=3@0"]);
        assert_eq!(bench.partition.stats().queued, 0);
    }
}

/// Also what is granted QoS 0 of a message at a higher one.
#[test]
fn a_message_granted_qos_0_goes_behind_it_too() {
    let mut bench = with_a_waiting_replay(Q0);
    bench.publish(&message("a", "1", Q1));
    bench.attach(1, 1);
    assert_eq!(bench.take(), ["1 a=old@0#0 retain", "1 a=1@0#1"]);
}

#[test]
fn nobody_else_waits_for_it() {
    let mut bench = with_a_waiting_replay(Q0);
    bench.subscribe(2, "a", Q0, false);
    bench.publish(&message("a", "1", Q0));
    bench.publish(&message("b", "1", Q0));
    assert_eq!(bench.take(), ["2 a=1@0"]);
    bench.attach(1, 1);
    assert_eq!(bench.take(), ["1 a=old@0#0 retain", "1 a=1@0#1"]);
}

#[test]
fn what_was_pushed_before_a_replay_began_comes_before_what_it_holds() {
    let mut bench = Bench::new(settings());
    bench.subscribe(1, "a", Q0, false);
    bench.publish(&message("a", "1", Q0));
    bench.publish(&Publish {
        retain: true,
        ..message("a", "2", Q0)
    });
    bench.subscribe(1, "a", Q0, true);
    bench.publish(&message("a", "3", Q0));
    let expected = ["1 a=1@0", "1 a=2@0", "1 a=2@0#0 retain", "1 a=3@0#1"];
    assert_eq!(bench.take(), expected);
}

#[test]
fn what_does_not_fit_behind_it_is_dropped_and_counted() {
    let mut bench = with_a_waiting_replay(Q0);
    for _ in 0..2_000 {
        bench.publish(&message("a", "x", Q0));
    }
    let stats = bench.partition.stats();
    assert_eq!((stats.queued, stats.dropped_memory), (1_024, 977));
}

#[test]
fn what_is_held_goes_with_its_session() {
    let mut bench = with_a_waiting_replay(Q0);
    bench.publish(&message("a", "x", Q0));
    bench.end(1);
    let stats = bench.partition.stats();
    assert_eq!((stats.queued, stats.messages), (0, 1));
    bench.subscribe(2, "a", Q0, false);
    bench.publish(&message("a", "y", Q0));
    assert_eq!(bench.take(), ["2 a=y@0"]);
}
