//! What several clients sent is given to the worker together.

use catena_mqtt::Qos;

use super::super::limits::ROUND_CLIENTS_MAX;
use super::fake::{Bench, NOW, Waiting, publish1, subscribe};

/// A bench with three connected clients.
fn three() -> (Bench, [u32; 3]) {
    let mut bench = Bench::new();
    let slots = [bench.connected(), bench.connected(), bench.connected()];
    (bench, slots)
}

/// Exchanges that these reads took, and what was asked.
fn read(bench: &mut Bench, reads: &[(u32, &[u8])]) -> (usize, Vec<String>) {
    let before = bench.port.0.borrow().exchanges;
    bench.worker.handle_reads(NOW, reads.iter().copied());
    let exchanges = bench.port.0.borrow().exchanges - before;
    (exchanges, bench.port.log())
}

#[test]
fn what_clients_ask_of_one_partition_is_one_exchange() {
    let (mut bench, [a, b, c]) = three();
    let packets = [publish1("t/1", 1, "x"), publish1("t/2", 2, "x")].concat();
    let (exchanges, asked) = read(&mut bench, &[(a, &packets), (b, &packets), (c, &packets)]);
    assert_eq!(exchanges, 2);
    let each = |line: &str| vec![line.to_string(); 3];
    assert_eq!(
        asked,
        [each("1 publish t/1 x"), each("2 publish t/2 x")].concat()
    );
    for slot in [a, b, c] {
        assert_eq!(bench.send(slot), [0x40, 2, 0, 1, 0x40, 2, 0, 2]);
    }
}

#[test]
fn a_round_has_so_many_clients_and_no_more() {
    let mut bench = Bench::new();
    let slots: Vec<u32> = (0..=ROUND_CLIENTS_MAX).map(|_| bench.connected()).collect();
    let packet = publish1("t/1", 1, "x");
    let reads: Vec<(u32, &[u8])> = slots.iter().map(|slot| (*slot, &*packet)).collect();
    let (exchanges, asked) = read(&mut bench, &reads);
    assert_eq!((exchanges, asked.len()), (2, slots.len()));
}

#[test]
fn each_client_keeps_its_order_across_partitions() {
    let (mut bench, [a, b, _]) = three();
    let there = [publish1("t/1", 1, "a"), publish1("t/2", 2, "a")].concat();
    let back = [publish1("t/2", 1, "b"), publish1("t/1", 2, "b")].concat();
    let (exchanges, asked) = read(&mut bench, &[(a, &there), (b, &back)]);
    let expected = [
        "1 publish t/1 a",
        "2 publish t/2 a",
        "2 publish t/2 b",
        "1 publish t/1 b",
    ];
    assert_eq!((exchanges, asked), (3, expected.map(String::from).to_vec()));
}

#[test]
fn a_subscribe_finds_done_what_was_read_before_it() {
    let (mut bench, [a, b, c]) = three();
    let (publish, subscribe) = (publish1("t/1", 1, "x"), subscribe(2, "t/1"));
    let (_, asked) = read(&mut bench, &[(a, &publish), (b, &subscribe), (c, &publish)]);
    let expected = ["1 publish t/1 x", "0 subscribe t/1", "1 publish t/1 x"];
    assert_eq!(asked, expected);
}

#[test]
fn one_that_leaves_does_not_take_others_along() {
    let (mut bench, [a, b, c]) = three();
    let publish = publish1("t/1", 1, "x");
    let leaving = [publish.clone(), vec![0xE0, 0]].concat();
    let malformed = [0x00, 0];
    let (_, asked) = read(&mut bench, &[(a, &publish), (b, &leaving), (c, &malformed)]);
    assert_eq!(asked[..2], ["1 publish t/1 x", "1 publish t/1 x"]);
    bench.run(a);
    bench.port.log();
    let (_, asked) = read(&mut bench, &[(b, &publish), (c, &publish), (a, &publish)]);
    assert_eq!(asked, ["1 publish t/1 x"], "of the one that is left");
}

#[test]
fn a_client_that_is_read_twice_keeps_its_order() {
    let (mut bench, [a, b, _]) = three();
    let two = [publish1("t/1", 1, "x"), publish1("t/2", 2, "x")].concat();
    let third = publish1("t/1", 3, "x");
    // Cut within the last packet, and another client between the halves.
    let (end, rest) = third.split_at(4);
    let first = [&two, end].concat();
    let (_, asked) = read(&mut bench, &[(a, &first), (b, &two), (a, rest)]);
    let expected = [
        "1 publish t/1 x",
        "1 publish t/1 x",
        "2 publish t/2 x",
        "2 publish t/2 x",
        "1 publish t/1 x",
    ];
    assert_eq!(asked, expected);
    assert_eq!(bench.send(a), [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3]);
}

#[test]
fn acknowledgements_of_two_clients_are_no_run() {
    let (mut bench, [a, b, _]) = three();
    let mut delivered = [a, b].into_iter().zip(1..).map(|(connection, number)| {
        bench.port.0.borrow_mut().generation = number;
        let waiting = Waiting {
            connection,
            stamp: u64::from(number),
            qos: Qos::AtLeastOnce,
            position: Some(u64::from(number)),
            payload: Vec::new(),
        };
        bench.port.queue(1, waiting);
        let publish = bench.run(connection);
        [0x40, 2, publish[5], publish[6]]
    });
    let (first, second) = (delivered.next().unwrap(), delivered.next().unwrap());
    drop(delivered);
    bench.port.log();
    let (_, asked) = read(&mut bench, &[(a, &first), (b, &second)]);
    assert_eq!(asked, ["1 ack 1+1 Complete", "1 ack 2+1 Complete"]);
}
