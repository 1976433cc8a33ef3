//! Flow control, both ways.

use std::num::NonZeroU16;

use catena_connection::{Offered, Outgoing, Settings, Source};
use catena_mqtt::{AckKind, Connect, ConnectProperties, Qos, ReasonCode, Version};

use crate::driver::{
    Driver, ack, ack_bytes, connect, message, outgoing, partition, position, publish_bytes,
};

fn open(receive_maximum: u16, cap: u16) -> Driver {
    let receive_maximum = NonZeroU16::new(receive_maximum);
    let properties = ConnectProperties {
        receive_maximum,
        ..Default::default()
    };
    let settings = Settings {
        receive_maximum_outbound_max: cap,
        ..Settings::default()
    };
    Driver::open_with(
        settings,
        &Connect {
            properties,
            ..connect(Version::V5)
        },
    )
}

#[test]
fn no_more_is_in_flight_than_the_client_allows() {
    // [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]
    for (maximum, cap) in [(3, u16::MAX), (100, 3)] {
        let mut driver = open(maximum, cap);
        assert_eq!(driver.connection.receive_maximum(), 3);
        driver.deliver(Qos::AtLeastOnce, 0..2);
        driver.deliver(Qos::ExactlyOnce, [2]);
        assert_eq!(
            driver.offer(&message(Qos::AtLeastOnce, 3)).0,
            Offered::WindowFull
        );
        assert_eq!(driver.stats.deliveries_held_back, 1);
        driver.send(&ack(AckKind::PubAck, 1)).outcome.unwrap();
        driver.deliver(Qos::AtLeastOnce, [3]);
        // PUBREC gives nothing back, PUBCOMP does.
        driver.send(&ack(AckKind::PubRec, 3)).outcome.unwrap();
        assert_eq!(
            driver.offer(&message(Qos::AtLeastOnce, 4)).0,
            Offered::WindowFull
        );
        driver.offer(&Outgoing::Release {
            position: position(2),
        });
        driver.send(&ack(AckKind::PubComp, 3)).outcome.unwrap();
        driver.deliver(Qos::AtLeastOnce, [4]);
        // A failure gives back too.
        driver
            .send(&ack_bytes(AckKind::PubAck, 2, ReasonCode::QuotaExceeded))
            .outcome
            .unwrap();
        driver.deliver(Qos::AtLeastOnce, [5]);
    }
}

#[test]
fn everything_but_publishes_goes_on_when_the_window_is_full() {
    // [MQTT-3.3.4-10] [MQTT-4.9.0-3] [MQTT-3.3.4-8]
    let mut driver = open(1, u16::MAX);
    driver.deliver(Qos::ExactlyOnce, [0]);
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 1)).0,
        Offered::WindowFull
    );
    assert_eq!(driver.send(b"\xc0\x00").sent, b"\xd0\x00");
    let (offered, sent) = driver.offer(&Outgoing::Publish(outgoing(Qos::AtMostOnce, None)));
    assert!(offered == Offered::Taken && !sent.is_empty());
    driver.send(&ack(AckKind::PubRec, 1)).outcome.unwrap();
    let release = Outgoing::Release {
        position: position(0),
    };
    assert_eq!(
        driver.offer(&release),
        (Offered::Taken, vec![0x62, 2, 0, 1])
    );
    let step = driver.send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 9));
    assert_eq!(
        driver
            .published(step.ticket(), ReasonCode::Success)
            .unwrap(),
        [0x40, 2, 0, 9]
    );
}

#[test]
fn an_mqtt_3_client_is_limited_by_its_packet_ids() {
    let mut driver = Driver::open(Version::V311);
    assert_eq!(driver.connection.receive_maximum(), u16::MAX);
    let source = Source {
        partition: partition(0),
        attachment: 70,
    };
    for at in 0..65_535 {
        let (settings, offer) = (&driver.settings, message(Qos::AtLeastOnce, at));
        let (bytes, stats) = (&mut driver.bytes, &mut driver.stats);
        let offered = driver
            .connection
            .offer(driver.now, settings, source, &offer, bytes, stats);
        assert_eq!(offered, Offered::Taken);
    }
    assert_eq!(
        driver.offer(&message(Qos::AtLeastOnce, 65_535)).0,
        Offered::WindowFull
    );
}

#[test]
fn a_client_that_exceeds_ours_is_disconnected() {
    // [MQTT-3.3.4-7]
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let settings = Settings {
            receive_maximum: 2,
            ..Settings::default()
        };
        let mut driver = Driver::open_with(settings, &connect(Version::V5));
        let first = driver.send(&publish_bytes(Version::V5, qos, 1)).ticket();
        driver
            .send(&publish_bytes(Version::V5, qos, 2))
            .outcome
            .unwrap();
        driver.published(first, ReasonCode::Success).unwrap();
        if qos == Qos::ExactlyOnce {
            // A publish sent again needs no second place.
            driver
                .send(&publish_bytes(Version::V5, qos, 1))
                .outcome
                .unwrap();
            driver.send(&ack(AckKind::PubRel, 1)).outcome.unwrap();
            driver.released(1, true);
        }
        driver
            .send(&publish_bytes(Version::V5, qos, 3))
            .outcome
            .unwrap();
        driver
            .send(&publish_bytes(Version::V5, qos, 4))
            .assert_disconnected(ReasonCode::ReceiveMaximumExceeded);
    }
}

#[test]
fn an_mqtt_3_client_knows_no_receive_maximum() {
    let settings = Settings {
        receive_maximum: 2,
        ..Settings::default()
    };
    let mut driver = Driver::open_with(settings, &connect(Version::V311));
    for id in 1..10 {
        driver
            .send(&publish_bytes(Version::V311, Qos::AtLeastOnce, id))
            .outcome
            .unwrap();
    }
}
