//! SUBSCRIBE and UNSUBSCRIBE.
#![expect(clippy::panic, reason = "what takes results apart fails the test")]

use catena_connection::{Action, FilterAction, Settings};
use catena_mqtt::{
    Packet, Qos, ReasonCode, RetainHandling, SubAck, Subscribe, SubscriptionOptions, UnsubAck,
    Unsubscribe, UserProperties, Version,
};

use crate::driver::{Driver, Step, VERSIONS, bytes_of, connect, id, packets};

fn subscribe(version: Version, filters: &[(&str, SubscriptionOptions)]) -> Vec<u8> {
    let packet = Subscribe {
        packet_id: id(3),
        subscription_id: None,
        user_properties: UserProperties::EMPTY,
        filters: filters.into(),
    };
    bytes_of(version, &Packet::Subscribe(packet))
}

#[track_caller]
fn filters(step: &Step) -> &[FilterAction<'static>] {
    match &step.actions[..] {
        [
            Action::Subscribe {
                packet_id, filters, ..
            },
        ] if *packet_id == id(3) => filters,
        other => panic!("not one SUBSCRIBE: {other:?}"),
    }
}

const QOS_2: SubscriptionOptions = SubscriptionOptions {
    qos: Qos::ExactlyOnce,
    no_local: false,
    retain_as_published: false,
    retain_handling: RetainHandling::Send,
};

#[test]
fn a_subscribe_is_answered_with_a_code_for_each_filter() {
    // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1]
    // [MQTT-2.2.1-6] [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-3.8.4-4] [MQTT3-3.8.4-5]
    // [MQTT3-3.9.3-1] [MQTT3-3.9.3-2] [MQTT3-2.3.1-7]
    for version in VERSIONS {
        let mut driver = Driver::open(version);
        let step = driver.send(&subscribe(version, &[("a/#", QOS_2), ("+", QOS_2)]));
        let names: Vec<_> = filters(&step).iter().map(|filter| filter.filter).collect();
        assert_eq!(names, ["a/#", "+"]);
        assert!(step.sent.is_empty(), "the session does not have them yet");
        let codes = [ReasonCode::GrantedQos2, ReasonCode::NotAuthorized];
        let (settings, bytes) = (&driver.settings, &mut driver.bytes);
        let stats = &mut driver.stats;
        driver
            .connection
            .handle_subscribed(settings, id(3), &codes, bytes, stats)
            .unwrap();
        let expected: &[u8] = if version.is_v5() {
            &[0x90, 5, 0, 3, 0, 2, 0x87]
        } else {
            &[0x90, 4, 0, 3, 2, 0x80]
        };
        assert_eq!(driver.take_sent(), expected);
    }
}

#[test]
fn options_are_passed_on() {
    // [MQTT-3.8.3-3]
    let options = SubscriptionOptions {
        qos: Qos::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::SendIfNew,
    };
    let step = Driver::open(Version::V5).send(&subscribe(Version::V5, &[("a", options)]));
    let expected = FilterAction {
        filter: "a",
        qos: Qos::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::SendIfNew,
        refused: None,
    };
    assert_eq!(filters(&step), [expected]);
}

#[test]
fn the_listeners_maximum_qos_is_granted() {
    // [MQTT-3.2.2-10]
    let settings = Settings {
        maximum_qos: Qos::AtLeastOnce,
        ..Settings::default()
    };
    for version in VERSIONS {
        let mut driver = Driver::open_with(settings.clone(), &connect(version));
        let step = driver.send(&subscribe(version, &[("a", QOS_2)]));
        assert_eq!(filters(&step)[0].qos, Qos::AtLeastOnce);
    }
}

#[test]
fn kinds_of_filters_can_be_unavailable() {
    // [MQTT3-3.8.3-2]
    let settings = Settings {
        wildcard_subscriptions: false,
        shared_subscriptions: false,
        subscription_identifiers: false,
        ..Settings::default()
    };
    for (filter, reason) in [
        ("a/#", ReasonCode::WildcardSubscriptionsNotSupported),
        ("$share/g/a", ReasonCode::SharedSubscriptionsNotSupported),
    ] {
        let bytes = subscribe(Version::V5, &[("a", QOS_2), (filter, QOS_2)]);
        let mut driver = Driver::open_with(settings.clone(), &connect(Version::V5));
        driver.send(&bytes).assert_disconnected(reason);
        // MQTT 3 clients were not told before, so only the filter is refused.
        let mut driver = Driver::open_with(settings.clone(), &connect(Version::V311));
        let step = driver.send(&subscribe(Version::V311, &[("a", QOS_2), (filter, QOS_2)]));
        let refused: Vec<_> = filters(&step).iter().map(|filter| filter.refused).collect();
        assert_eq!(refused, [None, Some(reason)]);
        let step = driver.send(&subscribe(Version::V311, &[(filter, QOS_2)]));
        assert_eq!(
            (step.sent, step.actions.len()),
            (vec![0x90, 3, 0, 3, 0x80], 0)
        );
        assert_eq!(driver.stats.filters_refused, 2);
    }
    let mut driver = Driver::open_with(settings, &connect(Version::V5));
    driver
        .send(b"\x82\x09\x00\x01\x02\x0b\x01\x00\x01a\x00")
        .assert_disconnected(ReasonCode::SubscriptionIdentifiersNotSupported);
}

#[test]
fn a_subscription_identifier_is_passed_on() {
    let step = Driver::open(Version::V5).send(b"\x82\x09\x00\x01\x02\x0b\x07\x00\x01a\x00");
    assert!(matches!(
        step.actions[..],
        [Action::Subscribe {
            subscription_id: Some(7),
            ..
        }]
    ));
    for bad in [
        &b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00"[..],
        b"\x82\x0d\x00\x01\x06\x0b\xff\xff\xff\xff\x7f\x00\x01a\x00",
    ] {
        assert!(Driver::open(Version::V5).send(bad).outcome.is_err());
    }
}

#[test]
fn too_many_filters_are_refused_one_by_one() {
    let settings = Settings {
        filters_per_subscribe: 10,
        ..Settings::default()
    };
    let names: Vec<_> = (0..11).map(|number| format!("t/{number}")).collect();
    let list: Vec<_> = names.iter().map(|name| (name.as_str(), QOS_2)).collect();
    let mut driver = Driver::open_with(settings, &connect(Version::V5));
    assert_eq!(
        filters(&driver.send(&subscribe(Version::V5, &list[..10]))).len(),
        10
    );
    let step = driver.send(&subscribe(Version::V5, &list));
    assert!(step.actions.is_empty() && step.outcome.is_ok());
    let [Packet::SubAck(suback)] = packets(Version::V5, &step.sent)[..] else {
        panic!("{step:?}")
    };
    assert!(suback.codes.iter().eq([ReasonCode::QuotaExceeded; 11]));
}

#[test]
fn filters_that_the_operator_refuses_are_refused_to_all() {
    // [MQTT-3.9.3-1] [MQTT3-3.8.4-5]
    let settings = Settings {
        refused_filters: vec!["#".into(), "secret/+".into()],
        ..Settings::default()
    };
    let list = [
        ("#", QOS_2),
        ("a/#", QOS_2),
        ("secret/+", QOS_2),
        ("secret/1", QOS_2),
        ("$share/group/secret/+", QOS_2),
    ];
    let refused = Some(ReasonCode::UnspecifiedError);
    for version in [Version::V311, Version::V5] {
        let mut driver = Driver::open_with(settings.clone(), &connect(version));
        let step = driver.send(&subscribe(version, &list));
        let codes: Vec<_> = filters(&step).iter().map(|filter| filter.refused).collect();
        assert_eq!(codes, [refused, None, refused, None, refused]);
        let step = driver.send(&subscribe(version, &list[..1]));
        assert!(step.actions.is_empty() && step.outcome.is_ok());
        assert_eq!(step.sent.last(), Some(&0x80));
        assert_eq!(driver.stats.filters_refused, 4);
    }
}

#[test]
fn bad_filters_end_the_connection() {
    // [MQTT-3.8.3-4] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT3-4.7.1-2]
    let no_local = SubscriptionOptions {
        no_local: true,
        ..QOS_2
    };
    for (filter, options, reason) in [
        ("a/#/b", QOS_2, ReasonCode::MalformedPacket),
        ("a+", QOS_2, ReasonCode::MalformedPacket),
        ("", QOS_2, ReasonCode::MalformedPacket),
        ("$share/ab", QOS_2, ReasonCode::MalformedPacket),
        ("$share//t", QOS_2, ReasonCode::MalformedPacket),
        ("$share/g+/t", QOS_2, ReasonCode::MalformedPacket),
        ("$share/g/", QOS_2, ReasonCode::MalformedPacket),
        ("$share/g/t", no_local, ReasonCode::ProtocolError),
    ] {
        let step = Driver::open(Version::V5).send(&subscribe(Version::V5, &[(filter, options)]));
        step.assert_disconnected(reason);
        assert!(step.actions.is_empty());
    }
}

#[test]
fn only_codes_of_suback_are_sent() {
    // [MQTT-3.9.3-2]
    let mut driver = Driver::open(Version::V5);
    let codes: Vec<_> = ReasonCode::ALL.to_vec();
    let (settings, bytes) = (&driver.settings, &mut driver.bytes);
    let stats = &mut driver.stats;
    driver
        .connection
        .handle_subscribed(settings, id(3), &codes, bytes, stats)
        .unwrap();
    let sent = driver.take_sent();
    // The decoder refuses other codes.
    let [Packet::SubAck(SubAck { codes, .. })] = packets(Version::V5, &sent)[..] else {
        panic!("{sent:02x?}")
    };
    assert_eq!(codes.count(), ReasonCode::ALL.len());
}

#[test]
fn an_unsubscribe_is_answered_with_a_code_for_each_filter() {
    // [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2]
    // [MQTT-2.2.1-6] [MQTT3-3.10.4-4] [MQTT3-3.10.4-5] [MQTT3-3.10.4-6] [MQTT3-2.3.1-7]
    for version in VERSIONS {
        let list: &[&str] = &["a", "b/+"];
        let packet = Unsubscribe {
            packet_id: id(4),
            user_properties: UserProperties::EMPTY,
            filters: list.into(),
        };
        let mut driver = Driver::open(version);
        let step = driver.send(&bytes_of(version, &Packet::Unsubscribe(packet)));
        let [Action::Unsubscribe { filters, .. }] = &step.actions[..] else {
            panic!("{step:?}")
        };
        assert_eq!(filters, list);
        let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
        let (settings, bytes) = (&driver.settings, &mut driver.bytes);
        let stats = &mut driver.stats;
        driver
            .connection
            .handle_unsubscribed(settings, id(4), &codes, bytes, stats)
            .unwrap();
        let sent = driver.take_sent();
        let [
            Packet::UnsubAck(UnsubAck {
                packet_id,
                codes: found,
                ..
            }),
        ] = packets(version, &sent)[..]
        else {
            panic!("{sent:02x?}")
        };
        assert_eq!(packet_id, id(4));
        assert!(!version.is_v5() || found.iter().eq(codes));
    }
}

#[test]
fn only_codes_of_unsuback_are_sent() {
    // [MQTT-3.11.3-2]
    let mut driver = Driver::open(Version::V5);
    let (settings, bytes) = (&driver.settings, &mut driver.bytes);
    let stats = &mut driver.stats;
    driver
        .connection
        .handle_unsubscribed(settings, id(4), ReasonCode::ALL, bytes, stats)
        .unwrap();
    let sent = driver.take_sent();
    // The decoder refuses other codes.
    let [Packet::UnsubAck(UnsubAck { codes, .. })] = packets(Version::V5, &sent)[..] else {
        panic!("{sent:02x?}")
    };
    assert_eq!(codes.count(), ReasonCode::ALL.len());
}

#[test]
fn deliveries_begun_go_on_after_unsubscribe() {
    // [MQTT-3.10.4-3] [MQTT3-3.10.4-3]
    let mut driver = Driver::open(Version::V5);
    driver.deliver(Qos::AtLeastOnce, [0]);
    driver
        .send(b"\xa2\x08\x00\x04\x00\x00\x03a/b")
        .outcome
        .unwrap();
    let step = driver.send(b"\x40\x02\x00\x01");
    assert!(matches!(step.actions[..], [Action::Ack { count: 1, .. }]));
}
