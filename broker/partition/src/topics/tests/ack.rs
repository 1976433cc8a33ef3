//! Acknowledging, detaching and attaching again.

use catena_mqtt::Qos;
use catena_types::Placement;

use super::harness::{Bench, Seen, message, session, settings};
use crate::{AttachmentIndex, Phase};

const Q1: Qos = Qos::AtLeastOnce;
const Q2: Qos = Qos::ExactlyOnce;

fn with_messages(qos: Qos, count: u32) -> Bench {
    let mut bench = Bench::new(settings());
    bench.subscribe(1, "a", qos, false);
    for number in 0..count {
        bench.publish(&message("a", &number.to_string(), qos));
    }
    bench
}

/// What was sent and not acknowledged comes again, first, in order, with DUP [MQTT-4.4.0-1]
/// [MQTT-3.3.1-1] [MQTT-4.6.0-1]; what was never sent comes without [MQTT-4.3.2-2].
#[test]
fn a_resumed_session_gets_what_it_had_not_acknowledged() {
    let mut bench = with_messages(Q1, 4);
    bench.take_with(Seen {
        room: Some(3),
        ..Seen::default()
    });
    bench.ack(1, 1, 1, 1, Phase::Complete);
    bench.detach(1, 1, 3);
    bench.publish(&message("a", "4", Q1));
    assert_eq!(bench.take(), Vec::<String>::new());
    bench.attach(1, 2);
    let lines = ["1 a=0@1#0 dup", "1 a=2@1#2 dup", "1 a=3@1#3", "1 a=4@1#4"];
    assert_eq!(bench.take(), lines);
}

/// After PUBREC only PUBREL is sent again [MQTT-4.3.3-6], in order [MQTT-4.6.0-4].
#[test]
fn a_received_qos_2_message_is_only_released_again() {
    let mut bench = with_messages(Q2, 3);
    assert_eq!(bench.take().len(), 3);
    bench.ack(1, 1, 0, 2, Phase::Received);
    assert_eq!(bench.take(), ["1 release#0", "1 release#1"]);
    bench.detach(1, 1, 3);
    bench.attach(1, 2);
    assert_eq!(
        bench.take(),
        ["1 release#0", "1 release#1", "1 a=2@2#2 dup"]
    );
    bench.ack(1, 2, 0, 2, Phase::Complete);
    bench.ack(1, 2, 2, 1, Phase::Received);
    bench.ack(1, 2, 2, 1, Phase::Complete);
    assert_eq!(bench.partition.stats().messages, 0);
}

#[test]
fn acknowledgements_of_an_older_connection_change_nothing() {
    let mut bench = with_messages(Q1, 1);
    bench.take();
    bench.attach(1, 2);
    bench.ack(1, 1, 0, 1, Phase::Complete);
    assert_eq!(bench.partition.stats().messages, 1);
    bench.detach(1, 1, 0);
    assert_eq!(bench.take(), ["1 a=0@1#0"]);
}

#[test]
fn what_was_refused_for_now_comes_again_when_resumed() {
    let mut bench = with_messages(Q1, 3);
    let seen = bench.take_with(Seen {
        room: Some(1),
        ..Seen::default()
    });
    assert_eq!(seen.lines, ["1 a=0@1#0"]);
    assert_eq!(bench.take(), Vec::<String>::new());
    bench.publish(&message("a", "3", Q1));
    assert_eq!(bench.take(), Vec::<String>::new());
    bench.partition.resume(AttachmentIndex(0), session(1));
    assert_eq!(bench.take(), ["1 a=1@1#1", "1 a=2@1#2", "1 a=3@1#3"]);
}

#[test]
fn no_more_positions_are_handed_out_than_there_are_packet_ids() {
    let mut settings = settings();
    settings.placement = Placement::new(256, 1).unwrap();
    let mut bench = Bench::new(settings);
    bench.subscribe(1, "a", Q1, false);
    for _ in 0..300 {
        bench.publish(&message("a", "x", Q1));
    }
    assert_eq!(bench.take().len(), 255);
    bench.ack(1, 1, 0, 5, Phase::Complete);
    assert_eq!(bench.take().len(), 5);
    bench.ack(1, 1, 7, 200, Phase::Complete);
    assert_eq!(bench.take().len(), 0);
    bench.ack(1, 1, 5, 2, Phase::Complete);
    assert_eq!(bench.take().len(), 40);
}

#[test]
fn an_acknowledgement_beyond_what_was_handed_out_is_ignored() {
    let mut bench = with_messages(Q1, 2);
    bench.take();
    bench.ack(1, 1, 0, u32::MAX, Phase::Complete);
    assert_eq!(bench.partition.stats().messages, 0);
    bench.ack(1, 1, u64::MAX, u32::MAX, Phase::Complete);
    bench.publish(&message("a", "2", Q1));
    assert_eq!(bench.take(), ["1 a=2@1#2"]);
}
