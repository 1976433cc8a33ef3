//! What partitions hand out reaches the right client within its limits.

use std::io::IoSlice;

use super::fake::{Bench, Waiting, connect_narrow, puback, subscribe};
use crate::worker::limits::{OUTPUT_BYTES_LOW, OUTPUT_BYTES_MARK, SHARED_BYTES_MARK};
use catena_mqtt::Qos;

fn qos1(connection: u32, stamp: u64, position: u64) -> Waiting {
    let payload = stamp.to_string().into_bytes();
    Waiting {
        connection,
        stamp,
        qos: Qos::AtLeastOnce,
        position: Some(position),
        payload,
    }
}

/// The payloads of the PUBLISH packets in `bytes`, and their packet IDs.
fn received(bytes: &[u8]) -> Vec<(String, u16)> {
    use catena_mqtt::{Frame, Packet, Version, frame};
    let (mut rest, mut found) = (bytes, Vec::new());
    while let Ok(Frame::Complete {
        first_byte,
        body,
        size,
    }) = frame::next(rest, u32::MAX)
    {
        if let Ok(Packet::Publish(publish)) = Packet::decode(Version::V5, first_byte, body) {
            let payload = String::from_utf8_lossy(publish.payload).into_owned();
            found.push((payload, publish.packet_id.map_or(0, |id| id.number())));
        }
        rest = &rest[size..];
    }
    found
}

fn payloads(bytes: &[u8]) -> Vec<String> {
    received(bytes)
        .into_iter()
        .map(|(payload, _)| payload)
        .collect()
}

#[test]
fn a_first_delivery_asks_for_a_range_and_then_goes_out() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench.port.queue(1, qos1(slot, 10, 0));
    bench.port.queue(1, qos1(slot, 11, 1));
    let output = bench.run(slot);
    assert_eq!(bench.port.log(), ["0 range 1", "1 resume"]);
    assert_eq!(received(&output), [("10".into(), 1), ("11".into(), 2)]);
    bench.feed(slot, &[puback(1), puback(2)].concat());
    assert_eq!(bench.port.log(), ["1 ack 0+2 Complete"]);
}

#[test]
fn a_full_window_stalls_and_an_acknowledgement_resumes() {
    let mut bench = Bench::new();
    let slot = bench.open();
    bench.feed(slot, &connect_narrow("id", 2));
    bench.port.log();
    for position in 0..4 {
        bench.port.queue(1, qos1(slot, 10 + position, position));
    }
    assert_eq!(payloads(&bench.run(slot)), ["10", "11"]);
    bench.port.log();
    assert_eq!(payloads(&bench.feed(slot, &puback(1))), ["12"]);
    assert_eq!(bench.port.log(), ["1 ack 0+1 Complete", "1 resume"]);
    assert_eq!(
        payloads(&bench.feed(slot, &[puback(2), puback(3)].concat())),
        ["13"]
    );
}

#[test]
fn the_partition_with_the_oldest_message_goes_on_first() {
    let mut bench = Bench::new();
    let slot = bench.open();
    bench.feed(slot, &connect_narrow("id", 1));
    // Both partitions have their range of packet IDs.
    bench.port.queue(1, qos1(slot, 0, 0));
    let (_, packet_id) = received(&bench.run(slot))[0];
    bench.feed(slot, &puback(packet_id));
    bench.port.queue(2, qos1(slot, 1, 0));
    let (_, mut next) = received(&bench.run(slot))[0];
    bench.port.queue(1, qos1(slot, 20, 1));
    bench.port.queue(2, qos1(slot, 10, 1));
    bench.port.queue(2, qos1(slot, 30, 2));
    assert!(bench.run(slot).is_empty());
    let mut order = Vec::new();
    for _ in 0..3 {
        let output = bench.feed(slot, &puback(next));
        let found = received(&output);
        assert_eq!(found.len(), 1, "{order:?} {found:?}");
        order.push(found[0].0.clone());
        next = found[0].1;
    }
    assert_eq!(
        order,
        ["10", "20", "30"],
        "neither partition starves the other"
    );
}

#[test]
fn a_slow_reader_costs_bounded_memory() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    let payload = vec![b'x'; 10_000];
    for position in 0..100 {
        let waiting = Waiting {
            payload: payload.clone(),
            ..qos1(slot, position, position)
        };
        bench.port.queue(1, waiting);
        let lost = Waiting {
            qos: Qos::AtMostOnce,
            position: None,
            ..qos1(slot, 0, 0)
        };
        bench.port.queue(
            2,
            Waiting {
                payload: payload.clone(),
                ..lost
            },
        );
    }
    assert!(!bench.worker.run(super::fake::NOW));
    let backlog = bench.worker.output(slot).unwrap().len();
    assert!(backlog < OUTPUT_BYTES_MARK + 2 * 10_100, "{backlog}");
    let dropped = bench.worker.stats().deliveries_dropped;
    assert!(dropped > 0, "QoS 0 is dropped and counted");
    assert!(
        bench.port.0.borrow().queues[&2].is_empty(),
        "and waits for nobody"
    );
    // A little room is not worth an exchange.
    bench.worker.written(super::fake::NOW, slot, 1_000);
    assert!(!bench.worker.has_work());
    bench
        .worker
        .written(super::fake::NOW, slot, backlog - OUTPUT_BYTES_LOW);
    assert!(bench.worker.has_work());
    let mut count = 0;
    loop {
        let sent = bench.run(slot);
        if sent.is_empty() {
            break;
        }
        count += received(&sent).iter().filter(|(_, id)| *id > 0).count();
    }
    assert!(count >= 60, "all of QoS 1 arrives, {count} in the rest");
    assert!(bench.port.0.borrow().queues[&1].is_empty());
}

#[test]
fn qos_0_with_a_position_is_acknowledged_when_written() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench.feed(slot, &subscribe(1, "a/1"));
    bench.port.log();
    for position in 0..3 {
        let waiting = Waiting {
            qos: Qos::AtMostOnce,
            ..qos1(slot, position, position)
        };
        bench.port.queue(1, waiting);
    }
    assert_eq!(payloads(&bench.run(slot)), ["0", "1", "2"]);
    assert_eq!(bench.port.log(), ["1 ack 0+3 Complete"]);
}

#[test]
fn deliveries_for_an_earlier_connection_are_not_taken() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench.port.queue(1, qos1(slot, 1, 0));
    bench.port.0.borrow_mut().generation += 1;
    assert!(bench.run(slot).is_empty());
    assert_eq!(bench.port.0.borrow().queues[&1].len(), 1);
    bench.port.queue(2, qos1(slot + 100, 1, 0));
    assert!(bench.run(slot).is_empty());
}

#[test]
fn a_payload_that_is_not_copied_gives_the_same_bytes() {
    let [copied, apart] = [false, true].map(|takes_apart| {
        let mut bench = Bench::new();
        let slot = bench.connected();
        if takes_apart {
            bench.worker.take_apart(slot);
        }
        for position in 0..20 {
            let waiting = Waiting {
                payload: vec![position as u8; 3_000],
                ..qos1(slot, position, position)
            };
            bench.port.queue(1, waiting);
        }
        assert!(!bench.worker.run(super::fake::NOW));
        assert_eq!(bench.worker.output(slot).is_none(), takes_apart);
        let mut sent = Vec::new();
        // The socket takes a little at a time.
        loop {
            let mut slices = [IoSlice::new(&[]); 7];
            let count = bench.worker.output_slices(slot, &mut slices);
            let bytes: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            let count = bytes.len().min(1_777);
            sent.extend_from_slice(&bytes[..count]);
            if count == 0 {
                break;
            }
            bench.worker.written(super::fake::NOW, slot, count);
        }
        sent
    });
    assert_eq!(copied.len(), 20 * (3_000 + 9));
    assert!(copied == apart);
}

#[test]
fn deliveries_wait_when_much_is_sent_from_where_it_is_stored() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench.worker.take_apart(slot);
    for position in 0..200 {
        let waiting = Waiting {
            payload: vec![b'x'; 100_000],
            ..qos1(slot, position, position)
        };
        bench.port.queue(1, waiting);
    }
    assert!(!bench.worker.run(super::fake::NOW));
    let left = bench.port.0.borrow().queues[&1].len();
    assert_eq!(left, 200 - SHARED_BYTES_MARK.div_ceil(100_000));
    let mut count = 0;
    while !bench.run(slot).is_empty() {
        count += 1;
    }
    assert!(count > 1 && bench.port.0.borrow().queues[&1].is_empty());
}
