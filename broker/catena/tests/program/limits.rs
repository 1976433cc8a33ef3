//! Every limit that one client can meet: it acts, and `/metrics` tells how often. The page that
//! lists them, `docs/reference/limits.md`, names all that the program has.

use std::collections::BTreeSet;

use catena_resources::Configuration;
use catena_telemetry::metrics::Limit;
use tempfile::tempdir;

use crate::broker::{Broker, Client};
use crate::metrics::Page;

const PAGE: &str = include_str!("../../../../docs/reference/limits.md");

/// A broker that allows little, and what each limit is called in the metrics.
pub(crate) fn strict(settings: &[&str]) -> (tempfile::TempDir, Broker) {
    let folder = tempdir().unwrap();
    let mut arguments = Vec::new();
    for setting in settings {
        arguments.extend(["--set", *setting]);
    }
    let broker = Broker::start(folder.path(), &arguments);
    (folder, broker)
}

/// Sends a packet that a limit forbids and expects to be disconnected for this reason.
#[track_caller]
fn refused(broker: &Broker, packets: &[(u8, &[u8])], reason: u8) {
    let (mut client, connected) = Client::connect(broker.address, None);
    assert_eq!(connected, 0);
    for (first, body) in packets {
        client.send(*first, body);
    }
    loop {
        let (first, body) = client.receive().unwrap();
        if first == 0xE0 {
            return assert_eq!(body[0], reason);
        }
    }
}

#[track_caller]
pub(crate) fn check_hits(broker: &Broker, expected: &[(Limit, f64)]) {
    let name = |limit: &Limit| format!("catena_limit_hits_total{{limit=\"{}\"}}", limit.as_str());
    let page = Page::when(broker, |page| {
        let acted = |(limit, count): &(Limit, f64)| page.value(&name(limit)) == *count;
        expected.iter().all(acted)
    });
    for (limit, _) in expected {
        let max = format!("catena_limit_max{{limit=\"{}\"}}", limit.as_str());
        assert!(
            page.value(&max) > 0.0 || *limit == Limit::RetainAvailable,
            "{max}"
        );
    }
}

#[test]
fn limits_on_packets_act_and_are_counted() {
    let (_folder, broker) = strict(&[
        "spec.advanced.clients.maxPacketSizeBytes=100",
        "spec.advanced.clients.maxKeepAliveSeconds=30",
        "spec.catena.limits.userProperties=1",
        "spec.catena.limits.topicLevels=2",
        "spec.catena.limits.topicBytes=9",
        "spec.catena.limits.topicAliasMaximum=1",
        "spec.catena.limits.maximumQos=1",
        "spec.catena.limits.retainAvailable=false",
    ]);
    refused(&broker, &[(0x30, &[b'x'; 120])], 0x95);
    let properties = b"\0\x01a\x0e\x26\0\x01k\0\x01v\x26\0\x01k\0\x01v";
    refused(&broker, &[(0x30, properties)], 0x95);
    refused(&broker, &[(0x30, b"\0\x05a/b/c\0")], 0x90);
    refused(&broker, &[(0x30, b"\0\x0aaaaaaaaaaa\0")], 0x90);
    refused(&broker, &[(0x82, b"\0\x01\0\0\x05a/+/c\0")], 0x8F);
    refused(&broker, &[(0x30, b"\0\x01a\x03\x23\0\x02")], 0x94);
    refused(&broker, &[(0x34, b"\0\x01a\0\x01\0")], 0x9B);
    refused(&broker, &[(0x31, b"\0\x01a\0")], 0x9A);
    check_hits(
        &broker,
        &[
            (Limit::PacketBytes, 1.0),
            (Limit::UserProperties, 1.0),
            (Limit::TopicLevels, 2.0),
            (Limit::TopicBytes, 1.0),
            (Limit::TopicAliasMaximum, 1.0),
            (Limit::MaximumQos, 1.0),
            (Limit::RetainAvailable, 1.0),
            (Limit::KeepAlive, 8.0),
        ],
    );
}

#[test]
fn limits_on_sessions_act_and_are_counted() {
    let (_folder, broker) = strict(&[
        "spec.catena.partitions=1",
        "spec.advanced.clients.maxSessionExpirySeconds=5",
        "spec.catena.limits.halfFinishedQos2=1",
        "spec.catena.limits.subscriptionsPerSession=1",
        "spec.catena.limits.filtersPerSubscribe=1",
        "spec.catena.systemTopics.mode=Disabled",
        "spec.catena.limits.retainedMessages=1",
        "spec.catena.limits.connectTimeoutSeconds=1",
    ]);
    // Session Expiry Interval 100.
    let mut client = Client::open(broker.address);
    client.send(0x10, b"\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x64\0\x01s");
    let (first, connack) = client.receive().unwrap();
    assert_eq!((first, connack[1]), (0x20, 0));
    // Two filters in one SUBSCRIBE; then a second subscription.
    client.send(0x82, b"\0\x01\0\0\x01a\0\0\x01b\0");
    let suback = client.receive().unwrap();
    assert_eq!(suback, (0x90, b"\0\x01\0\x97\x97".to_vec()));
    client.send(0x82, b"\0\x02\0\0\x01a\0");
    assert_eq!(client.receive(), Some((0x90, b"\0\x02\0\0".to_vec())));
    client.send(0x82, b"\0\x03\0\0\x01b\0");
    assert_eq!(client.receive(), Some((0x90, b"\0\x03\0\x97".to_vec())));
    // The second message to be retained, and the second half-finished one.
    client.send(0x33, b"\0\x01x\0\x01\0k");
    assert_eq!(client.receive().unwrap().0, 0x40);
    client.send(0x33, b"\0\x01y\0\x02\0k");
    assert_eq!(client.receive().unwrap().0, 0x40);
    client.send(0x34, b"\0\x01z\0\x03\0");
    assert_eq!(client.receive().unwrap().0, 0x50);
    client.send(0x34, b"\0\x01z\0\x04\0");
    assert_eq!(client.receive().unwrap(), (0x50, b"\0\x04\x97".to_vec()));
    let mut silent = Client::open(broker.address);
    assert_eq!(silent.receive(), None);
    check_hits(
        &broker,
        &[
            (Limit::SessionExpiry, 1.0),
            (Limit::FiltersPerSubscribe, 1.0),
            (Limit::SubscriptionsPerSession, 1.0),
            (Limit::RetainedMessages, 1.0),
            (Limit::Qos2HalfFinished, 1.0),
            (Limit::ConnectTimeout, 1.0),
        ],
    );

    let (_folder, broker) = strict(&["spec.catena.limits.receiveMaximum=1"]);
    let publishes: [(u8, &[u8]); 2] = [(0x34, b"\0\x01z\0\x01\0"), (0x34, b"\0\x01z\0\x02\0")];
    refused(&broker, &publishes, 0x93);
    check_hits(&broker, &[(Limit::ReceiveMaximum, 1.0)]);
}

#[test]
fn a_longer_message_expiry_is_lowered_and_counted() {
    let (_folder, broker) = strict(&["spec.advanced.clients.maxMessageExpirySeconds=5"]);
    let (mut client, _) = Client::connect(broker.address, None);
    // Without an interval, with 60 seconds, and with 5.
    let publishes: [&[u8]; 3] = [
        b"\0\x01a\0\x01\0",
        b"\0\x01a\0\x02\x05\x02\0\0\0\x3c",
        b"\0\x01a\0\x03\x05\x02\0\0\0\x05",
    ];
    for publish in publishes {
        client.send(0x32, publish);
        assert_eq!(client.receive().unwrap().0, 0x40);
    }
    check_hits(&broker, &[(Limit::MessageExpiry, 2.0)]);
}

#[test]
fn limits_on_connections_act_and_are_counted() {
    let (_folder, broker) = strict(&["spec.catena.limits.connections=1"]);
    let (mut first, _) = Client::connect(broker.address, None);
    assert_eq!(Client::open(broker.address).receive(), None);
    check_hits(&broker, &[(Limit::Connections, 1.0)]);
    first.send(0xC0, b"");
    assert_eq!(first.receive(), Some((0xD0, Vec::new())));

    let (_folder, broker) = strict(&["spec.catena.limits.connectionsPerAddress=1"]);
    let (_first, _) = Client::connect(broker.address, None);
    assert_eq!(Client::open(broker.address).receive(), None);
    check_hits(&broker, &[(Limit::ConnectionsPerAddress, 1.0)]);
}

#[test]
fn the_page_lists_every_limit_with_its_default() {
    let mut rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let defaults = Configuration::default();
    let defaults = defaults.explain();
    let mut listed = BTreeSet::new();
    assert!(rows.clone().count() > 20);
    for row in &mut rows {
        let mut columns = row.split('|').map(|column| column.trim().trim_matches('`'));
        let (_, limit, field, default) = (
            columns.next(),
            columns.next().unwrap(),
            columns.next().unwrap(),
            columns.next().unwrap(),
        );
        listed.insert(limit);
        let setting = defaults.iter().find(|one| one.path.ends_with(field));
        if let Some(setting) = setting {
            assert_eq!(setting.value, default, "{field}");
        } else {
            assert!(["fixed", "none"].contains(&field), "{field}");
        }
    }
    let known: BTreeSet<&str> = Limit::ALL.iter().map(|limit| limit.as_str()).collect();
    assert_eq!(listed, known);
}
