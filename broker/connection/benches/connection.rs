//! Nanoseconds per message of a connection, and their ratio to copying the same bytes.
//!
//! `cargo bench -p catena-connection` prints a table; each time is the best of several rounds,
//! since noise only adds.

#![expect(clippy::expect_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Instant;

use catena_connection::{
    Action, Connection, Outbox, Outgoing, OutgoingPublish, Session, Settings, Source, Stats,
};
use catena_mqtt::{
    Ack, AckKind, Connect, ConnectProperties, PacketId, PublishHead, Qos, ReasonCode, Version,
    encode,
};
use catena_types::{Moment, PartitionId, Position};

const ROUNDS: u32 = 30;
const BATCHES: u32 = 200;
/// Messages in one read.
const BATCH: u16 = 100;
const TOPIC: &str = "factory/line7/machine42/temperature";
const PARTITION: PartitionId = PartitionId::new(0);

fn main() {
    println!(
        "{:<44} {:>8} {:>8} {:>7}",
        "operation", "ns", "copy ns", "ratio"
    );
    for payload_bytes in [64, 1_024] {
        let payload = vec![b'x'; payload_bytes];
        publishes_in(Qos::AtMostOnce, &payload);
        publishes_in(Qos::AtLeastOnce, &payload);
        deliveries(&payload);
    }
}

/// PUBLISH in, as an action, and for QoS 1 its PUBACK out.
fn publishes_in(qos: Qos, payload: &[u8]) {
    let mut input = Vec::new();
    for number in 1..=BATCH {
        let packet_id = PacketId::new(number);
        let head = PublishHead {
            qos,
            packet_id,
            topic: TOPIC,
            ..PublishHead::default()
        };
        encode::publish(&mut input, Version::V5, &head, &[], payload).expect("fits");
    }
    let (mut connection, settings) = open();
    let (mut bytes, mut stats) = (Vec::new(), Stats::default());
    let mut actions = Vec::new();
    let nanoseconds = measure(|| {
        bytes.clear();
        let mut tickets = std::mem::take(&mut actions);
        tickets.clear();
        let mut out = Outbox {
            bytes: &mut bytes,
            actions: &mut tickets,
            stats: &mut stats,
        };
        let now = Moment::from_nanos(1);
        let outcome = connection.handle_bytes(now, &settings, black_box(&input), &mut out);
        assert_eq!(outcome.expect("open"), input.len());
        for action in &tickets {
            if let Action::Publish {
                ticket: Some(ticket),
                ..
            } = action
            {
                let reason = ReasonCode::Success;
                let stats = &mut stats;
                connection
                    .handle_published(&settings, *ticket, reason, &mut bytes, stats)
                    .expect("open");
            }
        }
        actions = black_box(tickets);
        black_box(&bytes);
    });
    let copy = measure_copy(&input);
    let name = if qos == Qos::AtMostOnce {
        "QoS 0 in"
    } else {
        "QoS 1 in, PUBACK out"
    };
    report(&format!("{name}, {} B", payload.len()), nanoseconds, copy);
}

/// QoS 1 out, and its PUBACK in.
fn deliveries(payload: &[u8]) {
    let mut acks = Vec::new();
    let (mut connection, mut settings) = open();
    settings.packet_ids_per_range = BATCH;
    for number in 1..=BATCH {
        let ack = Ack::success(PacketId::new(number).expect("not zero"));
        ack.encode(AckKind::PubAck, Version::V5, &mut acks)
            .expect("fits");
    }
    let (mut bytes, mut stats) = (Vec::new(), Stats::default());
    let source = Source {
        partition: PARTITION,
        attachment: 7,
    };
    let now = Moment::from_nanos(1);
    let mut position = 0;
    let mut write = |bytes: &mut Vec<u8>, connection: &mut Connection| {
        bytes.clear();
        for _ in 0..BATCH {
            let outgoing = Outgoing::Publish(OutgoingPublish {
                topic: black_box(TOPIC),
                qos: Qos::AtLeastOnce,
                retain: false,
                dup: false,
                position: Some(Position::new(position)),
                expires: None,
                subscription_ids: &[],
                properties: &[],
                payload: black_box(payload),
                payload_apart: false,
            });
            position += 1;
            black_box(connection.offer(now, &settings, source, &outgoing, bytes, &mut stats));
        }
        let mut actions = Vec::with_capacity(1);
        let mut stats = Stats::default();
        let mut answers = Vec::new();
        let mut out = Outbox {
            bytes: &mut answers,
            actions: &mut actions,
            stats: &mut stats,
        };
        let outcome = connection.handle_bytes(now, &settings, black_box(&acks), &mut out);
        assert_eq!(outcome.expect("open"), acks.len());
        assert_eq!(actions.len(), 1);
    };
    let nanoseconds = measure(|| write(&mut bytes, &mut connection));
    let copy = measure_copy(&bytes);
    report(
        &format!("QoS 1 out, PUBACK in, {} B", payload.len()),
        nanoseconds,
        copy,
    );
}

/// An open MQTT 5.0 connection.
fn open() -> (Connection, Settings) {
    let settings = Settings::default();
    let mut connection = Connection::new(Moment::ZERO);
    let (mut bytes, mut stats) = (Vec::new(), Stats::default());
    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        client_id: "bench",
        properties: ConnectProperties::default(),
        will: None,
        username: None,
        password: None,
    };
    let mut input = Vec::new();
    encode::connect(&mut input, &connect).expect("fits");
    let mut actions = Vec::new();
    let mut out = Outbox {
        bytes: &mut bytes,
        actions: &mut actions,
        stats: &mut stats,
    };
    connection
        .handle_bytes(Moment::ZERO, &settings, &input, &mut out)
        .expect("valid");
    let session = Session {
        ranges: &[PARTITION],
        ..Session::default()
    };
    connection
        .handle_connected(Moment::ZERO, &settings, &session, &mut bytes, &mut stats)
        .expect("waits for it");
    (connection, settings)
}

fn measure_copy(input: &[u8]) -> f64 {
    let mut copied = Vec::with_capacity(input.len());
    measure(|| {
        copied.clear();
        copied.extend_from_slice(black_box(input));
        black_box(&copied);
    })
}

/// Nanoseconds per message in the best round; `operation` handles one batch.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn measure(mut operation: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..BATCHES {
            operation();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / f64::from(BATCHES) / f64::from(BATCH)
}

fn report(name: &str, nanoseconds: f64, copy: f64) {
    println!(
        "{name:<44} {nanoseconds:>8.1} {copy:>8.1} {:>7.1}",
        nanoseconds / copy
    );
}
