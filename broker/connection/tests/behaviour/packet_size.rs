//! The client's Maximum Packet Size, and words in failures.
#![expect(clippy::panic, reason = "what takes results apart fails the test")]

use std::num::NonZeroU32;

use catena_connection::{Done, Offered, Outgoing, OutgoingPublish, Settings};
use catena_mqtt::{
    AckKind, Connect, ConnectProperties, Packet, Qos, ReasonCode, ReasonProperties, Version,
};

use crate::driver::{Driver, ack, connect, id, message, outgoing, packets, publish_bytes};

fn open(packet_bytes_max: u32, problem_information: bool) -> Driver {
    let properties = ConnectProperties {
        maximum_packet_size: NonZeroU32::new(packet_bytes_max),
        request_problem_information: problem_information,
        ..Default::default()
    };
    let settings = Settings {
        reason_strings: true,
        topic_alias_maximum: 0,
        filters_per_subscribe: 1,
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

/// The properties of the only packet.
#[track_caller]
fn words(sent: &[u8]) -> Option<String> {
    let properties: ReasonProperties<'_> = match &packets(Version::V5, sent)[..] {
        [Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack)] => ack.properties,
        [Packet::SubAck(suback)] => suback.properties,
        [Packet::UnsubAck(unsuback)] => unsuback.properties,
        other => panic!("not one answer: {other:?}"),
    };
    assert!(properties.user_properties.is_empty());
    properties.reason_string.map(str::to_string)
}

#[test]
fn a_publish_that_is_too_large_counts_as_sent() {
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    for (maximum, is_sent) in [(12, true), (11, false)] {
        let mut driver = open(maximum, true);
        let (offered, sent) = driver.offer(&message(Qos::AtLeastOnce, 0));
        assert_eq!(sent.len(), if is_sent { 12 } else { 0 });
        let done = Offered::TakenAndDone {
            reason: Done::TooLarge,
        };
        assert_eq!(offered, if is_sent { Offered::Taken } else { done });
        assert_eq!(driver.connection.in_flight(), u16::from(is_sent));
        let unacknowledged = OutgoingPublish {
            payload: &[0; 99],
            payload_apart: false,
            ..outgoing(Qos::AtMostOnce, None)
        };
        let (offered, sent) = driver.offer(&Outgoing::Publish(unacknowledged));
        assert_eq!((offered, sent.len()), (Offered::Taken, 0));
    }
}

/// A failure with words if they are wanted and fit, and without if not.
#[track_caller]
fn check(answer: impl Fn(&mut Driver) -> Vec<u8>) {
    for (maximum, wanted, has_words) in [
        (1_000, true, true),
        (1_000, false, false),
        (20, true, false),
    ] {
        let sent = answer(&mut open(maximum, wanted));
        assert!(sent.len() <= maximum as usize);
        assert_eq!(words(&sent).is_some(), has_words, "{maximum} {wanted}");
    }
}

#[test]
fn words_in_a_puback_are_sent_where_they_are_wanted_and_fit() {
    // [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.1.2-29]
    check(|driver| {
        let step = driver.send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 1));
        driver
            .published(step.ticket(), ReasonCode::NotAuthorized)
            .unwrap()
    });
}

#[test]
fn words_in_a_pubrec_are_sent_where_they_are_wanted_and_fit() {
    // [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.1.2-29]
    check(|driver| {
        let step = driver.send(&publish_bytes(Version::V5, Qos::ExactlyOnce, 1));
        driver
            .published(step.ticket(), ReasonCode::NotAuthorized)
            .unwrap()
    });
}

#[test]
fn a_refusal_has_words_of_its_own_where_they_are_wanted_and_fit() {
    // [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.1.2-29]
    const CAUSE: &str = "response topic missing";
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        check(|driver| {
            let step = driver.send(&publish_bytes(Version::V5, qos, 1));
            let refusal = (ReasonCode::ImplementationSpecificError, CAUSE);
            let sent = driver.refused(step.ticket(), refusal).unwrap();
            assert!(words(&sent).is_none_or(|words| words == CAUSE));
            sent
        });
    }
}

#[test]
fn words_belong_to_the_publish_that_was_refused() {
    let mut driver = open(1_000, true);
    driver.settings.reason_strings = false;
    let tickets = [1, 2, 3].map(|id| {
        driver
            .send(&publish_bytes(Version::V5, Qos::AtLeastOnce, id))
            .ticket()
    });
    let error = ReasonCode::ImplementationSpecificError;
    assert_eq!(driver.refused(tickets[1], (error, "why")).unwrap(), []);
    assert_eq!(driver.published(tickets[2], error).unwrap(), []);
    // The second has its words though it was answered before the first left, the third has none.
    let sent = driver.published(tickets[0], ReasonCode::Success).unwrap();
    let heard: Vec<_> = packets(Version::V5, &sent)
        .iter()
        .map(|packet| match packet {
            Packet::PubAck(ack) => ack.properties.reason_string.map(str::to_string),
            other => panic!("no PUBACK: {other:?}"),
        })
        .collect();
    assert_eq!(heard, [None, Some("why".to_string()), None]);
    // A ticket of the past leaves no words behind for a later publish.
    assert_eq!(driver.refused(tickets[1], (error, "late")).unwrap(), []);
    let next = driver
        .send(&publish_bytes(Version::V5, Qos::AtLeastOnce, 4))
        .ticket();
    assert_eq!(words(&driver.published(next, error).unwrap()), None);
}

#[test]
fn words_in_a_pubcomp_are_sent_where_they_are_wanted_and_fit() {
    // [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.1.2-29]
    check(|driver| driver.released(1, false));
}

#[test]
fn words_in_a_suback_are_sent_where_they_are_wanted_and_fit() {
    // [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.1.2-29]
    check(|driver| {
        driver
            .send(b"\x82\x0b\x00\x01\x00\x00\x01a\x01\x00\x01b\x01")
            .sent
    });
}

#[test]
fn words_in_an_unsuback_are_sent_where_they_are_wanted_and_fit() {
    // [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.1.2-29]
    check(|driver| {
        let (settings, codes) = (&driver.settings, [ReasonCode::UnspecifiedError; 2]);
        let (bytes, stats) = (&mut driver.bytes, &mut driver.stats);
        driver
            .connection
            .handle_unsubscribed(settings, id(1), &codes, bytes, stats)
            .unwrap();
        driver.take_sent()
    });
}

#[test]
fn a_pubrel_has_no_words() {
    // [MQTT-3.6.2-2] [MQTT-3.6.2-3]
    let sent = open(1_000, true).send(&ack(AckKind::PubRec, 9)).sent;
    assert_eq!(sent, [0x62, 3, 0, 9, 0x92]);
}

#[test]
fn an_answer_that_cannot_be_sent_ends_the_connection() {
    // [MQTT-3.1.2-24]: five filters make a SUBACK of ten bytes.
    let mut driver = open(9, true);
    let (settings, codes) = (&driver.settings, [ReasonCode::Success; 5]);
    let (bytes, stats) = (&mut driver.bytes, &mut driver.stats);
    let outcome = driver
        .connection
        .handle_subscribed(settings, id(1), &codes, bytes, stats);
    assert_eq!(outcome.unwrap_err().reason, ReasonCode::PacketTooLarge);
    assert_eq!(driver.take_sent(), [0xE0, 1, 0x95]);
}
