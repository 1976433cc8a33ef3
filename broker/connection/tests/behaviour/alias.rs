//! Topic aliases, both ways.
#![expect(clippy::panic, reason = "what takes results apart fails the test")]

use std::num::{NonZeroU16, NonZeroU32};

use catena_connection::{Action, Offered, Outgoing, OutgoingPublish, Settings};
use catena_mqtt::{Connect, ConnectProperties, Packet, Publish, Qos, ReasonCode, Version};

use crate::driver::{Driver, Step, bytes_of, connect, outgoing, packets, publish};

fn send(driver: &mut Driver, topic: &str, alias: u16) -> Step {
    let topic_alias = NonZeroU16::new(alias);
    let publish = Publish {
        topic,
        topic_alias,
        ..publish(Qos::AtMostOnce, 0)
    };
    driver.send(&bytes_of(Version::V5, &Packet::Publish(publish)))
}

#[track_caller]
fn topic_of(step: &Step) -> String {
    match &step.actions[..] {
        [Action::Publish { message, .. }] => message.topic.to_string(),
        other => panic!("not one publish: {other:?}"),
    }
}

fn open(inbound: u16) -> Driver {
    let settings = Settings {
        topic_alias_maximum: inbound,
        ..Settings::default()
    };
    Driver::open_with(settings, &connect(Version::V5))
}

#[test]
fn an_alias_stands_for_the_topic_it_was_set_with() {
    // [MQTT-3.3.2-12] [MQTT-3.3.2-7]
    let mut driver = open(2);
    assert_eq!(topic_of(&send(&mut driver, "a/b", 1)), "a/b");
    assert_eq!(topic_of(&send(&mut driver, "c/d", 2)), "c/d");
    assert_eq!(topic_of(&send(&mut driver, "", 1)), "a/b");
    assert_eq!(topic_of(&send(&mut driver, "", 2)), "c/d");
    // Set anew, then in force.
    assert_eq!(topic_of(&send(&mut driver, "e/f", 1)), "e/f");
    assert_eq!(topic_of(&send(&mut driver, "", 1)), "e/f");
    // Another connection knows nothing of it.
    send(&mut open(2), "", 1).assert_disconnected(ReasonCode::ProtocolError);
}

#[test]
fn an_alias_above_the_maximum_ends_the_connection() {
    // [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-9]
    for (maximum, alias) in [(0, 1), (2, 3), (2, u16::MAX)] {
        send(&mut open(maximum), "a/b", alias).assert_disconnected(ReasonCode::TopicAliasInvalid);
    }
}

#[test]
fn alias_0_ends_the_connection() {
    // [MQTT-3.3.2-8]
    let step = open(2).send(b"\x30\x09\x00\x03a/b\x03\x23\x00\x00");
    step.assert_disconnected(ReasonCode::TopicAliasInvalid);
}

#[test]
fn an_alias_for_a_refused_topic_is_refused_too() {
    let mut driver = open(2);
    assert!(send(&mut driver, "$SYS/x", 1).actions.is_empty());
    assert!(send(&mut driver, "", 1).actions.is_empty());
    assert_eq!(driver.stats.publishes_refused, 2);
}

/// Opens a connection of a client that takes aliases.
fn open_outbound(client: u16, ours: u16, packet_bytes_max: Option<u32>) -> Driver {
    let properties = ConnectProperties {
        topic_alias_maximum: client,
        maximum_packet_size: packet_bytes_max.and_then(NonZeroU32::new),
        ..Default::default()
    };
    let settings = Settings {
        topic_alias_outbound_max: ours,
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

/// Topic and alias of what is sent.
#[track_caller]
fn offer(driver: &mut Driver, topic: &str) -> (String, Option<u16>) {
    let publish = OutgoingPublish {
        topic,
        ..outgoing(Qos::AtMostOnce, None)
    };
    let (offered, sent) = driver.offer(&Outgoing::Publish(publish));
    assert_eq!(offered, Offered::Taken);
    match packets(Version::V5, &sent)[..] {
        [Packet::Publish(publish)] => (
            publish.topic.to_string(),
            publish.topic_alias.map(NonZeroU16::get),
        ),
        ref other => panic!("not one PUBLISH: {other:?}"),
    }
}

#[test]
fn the_first_topics_get_aliases() {
    // [MQTT-3.1.2-26] [MQTT-3.3.2-11] [MQTT-3.3.2-10]
    for (client, ours) in [(2, 32), (32, 2)] {
        let mut driver = open_outbound(client, ours, None);
        let whole = |topic: &str, alias| (topic.to_string(), alias);
        assert_eq!(offer(&mut driver, "one/x"), whole("one/x", Some(1)));
        assert_eq!(offer(&mut driver, "one/x"), whole("", Some(1)));
        assert_eq!(offer(&mut driver, "two/x"), whole("two/x", Some(2)));
        assert_eq!(offer(&mut driver, "three/x"), whole("three/x", None));
        assert_eq!(offer(&mut driver, "three/x"), whole("three/x", None));
        assert_eq!(offer(&mut driver, "one/x"), whole("", Some(1)));
        assert_eq!(offer(&mut driver, "two/x"), whole("", Some(2)));
        // Too short to gain by it.
        assert_eq!(offer(&mut driver, "a/b"), whole("a/b", None));
        assert_eq!(driver.stats.topic_aliases_used, 3);
    }
}

#[test]
fn without_a_maximum_there_are_no_aliases() {
    // [MQTT-3.1.2-27]
    for (client, ours) in [(0, 32), (32, 0)] {
        let mut driver = open_outbound(client, ours, None);
        for _ in 0..2 {
            assert_eq!(offer(&mut driver, "one/x"), ("one/x".to_string(), None));
        }
    }
}

#[test]
fn an_alias_that_was_not_sent_is_not_set() {
    // Type, length, topic, properties, payload: 1 + 1 + 7 + 1 + 2; the alias would be 3 more.
    let mut driver = open_outbound(8, 8, Some(12));
    assert_eq!(offer(&mut driver, "one/x"), ("one/x".to_string(), None));
    assert_eq!(offer(&mut driver, "one/x"), ("one/x".to_string(), None));
    let publish = OutgoingPublish {
        topic: "long/topic",
        ..outgoing(Qos::AtMostOnce, None)
    };
    let (_, sent) = driver.offer(&Outgoing::Publish(publish));
    assert!(sent.is_empty());
    assert_eq!(driver.stats.deliveries_too_large, 1);
}
