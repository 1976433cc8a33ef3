//! SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK (sections 3.8 to 3.11).

use catena_conformance::{Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, raw, subscription, unique};
use catena_mqtt::{Ack, Packet, ReasonCode, SubscriptionOptions, Version};

use crate::{VERSIONS, shared};

fn client(version: Version) -> Client {
    Client::connect(shared(), &Options::clean(version))
}

/// Properties of a SUBSCRIBE or UNSUBSCRIBE without any.
fn no_properties(version: Version) -> &'static [u8] {
    if version.is_v5() { &[0] } else { &[] }
}

/// [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.2.1-6] [MQTT-3.9.3-1] [MQTT-3.8.4-5] [MQTT-3.8.4-6]
/// [MQTT-3.8.4-7] [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-2.3.1-7] [MQTT3-3.8.4-4]
/// [MQTT3-3.8.4-5] [MQTT3-3.9.3-1] [MQTT3-3.9.3-2]: one SUBACK with the identifier, and a code
/// for each filter in its order.
#[test]
fn suback_answers_each_filter() {
    for version in VERSIONS {
        let mut client = client(version);
        let names = [(); 6].map(|()| unique("t"));
        let qos = [QOS2, QOS0, QOS1, QOS1, QOS0, QOS2];
        let filters: Vec<_> = names
            .iter()
            .zip(qos)
            .map(|(name, qos)| (&**name, subscription(qos)))
            .collect();
        let codes = client.subscribe_all(&filters, None);
        let codes: Vec<_> = codes.into_iter().map(|code| code as u8).collect();
        assert_eq!(codes, qos.map(|qos| qos as u8));
        for (name, qos) in names.iter().zip(qos) {
            client.publish(name, "hello", QOS2);
            client.expect_message(name, "hello", qos);
        }
        for number in [1_u16, 255, 256, 65_535] {
            let id = number.to_be_bytes();
            let filter = raw::string(unique("t"));
            let parts: [&[u8]; 4] = [&id, no_properties(version), &filter, b"\x01"];
            client.send_bytes(&raw::packet(0x82, &parts));
            let received = client.receive();
            assert_eq!(
                (received.first_byte(), &received.body()[..2]),
                (0x90, &id[..])
            );
            assert_eq!(received.body().last(), Some(&1));
        }
    }
}

/// [MQTT-3.8.4-3] [MQTT3-3.8.4-3]: the same filter again replaces the subscription: there is
/// still one, with the new QoS and identifier.
#[test]
fn same_filter_replaces() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut client = client(version);
        for (number, qos) in [QOS2, QOS0, QOS1].into_iter().enumerate() {
            let number = number as u32 + 1;
            let number = version.is_v5().then_some(number);
            client.subscribe_as(&topic, subscription(qos), number);
            client.publish(&topic, "one", QOS2);
            let message = client.expect_message(&topic, "one", qos);
            assert_eq!(message.subscription_ids, Vec::from_iter(number));
            client.expect_silence();
        }
        client.subscribe_as(&topic, subscription(QOS1), None);
        client.publish(&topic, "one", QOS1);
        let message = client.expect_message(&topic, "one", QOS1);
        assert_eq!(message.subscription_ids, []);
        // So is one that comes twice in a packet.
        let filters = [(&*topic, subscription(QOS0)), (&topic, subscription(QOS2))];
        assert_eq!(client.subscribe_all(&filters, None).len(), 2);
        client.publish(&topic, "one", QOS2);
        client.expect_message(&topic, "one", QOS2);
        client.expect_silence();
    }
}

/// [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] [MQTT3-3.3.5-1]: overlapping
/// subscriptions get one copy at their highest QoS, with the identifiers of all of them.
#[test]
fn overlapping_subscriptions_get_one_copy() {
    for version in VERSIONS {
        let base = unique("t");
        let topic = format!("{base}/a/b");
        let mut client = client(version);
        for (number, (filter, qos)) in [("#", QOS0), ("a/+", QOS2), ("+/b", QOS1), ("x/#", QOS2)]
            .into_iter()
            .enumerate()
        {
            let number = version.is_v5().then_some(number as u32 + 1);
            client.subscribe_as(&format!("{base}/{filter}"), subscription(qos), number);
        }
        for qos in EVERY_QOS {
            client.publish(&topic, "hello", qos);
            let message = client.expect_message(&topic, "hello", qos);
            let expected: &[u32] = if version.is_v5() { &[1, 2, 3] } else { &[] };
            assert_eq!(message.subscription_ids, expected);
            client.expect_silence();
        }
    }
}

/// [MQTT-3.3.4-3]: identifiers go up to 268,435,455, are those of the session, and a subscription
/// without one adds none.
#[test]
fn subscription_identifiers_last_with_the_session() {
    let (one, two) = (unique("t"), unique("t"));
    let options = Options::lasting(Version::V5);
    let mut subscriber = Client::connect(shared(), &options);
    subscriber.subscribe_as(&one, subscription(QOS1), Some(268_435_455));
    subscriber.subscribe_as(&two, subscription(QOS1), None);
    subscriber.disconnect();
    let mut publisher = client(Version::V5);
    publisher.publish(&one, "queued", QOS1);
    let mut subscriber = Client::connect(shared(), &options);
    let message = subscriber.expect_message(&one, "queued", QOS1);
    assert_eq!(message.subscription_ids, [268_435_455]);
    publisher.publish(&two, "live", QOS1);
    let message = subscriber.expect_message(&two, "live", QOS1);
    assert_eq!(message.subscription_ids, []);
}

/// [MQTT-3.8.3-3]: No Local keeps a client's own messages from it, by its identifier, and only
/// with that subscription.
#[test]
fn no_local() {
    let (own, all) = (unique("t"), unique("t"));
    let options = Options::lasting(Version::V5);
    let mut one = Client::connect(shared(), &options);
    let no_local = SubscriptionOptions {
        no_local: true,
        ..subscription(QOS1)
    };
    one.subscribe_as(&own, no_local, None);
    one.subscribe(&all, QOS1);
    let mut other = client(Version::V5);
    other.subscribe(&own, QOS1);
    for qos in EVERY_QOS {
        one.publish(&own, "own", qos);
        other.expect_message(&own, "own", qos.min(QOS1));
        other.publish(&own, "other", qos);
        one.expect_message(&own, "other", qos.min(QOS1));
        other.take();
        one.publish(&all, "all", qos);
        one.expect_message(&all, "all", qos.min(QOS1));
    }
    one.expect_silence();
    // With a second connection it is still the same client.
    one.disconnect();
    let mut one = Client::connect(shared(), &options);
    one.publish(&own, "own", QOS1);
    one.expect_silence();
    other.expect_message(&own, "own", QOS1);
}

/// [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-2.1.3-1] [MQTT3-3.8.1-1] [MQTT3-3.10.1-1]
/// [MQTT3-2.2.2-2]: flags are 0010.
#[test]
fn flags_are_fixed() {
    for version in VERSIONS {
        for flags in (0..16).filter(|flags| *flags != 2) {
            for (kind, options) in [(0x80, &b"\0"[..]), (0xA0, b"")] {
                let mut client = client(version);
                let filter = raw::string(unique("t"));
                let parts: [&[u8]; 4] = [b"\0\x01", no_properties(version), &filter, options];
                client.send_bytes(&raw::packet(kind | flags, &parts));
                client.expect_disconnect(ReasonCode::MalformedPacket);
            }
        }
    }
}

/// [MQTT-3.8.3-1] [MQTT-3.8.3-2] [MQTT-3.10.3-1] [MQTT-3.10.3-2] [MQTT-2.2.1-3] [MQTT3-3.8.3-1]
/// [MQTT3-3.8.3-3] [MQTT3-3.10.3-1] [MQTT3-3.10.3-2] [MQTT3-2.3.1-1]: there is an identifier, and
/// at least one filter, which is text.
#[test]
fn filters_are_there_and_text() {
    for version in VERSIONS {
        let none = no_properties(version);
        let (good, bad) = (raw::string("a/b"), raw::string(b"a/\xED\xA0\x80"));
        let with_nul = raw::string("a\0b");
        for (first_byte, options) in [(0x82, &b"\0"[..]), (0xA2, b"")] {
            let bodies: [&[&[u8]]; 5] = [
                &[b"\0\x01", none],
                &[b"\0\0", none, &good, options],
                &[b"\0\x01", none, &bad, options],
                &[b"\0\x01", none, &with_nul, options],
                &[b"\0\x01", none, b"\0\x09a/b"],
            ];
            for parts in bodies {
                let mut client = client(version);
                client.send_bytes(&raw::packet(first_byte, parts));
                client.expect_end();
            }
        }
        let mut client = client(version);
        client.send_bytes(&raw::packet(0x82, &[b"\0\x01", none, &good]));
        client.expect_disconnect(ReasonCode::MalformedPacket);
    }
}

/// [MQTT-3.8.3-5] [MQTT-3.8.3-4] [MQTT3-3.8.3-4]: options that do not exist end the connection.
#[test]
fn options_that_do_not_exist() {
    for (version, filter, options) in [
        (Version::V5, "a", 0x03),
        (Version::V5, "a", 0x30),
        (Version::V5, "a", 0x40),
        (Version::V5, "a", 0x80),
        (Version::V5, "$share/g/a", 0x04),
        (Version::V311, "a", 0x03),
        (Version::V311, "a", 0x04),
        (Version::V311, "a", 0x10),
        (Version::V311, "a", 0x80),
    ] {
        let mut client = client(version);
        let none = no_properties(version);
        let parts: [&[u8]; 4] = [b"\0\x01", none, &raw::string(filter), &[options]];
        client.send_bytes(&raw::packet(0x82, &parts));
        client.expect_end();
    }
}

/// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT3-4.7.1-2]
/// [MQTT3-4.7.1-3] [MQTT3-4.7.3-1]: filters with wildcards in the wrong place.
#[test]
fn filters_are_well_formed() {
    let plain = [
        "", "a#", "a/#/b", "#/a", "a+", "+a/b", "a/b+/c", "a/+b", "a/b#",
    ];
    let shared_filters = [
        "$share//a",
        "$share/g",
        "$share/g/",
        "$share/",
        "$share/a+b/t",
        "$share/#/t",
        "$share/+/t",
        "$share/g/a#",
    ];
    for version in VERSIONS {
        for filter in plain.into_iter().chain(shared_filters) {
            let mut client = client(version);
            let none = no_properties(version);
            let parts: [&[u8]; 4] = [b"\0\x01", none, &raw::string(filter), b"\0"];
            client.send_bytes(&raw::packet(0x82, &parts));
            match client.receive_or_end().as_ref().map(|one| one.packet()) {
                Some(Packet::SubAck(suback)) => {
                    assert!(suback.codes.iter().all(ReasonCode::is_error), "{filter:?}");
                }
                Some(Packet::Disconnect(disconnect)) => assert!(disconnect.reason.is_error()),
                None => {}
                other => panic!("{filter:?}: {other:?}"),
            }
        }
    }
}

/// [MQTT-4.13.1-1]: properties of SUBSCRIBE and UNSUBSCRIBE that do not exist, come twice or have
/// impossible values.
#[test]
fn properties_are_checked() {
    let filter = raw::string("a/b");
    for (first_byte, options, properties) in [
        (0x82, &b"\0"[..], &b"\x0B\0"[..]),
        (0x82, b"\0", b"\x0B\x01\x0B\x02"),
        (0x82, b"\0", b"\x11\0\0\0\x01"),
        (0x82, b"\0", b"\x26\0\x01k"),
        (0xA2, b"", b"\x0B\x01"),
        (0xA2, b"", b"\x1F\0\x01a"),
    ] {
        let mut client = client(Version::V5);
        let section = raw::section(&[properties]);
        client.send_bytes(&raw::packet(
            first_byte,
            &[b"\0\x01", &section, &filter, options],
        ));
        client.expect_end();
    }
}

/// [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2]
/// [MQTT-2.2.1-6] [MQTT3-3.10.4-4] [MQTT3-3.10.4-5] [MQTT3-3.10.4-6]: one UNSUBACK, with a code
/// for each filter in 5.0, whether there was a subscription or not.
#[test]
fn unsuback_answers_each_filter() {
    for version in VERSIONS {
        let (one, two, three) = (unique("t"), unique("t"), unique("t"));
        let mut client = client(version);
        client.subscribe(&one, QOS1);
        client.subscribe(&three, QOS1);
        let codes = client.unsubscribe(&[&one, &two, &three]);
        let (gone, none) = (ReasonCode::Success, ReasonCode::NoSubscriptionExisted);
        let expected: &[_] = if version.is_v5() {
            &[gone, none, gone]
        } else {
            &[]
        };
        assert_eq!(codes, expected);
        for topic in [&one, &two, &three] {
            client.publish(topic, "to nobody", QOS1);
        }
        client.expect_silence();
    }
}

/// [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT3-3.10.4-1] [MQTT3-3.10.4-2]: just this filter, compared
/// byte by byte, and nothing that it matches.
#[test]
fn unsubscribe_ends_exactly_one_filter() {
    for version in VERSIONS {
        let base = unique("t");
        let topic = format!("{base}/a");
        let mut client = client(version);
        client.subscribe(&topic, QOS1);
        let others = ["+", "#", "A", "a/", "/a", "a/#", "\u{FEFF}a"];
        for other in others {
            let codes = client.unsubscribe(&[&format!("{base}/{other}")]);
            assert!(
                codes
                    .iter()
                    .all(|code| *code == ReasonCode::NoSubscriptionExisted)
            );
        }
        client.publish(&topic, "still", QOS1);
        client.expect_message(&topic, "still", QOS1);
        client.unsubscribe(&[&topic]);
        client.publish(&topic, "no more", QOS1);
        client.publish(&topic, "no more", QOS0);
        client.expect_silence();
    }
}

/// [MQTT-3.10.4-2]: ending one of two overlapping subscriptions leaves the other.
#[test]
fn unsubscribe_leaves_what_overlaps() {
    for version in VERSIONS {
        let base = unique("t");
        let (topic, wild) = (format!("{base}/a"), format!("{base}/#"));
        let mut client = client(version);
        client.subscribe(&topic, QOS2);
        client.subscribe(&wild, QOS1);
        client.publish(&topic, "both", QOS2);
        client.expect_message(&topic, "both", QOS2);
        client.unsubscribe(&[&topic]);
        client.publish(&topic, "one", QOS2);
        client.expect_message(&topic, "one", QOS1);
        client.expect_silence();
    }
}

/// [MQTT-3.10.4-3] [MQTT3-3.10.4-3]: deliveries that have begun are finished after UNSUBSCRIBE,
/// also on a later connection.
#[test]
fn unsubscribe_finishes_what_has_begun() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&topic, QOS2);
        client.publish(&topic, "two", QOS2);
        let two = client.expect_publish();
        client.publish(&topic, "one", QOS1);
        let one = client.expect_publish();
        client.unsubscribe(&[&topic]);
        client.send(&Packet::PubRec(Ack::success(two.id())));
        client.expect_pubrel(two.id());
        client.expect_silence();
        client.cut_and_wait();
        let mut client = Client::connect(shared(), &options);
        let mut kinds = [client.receive(), client.receive()].map(|one| one.first_byte());
        kinds.sort_unstable();
        assert_eq!(kinds, [0x3A, 0x62]);
        client.send(&Packet::PubComp(Ack::success(two.id())));
        client.acknowledge(&one);
        client.expect_silence();
    }
}
