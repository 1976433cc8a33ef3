//! What clients send becomes batches of requests, and replies find their way back.

use super::fake::{Bench, NOW, connect, packet, publish0, publish1, string, subscribe};
use crate::worker::Verdict;
use catena_mqtt::ReasonCode;
use catena_types::PartitionSet;

#[test]
fn what_a_read_brings_is_exchanged_in_order_a_run_per_partition_at_a_time() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    let before = bench.port.0.borrow().exchanges;
    let packets: Vec<Vec<u8>> = ["a/1", "a/1", "b/2", "a/1", "c/2"]
        .iter()
        .enumerate()
        .map(|(index, topic)| publish1(topic, index as u8 + 1, "x"))
        .collect();
    let output = bench.feed(slot, &packets.concat());
    let expected = [
        "1 publish a/1 x",
        "1 publish a/1 x",
        "2 publish b/2 x",
        "1 publish a/1 x",
        "2 publish c/2 x",
    ];
    assert_eq!(bench.port.log(), expected);
    assert_eq!(bench.port.0.borrow().exchanges - before, 4);
    let pubacks: Vec<u8> = (1..=5).flat_map(|id| [0x40, 2, 0, id]).collect();
    assert_eq!(output, pubacks);
}

#[test]
fn pubacks_keep_their_order_whatever_the_order_of_replies() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench.port.0.borrow_mut().holds = true;
    let packets = [
        publish1("a/1", 1, "x"),
        publish1("a/2", 2, "x"),
        publish1("a/1", 3, "x"),
    ];
    assert!(bench.feed(slot, &packets.concat()).is_empty());
    bench.port.release();
    assert_eq!(
        bench.run(slot),
        [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3]
    );
}

/// The packets in `bytes`, sorted: answers of partitions and of the connection itself mix.
fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    use catena_mqtt::{Frame, frame};
    let (mut rest, mut found) = (bytes, Vec::new());
    while let Ok(Frame::Complete { size, .. }) = frame::next(rest, u32::MAX) {
        found.push(rest[..size].to_vec());
        rest = &rest[size..];
    }
    found.sort();
    found
}

#[test]
fn input_may_be_cut_anywhere() {
    let stream = [
        connect("id"),
        subscribe(1, "a/1"),
        publish1("a/1", 2, &"y".repeat(300)),
        publish0("b/2", "z"),
        vec![0xC0, 0],
    ]
    .concat();
    let mut whole = Bench::new();
    let slot = whole.open();
    // What comes with CONNECT waits for the CONNACK.
    let expected = packets(&whole.feed(slot, &stream));
    assert_eq!(expected.len(), 4, "CONNACK, SUBACK, PUBACK, PINGRESP");
    let log = whole.port.log();
    for step in [1, 2, 3, 7, 50, 200] {
        let mut bench = Bench::new();
        let slot = bench.open();
        let mut output = Vec::new();
        for piece in stream.chunks(step) {
            output.extend(bench.feed(slot, piece));
        }
        assert_eq!(packets(&output), expected, "in pieces of {step}");
        assert_eq!(bench.port.log(), log);
    }
}

#[test]
fn an_idle_client_holds_no_buffers() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    bench.feed(slot, &publish1("a/1", 1, "x")[..5]);
    bench.feed(slot, &publish1("a/1", 1, "x")[5..]);
    let client = &bench.worker.state.clients.at(slot).unwrap();
    assert_eq!(client.out.bytes.capacity(), 0);
    assert!(client.rare.is_none());
}

#[test]
fn a_resumed_session_is_attached_everywhere_after_connack() {
    let mut bench = Bench::new();
    bench.port.0.borrow_mut().present = true;
    bench.port.0.borrow_mut().partitions = PartitionSet::first(3);
    let slot = bench.open();
    let output = bench.feed(slot, &connect("id"));
    assert_eq!((output[0], output[2]), (0x20, 1), "session present");
    let attach = |partition: u16| format!("{partition} attach {slot}");
    let expected = ["0 connect id".to_string(), attach(0), attach(1), attach(2)];
    assert_eq!(bench.port.log(), expected);
}

/// [MQTT-3.1.3-6] [MQTT-3.2.2-16]
#[test]
fn an_empty_client_id_is_replaced_and_told() {
    let mut bench = Bench::new();
    let slot = bench.open();
    let output = bench.feed(slot, &connect(""));
    let log = bench.port.log();
    let assigned = log[0]
        .strip_prefix("0 connect ")
        .or(log[0].split(' ').nth(2))
        .unwrap();
    assert!(
        assigned.starts_with("auto-") && assigned.len() == 37,
        "{assigned}"
    );
    assert!(String::from_utf8_lossy(&output).contains(assigned));
}

#[test]
fn a_connect_waits_for_its_verdict() {
    let mut bench = Bench::with_rules(true);
    let slot = bench.open();
    assert!(
        bench
            .feed(slot, &[connect("id"), vec![0xC0, 0]].concat())
            .is_empty()
    );
    assert!(
        !bench.worker.reads(slot),
        "nothing more is wanted meanwhile"
    );
    let authentication = bench.worker.take_authentications().remove(0);
    assert_eq!(&*authentication.connect.client_id, "id");
    bench
        .worker
        .handle_authenticated(NOW, authentication, Verdict::Accepted);
    let output = bench.run(slot);
    assert_eq!(
        (output[0], &output[output.len() - 2..]),
        (0x20, [0xD0, 0].as_slice())
    );
    let mut readable = Vec::new();
    bench.worker.take_readable(&mut readable);
    assert_eq!(readable, [slot]);
}

#[test]
fn a_refused_client_is_told_and_closed() {
    let mut bench = Bench::with_rules(true);
    let slot = bench.open();
    bench.feed(slot, &connect("id"));
    let authentication = bench.worker.take_authentications().remove(0);
    let verdict = Verdict::Refused(ReasonCode::NotAuthorized);
    bench
        .worker
        .handle_authenticated(NOW, authentication, verdict);
    let output = bench.run(slot);
    assert_eq!((output[0], output[3]), (0x20, 0x87));
    let mut closing = Vec::new();
    bench.worker.take_closing(&mut closing);
    assert_eq!(closing.len(), 1);
    bench.worker.handle_closed(slot);
    assert_eq!(bench.worker.clients(), 0);
    assert!(bench.port.log().is_empty(), "no session was ever asked for");
}

#[test]
fn a_verdict_for_a_client_that_has_gone_changes_nothing() {
    let mut bench = Bench::with_rules(true);
    let slot = bench.open();
    bench.feed(slot, &connect("id"));
    let authentication = bench.worker.take_authentications().remove(0);
    bench.worker.handle_closed(slot);
    let other = bench.open();
    assert_eq!(other, slot, "the slot is used again");
    bench
        .worker
        .handle_authenticated(NOW, authentication, Verdict::Accepted);
    assert!(bench.run(other).is_empty());
    assert!(bench.port.log().is_empty());
}

#[test]
fn qos_2_and_unsubscribe_go_to_the_sessions_partition() {
    let mut bench = Bench::new();
    let slot = bench.connected();
    let mut packets = publish1("a/1", 1, "x");
    packets[0] = 0x34;
    packets.extend([0x62, 2, 0, 1]);
    packets.extend(packet(0xA2, b"\0\x02\0\0\x03a/1"));
    let output = bench.feed(slot, &packets);
    assert_eq!(
        bench.port.log(),
        ["0 receive 1", "0 release 1", "0 unsubscribe a/1"]
    );
    assert_eq!(output, b"\x50\x02\0\x01\x70\x02\0\x01\xB0\x04\0\x02\0\0");
}

#[test]
fn what_is_no_proper_request_to_the_state_store_is_told_why() {
    use catena_rpc::topics::{INVOKE, NOTIFICATIONS};
    let text = |identifier: u8, text: &str| {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&[identifier][..], &length, text.as_bytes()].concat()
    };
    let correlation = text(9, "1");
    let cases = [
        (0x32, correlation.clone(), 0x83, "response topic missing"),
        (0x32, text(8, "r"), 0x83, "correlation data missing"),
        (
            0x34,
            [text(8, "r"), correlation.clone()].concat(),
            0x83,
            "requests have QoS 1",
        ),
        (
            0x32,
            [text(8, NOTIFICATIONS), correlation].concat(),
            0x90,
            "forbidden response topic",
        ),
    ];
    for (first, properties, reason, detail) in cases {
        let mut bench = Bench::new();
        let slot = bench.connected();
        bench.port.log();
        let size = u8::try_from(properties.len()).unwrap();
        let body = [&text(0, INVOKE)[1..], &[0, 1, size], &properties].concat();
        let output = bench.feed(slot, &packet(first, &body));
        let why = text(0x1F, detail);
        let size = u8::try_from(why.len()).unwrap();
        let answer = if first == 0x32 { 0x40 } else { 0x50 };
        let expected = packet(answer, &[&[0, 1, reason, size], &why[..]].concat());
        // Before the DISCONNECT, if any: clients would send again what was not acknowledged.
        assert!(output.starts_with(&expected), "{detail}: {output:?}");
        assert_eq!(output.len() > expected.len(), reason == 0x90, "{detail}");
        let asked = |line: &String| line.contains(" store ") || line.contains(" publish ");
        assert!(!bench.port.log().iter().any(asked), "{detail}");
    }
}

/// A will is a publish too: nobody leaves one where only the state store speaks, or is spoken to.
#[test]
fn wills_do_not_go_to_topics_of_the_state_store() {
    use catena_rpc::topics;
    for (topic, is_refused) in [
        (topics::INVOKE.to_owned(), true),
        (topics::response("victim"), true),
        (
            format!("{}/6331/command/notify/6B", topics::NOTIFICATIONS),
            true,
        ),
        ("clients/victim/anything/else".to_owned(), false),
    ] {
        let mut bench = Bench::new();
        let slot = bench.open();
        let head = b"\0\x04MQTT\x05\x06\0\x3c\0".as_slice();
        let will = [&[0], &*string(&topic), &string("x")].concat();
        let bytes = packet(0x10, &[head, &string("id"), &will].concat());
        let reason = if is_refused { 0x87 } else { 0 };
        assert_eq!(bench.feed(slot, &bytes).get(3), Some(&reason), "{topic}");
    }
}
