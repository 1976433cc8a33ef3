//! QoS 2 publishes from the client.

use crate::driver::{Driver, VERSIONS, ack, ack_bytes, bytes_of, id, publish, publish_bytes};
use catena_connection::Action;
use catena_mqtt::{AckKind, Packet, Publish, Qos, ReasonCode, Version};

#[test]
fn an_exchange_runs_from_publish_to_pubcomp() {
    // [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-2.2.1-5] [MQTT3-4.3.3-2] [MQTT3-2.3.1-6]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let step = driver.send(&publish_bytes(version, Qos::ExactlyOnce, 5));
        assert!(step.sent.is_empty(), "the broker does not own it yet");
        assert!(matches!(step.actions[..],
            [Action::Receive { packet_id, .. }] if packet_id == id(5)));
        let sent = driver
            .published(step.ticket(), ReasonCode::Success)
            .unwrap();
        assert_eq!(sent, [0x50, 2, 0, 5]);
        let step = driver.send(&ack(AckKind::PubRel, 5));
        assert!(matches!(step.actions[..],
            [Action::Release { packet_id }] if packet_id == id(5)));
        assert!(step.sent.is_empty(), "the broker has not forgotten it yet");
        assert_eq!(driver.released(5, true), [0x70, 2, 0, 5]);
    }
}

#[test]
fn a_publish_sent_again_before_pubrel_is_left_to_the_session() {
    // [MQTT-4.3.3-10] [MQTT3-4.3.3-2]: PUBREC again; the session knows the packet ID.
    let mut driver = Driver::open(Version::V5);
    let first = driver.send(&publish_bytes(Version::V5, Qos::ExactlyOnce, 5));
    driver
        .published(first.ticket(), ReasonCode::Success)
        .unwrap();
    let again = Publish {
        dup: true,
        ..publish(Qos::ExactlyOnce, 5)
    };
    let step = driver.send(&bytes_of(Version::V5, &Packet::Publish(again)));
    assert!(matches!(step.actions[..], [Action::Receive { packet_id, .. }] if packet_id == id(5)));
    let sent = driver
        .published(step.ticket(), ReasonCode::Success)
        .unwrap();
    assert_eq!(sent, [0x50, 2, 0, 5]);
}

#[test]
fn a_publish_sent_again_before_its_answer_is_answered_along_with_it() {
    // [MQTT-4.3.3-10] [MQTT3-4.3.3-2]: the broker is asked once, and each gets its PUBREC.
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let publish = publish_bytes(version, Qos::ExactlyOnce, 5);
        let other = publish_bytes(version, Qos::ExactlyOnce, 6);
        let step = driver.send(&[&publish[..], &publish, &other, &publish].concat());
        let receives = step.actions.iter();
        let tickets: Vec<_> = receives
            .map(|action| match action {
                Action::Receive { ticket, .. } => *ticket,
                other => panic!("{other:?}"),
            })
            .collect();
        let [first, second] = tickets[..] else {
            panic!("asked {} times", tickets.len());
        };
        let sent = driver.published(first, ReasonCode::Success).unwrap();
        assert_eq!(sent, [0x50, 2, 0, 5, 0x50, 2, 0, 5]);
        let sent = driver.published(second, ReasonCode::Success).unwrap();
        assert_eq!(sent, [0x50, 2, 0, 6, 0x50, 2, 0, 5]);
        let step = driver.send(&publish);
        assert!(matches!(step.actions[..], [Action::Receive { .. }]));
    }
}

#[test]
fn pubrecs_leave_in_the_order_of_the_publishes() {
    // [MQTT-4.6.0-3] [MQTT3-4.6.0-3]
    let mut driver = Driver::open(Version::V5);
    let tickets: Vec<_> = (1..=3)
        .map(|id| {
            driver
                .send(&publish_bytes(Version::V5, Qos::ExactlyOnce, id))
                .ticket()
        })
        .collect();
    let qos1 = driver
        .send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 4))
        .ticket();
    assert!(
        driver
            .published(tickets[2], ReasonCode::Success)
            .unwrap()
            .is_empty()
    );
    assert!(
        driver
            .published(tickets[1], ReasonCode::Success)
            .unwrap()
            .is_empty()
    );
    // PUBACKs have an order of their own.
    assert_eq!(
        driver.published(qos1, ReasonCode::Success).unwrap(),
        [0x40, 2, 0, 4]
    );
    let sent = driver.published(tickets[0], ReasonCode::Success).unwrap();
    assert_eq!(sent, [0x50, 2, 0, 1, 0x50, 2, 0, 2, 0x50, 2, 0, 3]);
}

#[test]
fn a_refused_exchange_is_over() {
    // [MQTT-4.3.3-9] [MQTT-3.5.2-1]: the packet ID and its place in the quota are free again.
    let settings = catena_connection::Settings {
        receive_maximum: 1,
        ..Default::default()
    };
    let mut driver = Driver::open_with(settings, &crate::driver::connect(Version::V5));
    for _ in 0..3 {
        let step = driver.send(&publish_bytes(Version::V5, Qos::ExactlyOnce, 5));
        let sent = driver
            .published(step.ticket(), ReasonCode::QuotaExceeded)
            .unwrap();
        assert_eq!(sent, [0x50, 3, 0, 5, 0x97]);
    }
}

#[test]
fn after_pubcomp_the_same_packet_id_is_a_new_message() {
    // [MQTT-4.3.3-12]
    let settings = catena_connection::Settings {
        receive_maximum: 1,
        ..Default::default()
    };
    let mut driver = Driver::open_with(settings, &crate::driver::connect(Version::V5));
    for _ in 0..3 {
        let step = driver.send(&publish_bytes(Version::V5, Qos::ExactlyOnce, 5));
        driver
            .published(step.ticket(), ReasonCode::Success)
            .unwrap();
        driver.send(&ack(AckKind::PubRel, 5)).outcome.unwrap();
        assert_eq!(driver.released(5, true), [0x70, 2, 0, 5]);
    }
}

#[test]
fn an_unknown_packet_id_is_the_sessions_to_judge() {
    // [MQTT-3.7.2-1]: PUBCOMP 0x92; MQTT 3 has no code for it.
    let mut driver = Driver::open(Version::V5);
    let unknown = ReasonCode::PacketIdentifierNotFound;
    let step = driver.send(&ack_bytes(AckKind::PubRel, 5, unknown));
    assert!(matches!(step.actions[..], [Action::Release { .. }]));
    assert_eq!(driver.released(5, false), [0x70, 3, 0, 5, 0x92]);
    let mut driver = Driver::open(Version::V311);
    driver.send(&ack(AckKind::PubRel, 5)).outcome.unwrap();
    assert_eq!(driver.released(5, false), [0x70, 2, 0, 5]);
}

#[test]
fn a_packet_id_in_use_at_the_other_qos_is_refused() {
    let mut driver = Driver::open(Version::V5);
    let qos2 = driver
        .send(&publish_bytes(Version::V5, Qos::ExactlyOnce, 5))
        .ticket();
    let step = driver.send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 5));
    assert_eq!(step.sent, [0x40, 3, 0, 5, 0x91]);
    assert!(step.actions.is_empty());
    driver.published(qos2, ReasonCode::Success).unwrap();
    driver
        .send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 6))
        .outcome
        .unwrap();
    let step = driver.send(&publish_bytes(Version::V5, Qos::ExactlyOnce, 6));
    assert_eq!(step.sent, [0x50, 3, 0, 6, 0x91]);
}
