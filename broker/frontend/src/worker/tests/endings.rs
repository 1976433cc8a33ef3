//! How connections end.

use super::fake::{Bench, NOW, SESSION, Waiting, packet, publish1, subscribe};
use crate::worker::{Closing, Urgency};
use catena_mqtt::{Qos, ReasonCode};
use catena_partition::Notice;
use catena_types::Generation;

fn closing(bench: &mut Bench) -> Vec<Closing> {
    let mut closing = Vec::new();
    bench.worker.take_closing(&mut closing);
    closing
}

fn subscribed(bench: &mut Bench) -> u32 {
    let slot = bench.connected();
    bench.feed(slot, &subscribe(1, "a/1"));
    let payload = b"x".to_vec();
    let qos = Qos::AtLeastOnce;
    bench.port.queue(
        1,
        Waiting {
            connection: slot,
            stamp: 1,
            qos,
            position: Some(5),
            payload,
        },
    );
    assert!(!bench.run(slot).is_empty());
    bench.port.log();
    slot
}

#[test]
fn a_lost_connection_is_detached_before_its_session_is_told() {
    let mut bench = Bench::new();
    let slot = subscribed(&mut bench);
    bench.worker.handle_closed(slot);
    bench.run(slot);
    let expected = ["0 detach 0", "1 detach 6", "0 disconnect Publish None"];
    assert_eq!(bench.port.log(), expected);
    assert_eq!(bench.worker.clients(), 0);
    assert!(
        closing(&mut bench).is_empty(),
        "there is nothing left to close"
    );
}

/// [MQTT-3.14.4-1] [MQTT-3.14.4-3]
#[test]
fn disconnect_forgets_the_will_and_closes() {
    let mut bench = Bench::new();
    let slot = subscribed(&mut bench);
    let packets = [
        publish1("b/2", 9, "last"),
        vec![0xE0, 0],
        publish1("b/2", 10, "after"),
    ];
    bench.feed(slot, &packets.concat());
    let expected = [
        "2 publish b/2 last",
        "0 detach 0",
        "1 detach 6",
        "0 disconnect Forget None",
    ];
    assert_eq!(bench.port.log(), expected);
    assert_eq!(
        closing(&mut bench),
        [Closing {
            slot,
            urgency: Urgency::Flush
        }]
    );
    assert_eq!(bench.worker.clients(), 1, "until the socket is closed");
    bench.worker.handle_closed(slot);
    assert_eq!(bench.worker.clients(), 0);
}

#[test]
fn the_session_is_told_only_after_all_requests_are_answered() {
    let mut bench = Bench::new();
    let slot = subscribed(&mut bench);
    bench.port.0.borrow_mut().holds = true;
    bench.feed(slot, &publish1("b/2", 9, "x"));
    bench.worker.handle_closed(slot);
    bench.run(slot);
    assert_eq!(bench.port.log(), ["2 publish b/2 x"]);
    bench.port.release();
    bench.run(slot);
    let expected = ["0 detach 0", "1 detach 6", "0 disconnect Publish None"];
    assert_eq!(bench.port.log(), expected);
}

/// [MQTT-3.1.4-3]
#[test]
fn a_takeover_is_answered_when_the_socket_is_closed() {
    let mut bench = Bench::new();
    let slot = subscribed(&mut bench);
    let generation = Generation::new(1);
    let notice = Notice::TakenOver {
        connection: slot,
        session: SESSION,
        generation,
    };
    bench.port.0.borrow_mut().notices.push(notice);
    assert!(!bench.worker.run(NOW));
    assert_eq!(bench.worker.output(slot).unwrap(), [0xE0, 1, 0x8E]);
    assert_eq!(
        closing(&mut bench),
        [Closing {
            slot,
            urgency: Urgency::Now
        }]
    );
    assert_eq!(bench.port.log(), ["0 detach 0", "1 detach 6"]);
    bench.worker.handle_closed(slot);
    assert!(bench.worker.has_work());
    bench.run(slot);
    assert_eq!(bench.port.log(), ["0 closed 1"]);
    assert_eq!(bench.worker.clients(), 0);
}

#[test]
fn a_takeover_of_a_connection_that_is_gone_is_answered_at_once() {
    let mut bench = Bench::new();
    let generation = Generation::new(9);
    let notice = Notice::TakenOver {
        connection: 77,
        session: SESSION,
        generation,
    };
    bench.port.0.borrow_mut().notices.push(notice);
    assert!(!bench.worker.run(NOW));
    assert_eq!(bench.port.log(), ["0 closed 9"]);
}

#[test]
fn a_protocol_error_ends_the_connection_with_its_reason() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    let output = bench.feed(slot, &packet(0x20, b"\0\0\0"));
    assert_eq!(output, [0xE0, 1, 0x82]);
    assert_eq!(bench.port.log(), ["0 disconnect Publish None"]);
    assert_eq!(closing(&mut bench).len(), 1);
    assert!(!bench.worker.reads(slot));
}

/// P05, P06: whoever does not say CONNECT in time, or anything else first, is closed.
#[test]
fn a_client_without_connect_is_closed() {
    let mut bench = Bench::new();
    let silent = bench.open();
    let wrong = bench.open();
    bench.feed(wrong, b"GET / HTTP/1.1\r\n");
    assert_eq!(closing(&mut bench).len(), 1);
    bench.worker.handle_timeouts(NOW.plus_seconds(9));
    assert!(closing(&mut bench).is_empty());
    bench.worker.handle_timeouts(NOW.plus_seconds(10));
    assert_eq!(
        closing(&mut bench),
        [Closing {
            slot: silent,
            urgency: Urgency::Flush
        }]
    );
    assert!(bench.port.log().is_empty());
}

#[test]
fn keep_alive_counts_from_the_last_packet() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    let deadline = NOW.plus_seconds(90);
    bench.worker.handle_timeouts(NOW.plus_seconds(80));
    bench
        .worker
        .handle_bytes(NOW.plus_seconds(80), slot, &[0xC0, 0]);
    bench.worker.handle_timeouts(deadline);
    assert!(closing(&mut bench).is_empty());
    bench.worker.handle_timeouts(NOW.plus_seconds(80 + 90));
    assert_eq!(closing(&mut bench).len(), 1);
}

#[test]
fn shutting_down_tells_every_client() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench
        .worker
        .shut_down(ReasonCode::ServerShuttingDown, "shutting down");
    assert_eq!(bench.run(slot), [0xE0, 1, 0x8B]);
    assert_eq!(closing(&mut bench).len(), 1);
}

#[test]
fn a_connection_that_ends_while_its_session_opens_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench.port.0.borrow_mut().holds = true;
    let slot = bench.open();
    bench.feed(slot, &super::fake::connect("id"));
    bench.worker.handle_closed(slot);
    assert_eq!(bench.worker.clients(), 1, "the answer is still to come");
    bench.port.release();
    bench.run(slot);
    assert_eq!(
        bench.port.log(),
        ["0 connect id", "0 disconnect Publish None"]
    );
    assert_eq!(bench.worker.clients(), 0);
}
