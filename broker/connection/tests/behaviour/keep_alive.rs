//! Keep alive, connect timeout, PINGREQ.

use catena_connection::{Settings, WillFate};
use catena_mqtt::{Connect, Packet, Publish, Qos, ReasonCode, Version};
use catena_types::Moment;

use crate::driver::{Driver, VERSIONS, bytes_of, connect, packets, publish};

fn open(version: Version, keep_alive: u16, keep_alive_seconds_max: u16) -> (Driver, Vec<u8>) {
    let mut driver = Driver::new(Settings {
        keep_alive_seconds_max,
        ..Settings::default()
    });
    let connack = driver.connect(&Connect {
        keep_alive,
        ..connect(version)
    });
    (driver, connack)
}

#[test]
fn silence_for_one_and_a_half_times_the_keep_alive_ends_the_connection() {
    // [MQTT-3.1.2-22] [MQTT-3.2.2-22] [MQTT3-3.1.2-24]
    for version in VERSIONS {
        let (mut driver, _) = open(version, 2, u16::MAX);
        for _ in 0..3 {
            driver.elapse(2_999);
            driver.timeout().unwrap();
            assert_eq!(driver.send(b"\xc0\x00").sent, b"\xd0\x00");
        }
        driver.elapse(3_000);
        let close = driver.timeout().unwrap_err();
        assert_eq!(close.reason, ReasonCode::KeepAliveTimeout);
        assert_eq!(
            close.will,
            WillFate::Publish,
            "as if the network had failed"
        );
        let expected: &[u8] = if version.is_v5() {
            &[0xE0, 1, 0x8D]
        } else {
            &[]
        };
        assert_eq!(driver.take_sent(), expected);
    }
}

#[test]
fn pingreq_is_answered() {
    // [MQTT-3.12.4-1] [MQTT3-3.12.4-1]
    for version in VERSIONS {
        assert_eq!(Driver::open(version).send(b"\xc0\x00").sent, b"\xd0\x00");
    }
}

#[test]
fn keep_alive_0_never_ends() {
    let (driver, _) = open(Version::V5, 0, u16::MAX);
    assert_eq!(driver.connection.next_deadline(&driver.settings), None);
}

#[test]
fn the_servers_keep_alive_is_told_and_holds() {
    // [MQTT-3.2.2-21] [MQTT-3.1.2-21] [MQTT-3.2.2-22]
    for (asked, granted) in [(0, Some(10)), (60, Some(10)), (5, None)] {
        let (mut driver, connack) = open(Version::V5, asked, 10);
        let [Packet::ConnAck(connack)] = &packets(Version::V5, &connack)[..] else {
            panic!("no CONNACK")
        };
        assert_eq!(connack.properties.server_keep_alive, granted);
        let seconds = u64::from(granted.unwrap_or(asked));
        driver.elapse(seconds * 1_500 - 1);
        driver.timeout().unwrap();
        driver.elapse(1);
        assert!(driver.timeout().is_err());
    }
    // An MQTT 3 client cannot be told, so its own holds.
    let (mut driver, _) = open(Version::V311, 60, 10);
    driver.elapse(89_999);
    driver.timeout().unwrap();
}

#[test]
fn a_connect_that_does_not_come_ends_the_connection() {
    let mut driver = Driver::new(Settings::default());
    let bytes = crate::driver::connect_bytes(&connect(Version::V5));
    // One byte every two seconds does not help.
    for end in 1..=4 {
        assert_eq!(driver.send(&bytes[..end]).outcome.unwrap(), 0);
        driver.elapse(2_000);
        driver.timeout().unwrap();
    }
    driver.elapse(2_000);
    assert!(driver.timeout().is_err());
    assert!(driver.take_sent().is_empty());
    assert!(driver.connection.is_closed());
}

#[test]
fn a_large_packet_on_its_way_is_a_sign_of_life() {
    let (mut driver, _) = open(Version::V5, 2, u16::MAX);
    let large = Publish {
        payload: &[0; 10_000],
        ..publish(Qos::AtMostOnce, 0)
    };
    let bytes = bytes_of(Version::V5, &Packet::Publish(large));
    for end in [100, 4_000, 8_000] {
        driver.elapse(2_000);
        driver.timeout().unwrap();
        assert_eq!(driver.send(&bytes[..end]).outcome.unwrap(), 0);
    }
    // A small one is not.
    driver.elapse(2_000);
    driver.send(b"\x30\x7f").outcome.unwrap();
    driver.elapse(1_000);
    assert!(driver.timeout().is_err());
}

#[test]
fn a_pause_of_ours_is_no_silence_of_the_client() {
    let (mut driver, _) = open(Version::V5, 2, u16::MAX);
    driver.elapse(10_000);
    driver.connection.handle_reading_resumed(driver.now);
    driver.timeout().unwrap();
    let next = driver.connection.next_deadline(&driver.settings);
    assert_eq!(
        next,
        Some(Moment::from_nanos(driver.now.nanos() + 3_000_000_000))
    );
}
