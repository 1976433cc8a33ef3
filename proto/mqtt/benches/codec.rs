//! Nanoseconds per operation of the codec, and their ratio to copying the same bytes.
//!
//! `cargo bench -p catena-mqtt` prints a table; the time of one operation is the best of several
//! rounds, since noise only adds.

#![expect(clippy::expect_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::Instant;

use catena_mqtt::{
    Frame, Limits, Packet, PacketId, Property, Publish, PublishHead, Qos, ReasonCode,
    ReasonProperties, Version, encode, frame,
};

const ROUNDS: u32 = 15;
const OPERATIONS: u32 = 200_000;
const TOPIC: &str = "factory/line7/machine42/temperature";

fn main() {
    let packet_id = PacketId(NonZeroU16::MIN);
    let mut forwarded = Vec::new();
    for property in [
        Property::ContentType("application/json"),
        Property::ResponseTopic("clients/press/response"),
        Property::CorrelationData(&[7; 16]),
        Property::UserProperty("__ts", "1740000000000:00001:edge"),
    ] {
        property.encode(&mut forwarded).expect("short fields");
    }
    println!(
        "{:<56} {:>8} {:>8} {:>7}",
        "operation", "ns", "copy ns", "ratio"
    );
    for (qos, name) in [(Qos::AtMostOnce, "QoS 0"), (Qos::AtLeastOnce, "QoS 1")] {
        for payload_bytes in [64, 1_024] {
            let payload = vec![b'x'; payload_bytes];
            let head = PublishHead {
                qos,
                packet_id: (qos != Qos::AtMostOnce).then_some(packet_id),
                topic: TOPIC,
                ..PublishHead::default()
            };
            for (version, properties, label) in [
                (Version::V311, [].as_slice(), "3.1.1"),
                (Version::V5, &[], "5.0"),
                (Version::V5, forwarded.as_slice(), "5.0 properties"),
            ] {
                let name = format!("PUBLISH {label} {name} {payload_bytes} B");
                publish(&name, version, &head, properties, &payload);
            }
        }
    }
    puback(packet_id);
}

/// Both directions of one PUBLISH.
fn publish(name: &str, version: Version, head: &PublishHead<'_>, forwarded: &[u8], payload: &[u8]) {
    let mut bytes = Vec::new();
    encode::publish(&mut bytes, version, head, forwarded, payload).expect("short fields");
    let mut out = Vec::with_capacity(bytes.len());
    let copy = measure(|| {
        out.clear();
        out.extend_from_slice(black_box(&bytes));
        black_box(&out);
    });
    let decode_known = measure(|| {
        black_box(decode_known(version, black_box(&bytes), black_box(TOPIC)));
    });
    let decode = measure(|| {
        black_box(decode(version, black_box(&bytes)));
    });
    let encode = measure(|| {
        out.clear();
        let written = encode::publish(&mut out, version, black_box(head), forwarded, payload);
        black_box((&out, written.is_ok()));
    });
    report(&format!("{name}: decode"), decode, copy);
    report(&format!("{name}: decode, topic known"), decode_known, copy);
    report(&format!("{name}: encode"), encode, copy);
}

fn puback(packet_id: PacketId) {
    let bytes = [0x40, 2, 0, 1];
    let mut out = Vec::with_capacity(bytes.len());
    let copy = measure(|| {
        out.clear();
        out.extend_from_slice(black_box(&bytes));
        black_box(&out);
    });
    let decode = measure(|| {
        black_box(decode(Version::V5, black_box(&bytes)));
    });
    let encode = measure(|| {
        out.clear();
        let (success, none) = (ReasonCode::Success, ReasonProperties::EMPTY);
        let written = encode::puback(&mut out, Version::V5, black_box(packet_id), success, &none);
        black_box((&out, written.is_ok()));
    });
    report("PUBACK: decode", decode, copy);
    report("PUBACK: encode", encode, copy);
}

/// Frame and packet. What is inside is looked at, so that nothing is left out.
#[inline(never)]
fn decode(version: Version, input: &[u8]) -> usize {
    let Ok(Frame::Complete {
        first_byte, body, ..
    }) = frame::next(input, 1 << 20)
    else {
        return 0;
    };
    match Packet::decode_limited(version, first_byte, body, &Limits::DEFAULT) {
        Ok(Packet::Publish(publish)) => {
            publish.topic.len() + publish.payload.len() + publish.forwarded.len()
        }
        Ok(Packet::PubAck(ack)) => usize::from(ack.packet_id.number()),
        _ => 0,
    }
}

/// As [`decode`], for a PUBLISH whose topic was that of the one before.
#[inline(never)]
fn decode_known<'a>(version: Version, input: &'a [u8], topic: &'a str) -> usize {
    let Ok(Frame::Complete {
        first_byte, body, ..
    }) = frame::next(input, 1 << 20)
    else {
        return 0;
    };
    match Publish::decode_after(topic, version, first_byte, body, &Limits::DEFAULT) {
        Ok(publish) => publish.topic.len() + publish.payload.len() + publish.forwarded.len(),
        Err(_) => 0,
    }
}

/// Nanoseconds of one call, in the best round.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn measure(mut operation: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..OPERATIONS {
            operation();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / f64::from(OPERATIONS)
}

fn report(name: &str, nanoseconds: f64, copy: f64) {
    println!(
        "{name:<56} {nanoseconds:>8.1} {copy:>8.1} {:>7.1}",
        nanoseconds / copy
    );
}
