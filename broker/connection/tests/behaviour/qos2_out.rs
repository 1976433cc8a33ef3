//! Deliveries to the client: QoS 0, 1 and 2, acknowledgements, resume.
#![expect(clippy::panic, reason = "what takes results apart fails the test")]

use catena_connection::{Action, Done, Offered, Outgoing, OutgoingPublish, Phase, Session};
use catena_mqtt::{AckKind, Packet, Qos, ReasonCode, Version};
use catena_types::Moment;

use crate::driver::{
    Driver, Step, VERSIONS, ack, ack_bytes, connect, connect_bytes, id, message, outgoing, packets,
    partition, position,
};

/// The runs of acknowledgements: partition, attachment, from, count, phase.
fn runs(step: &Step) -> Vec<(u16, u32, u64, u32, Phase)> {
    let run = |action: &Action<'_>| match action {
        Action::Ack {
            partition,
            attachment,
            from,
            count,
            phase,
        } => (
            partition.number(),
            *attachment,
            from.number(),
            *count,
            *phase,
        ),
        other => panic!("not an acknowledgement: {other:?}"),
    };
    step.actions.iter().map(run).collect()
}

#[test]
fn a_qos_1_delivery_ends_with_its_puback() {
    // [MQTT-4.3.2-2] [MQTT-4.3.2-3] [MQTT-2.2.1-4] [MQTT3-4.3.2-1] [MQTT3-2.3.1-4]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let sent = driver.deliver(Qos::AtLeastOnce, [41]);
        let [Packet::Publish(publish)] = packets(version, &sent)[..] else {
            panic!("{sent:02x?}")
        };
        assert_eq!(
            (publish.qos, publish.dup, publish.packet_id),
            (Qos::AtLeastOnce, false, Some(id(42)))
        );
        assert_eq!((publish.topic, publish.payload), ("a/b", b"hi".as_slice()));
        let step = driver.send(&ack(AckKind::PubAck, 42));
        assert_eq!(runs(&step), [(0, 70, 41, 1, Phase::Complete)]);
        assert_eq!(driver.connection.in_flight(), 0);
    }
}

#[test]
fn a_qos_2_delivery_ends_with_its_pubcomp() {
    // [MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT3-4.3.3-1]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        driver.deliver(Qos::ExactlyOnce, [0]);
        let step = driver.send(&ack(AckKind::PubRec, 1));
        assert_eq!(runs(&step), [(0, 70, 0, 1, Phase::Received)]);
        assert!(step.sent.is_empty(), "PUBREL waits for the commit");
        assert_eq!(driver.connection.in_flight(), 1);
        let release = Outgoing::Release {
            position: position(0),
        };
        assert_eq!(
            driver.offer(&release),
            (Offered::Taken, vec![0x62, 2, 0, 1])
        );
        let step = driver.send(&ack(AckKind::PubComp, 1));
        assert_eq!(runs(&step), [(0, 70, 0, 1, Phase::Complete)]);
        assert_eq!(driver.connection.in_flight(), 0);
    }
}

#[test]
fn pubrels_leave_in_the_order_of_the_pubrecs() {
    // [MQTT-4.6.0-4] [MQTT3-4.6.0-4]: the partition releases in the order it was told.
    let mut driver = Driver::open(Version::V5);
    driver.deliver(Qos::ExactlyOnce, 0..3);
    let mut input = ack(AckKind::PubRec, 1);
    input.extend(ack(AckKind::PubRec, 2));
    input.extend(ack(AckKind::PubRec, 3));
    assert_eq!(runs(&driver.send(&input)), [(0, 70, 0, 3, Phase::Received)]);
    for at in 0..3 {
        let (_, sent) = driver.offer(&Outgoing::Release {
            position: position(at),
        });
        assert_eq!(sent, [0x62, 2, 0, u8::try_from(at).unwrap() + 1]);
    }
}

#[test]
fn acknowledgements_of_one_read_come_as_runs() {
    let mut driver = Driver::open(Version::V5);
    driver.connection.handle_range(partition(1), 1);
    driver.settings.packet_ids_per_range = 1_000;
    for at in 0..50 {
        driver.offer(&message(Qos::AtLeastOnce, at));
        driver.offer_from(1, &message(Qos::AtLeastOnce, at));
    }
    let mut input = Vec::new();
    for at in (0..20).chain(30..50) {
        input.extend(ack(AckKind::PubAck, 1 + at));
        input.extend(ack(AckKind::PubAck, 1_001 + at));
    }
    let step = driver.send(&input);
    let done = Phase::Complete;
    assert_eq!(
        runs(&step),
        [
            (0, 70, 0, 20, done),
            (1, 71, 0, 20, done),
            (0, 70, 30, 20, done),
            (1, 71, 30, 20, done)
        ]
    );
    assert_eq!(driver.connection.in_flight(), 20);
}

#[test]
fn a_failure_of_the_client_ends_the_exchange() {
    // [MQTT-4.4.0-2]
    let mut driver = Driver::open(Version::V5);
    driver.deliver(Qos::AtLeastOnce, [0]);
    driver.deliver(Qos::ExactlyOnce, [1]);
    let step = driver.send(&ack_bytes(AckKind::PubAck, 1, ReasonCode::QuotaExceeded));
    assert_eq!(runs(&step), [(0, 70, 0, 1, Phase::Complete)]);
    let step = driver.send(&ack_bytes(AckKind::PubRec, 2, ReasonCode::QuotaExceeded));
    assert_eq!(runs(&step), [(0, 70, 1, 1, Phase::Complete)]);
    assert!(step.sent.is_empty());
    assert_eq!(driver.connection.in_flight(), 0);
}

#[test]
fn acknowledgements_of_nothing_change_nothing() {
    // [MQTT-3.6.2-1]: an unknown PUBREC is answered with PUBREL 0x92, unless it is a failure.
    let mut driver = Driver::open(Version::V5);
    assert!(driver.send(&ack(AckKind::PubAck, 9)).actions.is_empty());
    assert!(driver.send(&ack(AckKind::PubComp, 9)).actions.is_empty());
    let step = driver.send(&ack(AckKind::PubRec, 9));
    assert!(step.actions.is_empty());
    assert_eq!(step.sent, [0x62, 3, 0, 9, 0x92]);
    let step = driver.send(&ack_bytes(AckKind::PubRec, 9, ReasonCode::UnspecifiedError));
    assert!(step.sent.is_empty());
    let mut driver = Driver::open(Version::V311);
    assert_eq!(driver.send(&ack(AckKind::PubRec, 9)).sent, [0x62, 2, 0, 9]);
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_is_a_protocol_error() {
    for (qos, kind) in [
        (Qos::AtLeastOnce, AckKind::PubRec),
        (Qos::AtLeastOnce, AckKind::PubComp),
        (Qos::ExactlyOnce, AckKind::PubAck),
        (Qos::ExactlyOnce, AckKind::PubComp),
    ] {
        let mut driver = Driver::open(Version::V5);
        driver.deliver(qos, [0]);
        driver
            .send(&ack(kind, 1))
            .assert_disconnected(ReasonCode::ProtocolError);
        let mut driver = Driver::open(Version::V311);
        driver.deliver(qos, [0]);
        let step = driver.send(&ack(kind, 1));
        assert_eq!(step.closed(), (ReasonCode::ProtocolError, Vec::new()));
    }
}

#[test]
fn qos_0_has_no_packet_id_and_is_done_when_written() {
    // [MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT-4.3.1-1] [MQTT3-2.3.1-5] [MQTT3-3.3.1-2]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let unacknowledged = OutgoingPublish {
            dup: true,
            ..outgoing(Qos::AtMostOnce, None)
        };
        let (offered, sent) = driver.offer(&Outgoing::Publish(unacknowledged));
        assert_eq!((offered, sent[0]), (Offered::Taken, 0x30));
        let (offered, sent) = driver.offer(&message(Qos::AtMostOnce, 3));
        assert_eq!(
            offered,
            Offered::TakenAndDone {
                reason: Done::Written
            }
        );
        let [Packet::Publish(publish)] = packets(version, &sent)[..] else {
            panic!("{sent:02x?}")
        };
        assert_eq!(publish.packet_id, None);
        assert_eq!(driver.connection.in_flight(), 0);
    }
}

#[test]
fn a_resumed_session_sends_again_what_was_not_acknowledged() {
    // [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.3-6] [MQTT-4.6.0-1] [MQTT3-4.4.0-1] [MQTT3-3.3.1-1]
    for version in VERSIONS {
        let mut driver = Driver::new(catena_connection::Settings::default());
        driver
            .send(&connect_bytes(&connect(version)))
            .outcome
            .unwrap();
        driver.accept(&Session {
            present: true,
            ranges: &[partition(5), partition(0)],
            ..Session::default()
        });
        driver.settings.packet_ids_per_range = 1_000;
        let release = Outgoing::Release {
            position: position(2_003),
        };
        assert_eq!(
            driver.offer(&release),
            (Offered::Taken, vec![0x62, 2, 0x03, 0xEC])
        );
        let again = OutgoingPublish {
            dup: true,
            ..outgoing(Qos::AtLeastOnce, Some(2_004))
        };
        let (offered, sent) = driver.offer(&Outgoing::Publish(again));
        assert_eq!(offered, Offered::Taken);
        let [Packet::Publish(publish)] = packets(version, &sent)[..] else {
            panic!("{sent:02x?}")
        };
        assert_eq!((publish.dup, publish.packet_id), (true, Some(id(1_005))));
        // The resumed PUBREL is no part of this connection's Receive Maximum.
        assert_eq!(driver.connection.in_flight(), 1);
        let step = driver.send(&ack(AckKind::PubComp, 1_004));
        assert_eq!(runs(&step), [(0, 70, 2_003, 1, Phase::Complete)]);
        assert_eq!(driver.connection.in_flight(), 1);
    }
}

#[test]
fn without_a_range_nothing_is_taken() {
    let mut driver = Driver::open(Version::V5);
    driver.settings.packet_ids_per_range = 100;
    let offer = message(Qos::AtLeastOnce, 0);
    assert_eq!(driver.offer_from(3, &offer), (Offered::NoRange, Vec::new()));
    driver.connection.handle_range(partition(3), 2);
    let (offered, sent) = driver.offer_from(3, &offer);
    assert_eq!(offered, Offered::Taken);
    let [Packet::Publish(publish)] = packets(Version::V5, &sent)[..] else {
        panic!("{sent:02x?}")
    };
    assert_eq!(publish.packet_id, Some(id(201)));
    // QoS 0 needs none.
    assert_eq!(
        driver.offer_from(4, &message(Qos::AtMostOnce, 0)).0,
        Offered::TakenAndDone {
            reason: Done::Written
        }
    );
}

#[test]
fn a_packet_id_is_not_used_twice_at_once() {
    // [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT-2.2.1-4]
    let mut driver = Driver::open(Version::V5);
    driver.settings.packet_ids_per_range = 4;
    driver.deliver(Qos::AtLeastOnce, 10..14);
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 14)).0,
        Offered::WindowFull
    );
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 12)).0,
        Offered::InFlight
    );
    // Position 10 has packet ID 1 + 10 mod 4.
    driver.send(&ack(AckKind::PubAck, 4)).outcome.unwrap();
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 14)).0,
        Offered::WindowFull
    );
    driver.send(&ack(AckKind::PubAck, 3)).outcome.unwrap();
    let sent = driver.deliver(Qos::AtLeastOnce, [14]);
    let [Packet::Publish(publish)] = packets(Version::V5, &sent)[..] else {
        panic!("{sent:02x?}")
    };
    assert_eq!(publish.packet_id, Some(id(3)));
    // A position before all others, after a change of tail.
    let mut driver = Driver::open(Version::V5);
    driver.settings.packet_ids_per_range = 4;
    driver.deliver(Qos::AtLeastOnce, [7, 5]);
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 3)).0,
        Offered::WindowFull
    );
    let step = driver.send(&ack(AckKind::PubAck, 2));
    assert_eq!(runs(&step), [(0, 70, 5, 1, Phase::Complete)]);
}

#[test]
fn an_expired_message_is_not_sent_but_a_begun_one_is() {
    // [MQTT-3.3.2-5] [MQTT-4.3.3-7] [MQTT-4.3.3-13]
    let mut driver = Driver::open(Version::V5);
    let expires = Some(driver.now);
    let late = OutgoingPublish {
        expires,
        ..outgoing(Qos::ExactlyOnce, Some(0))
    };
    let (offered, sent) = driver.offer(&Outgoing::Publish(late));
    assert_eq!(
        offered,
        Offered::TakenAndDone {
            reason: Done::Expired
        }
    );
    assert!(sent.is_empty());
    let begun = Outgoing::Publish(OutgoingPublish { dup: true, ..late });
    assert_eq!(driver.offer(&begun).0, Offered::Taken);
    let step = driver.send(&ack(AckKind::PubRec, 1));
    assert_eq!(runs(&step), [(0, 70, 0, 1, Phase::Received)]);
    assert_eq!(driver.stats.deliveries_expired, 1);
}

#[test]
fn the_expiry_that_is_sent_is_what_is_left() {
    // [MQTT-3.3.2-6]
    let mut driver = Driver::open(Version::V5);
    // Who took the message has a clock that is 1 ms ahead.
    let expires = Moment::from_nanos(driver.now.nanos() + 10_001_000_000);
    for (at, milliseconds, left) in [
        (0, 0, 10),
        (1, 400, 10),
        (2, 200, 9),
        (3, 5_000, 4),
        (4, 4_000, 1),
    ] {
        driver.elapse(milliseconds);
        let expires = Some(expires);
        let publish = OutgoingPublish {
            expires,
            ..outgoing(Qos::AtLeastOnce, Some(at))
        };
        let (_, sent) = driver.offer(&Outgoing::Publish(publish));
        let [Packet::Publish(publish)] = packets(Version::V5, &sent)[..] else {
            panic!("{sent:02x?}")
        };
        assert_eq!(publish.message_expiry, Some(left));
    }
}

#[test]
fn what_is_not_for_mqtt_3_is_left_out() {
    let full = OutgoingPublish {
        expires: Some(Moment::NEVER),
        subscription_ids: &[1, 2],
        properties: b"\x03\x00\x01t",
        retain: true,
        ..outgoing(Qos::AtLeastOnce, Some(0))
    };
    let mut driver = Driver::open(Version::V5);
    let (_, sent) = driver.offer(&Outgoing::Publish(full));
    let [Packet::Publish(publish)] = packets(Version::V5, &sent)[..] else {
        panic!("{sent:02x?}")
    };
    // [MQTT-3.3.4-3] [MQTT-3.3.4-4]
    assert!(publish.subscription_ids.iter().eq([1, 2]));
    assert_eq!((publish.forwarded.count(), publish.retain), (1, true));
    let mut driver = Driver::open(Version::V311);
    let (_, sent) = driver.offer(&Outgoing::Publish(full));
    assert_eq!(sent, b"\x33\x09\x00\x03a/b\x00\x01hi");
}

#[test]
fn a_closed_connection_takes_nothing() {
    let mut driver = Driver::open(Version::V5);
    driver.deliver(Qos::AtLeastOnce, [0]);
    driver.send(b"\xe0\x00").outcome.unwrap();
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 1)),
        (Offered::WindowFull, Vec::new())
    );
}
