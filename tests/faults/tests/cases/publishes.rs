//! P07, P11, P12, P13, P23: names, properties and aliases that clients make up.

use std::collections::BTreeMap;

use catena_conformance::{Client, EVERY_QOS, Options, QOS0, QOS1, post, raw, subscription};
use catena_faults::{Broker, MIB, Probe};
use catena_mqtt::{Packet, Publish, ReasonCode, Version};

use crate::support::{Numbers, connected, ending, expect_ending, publish_with, user_property};

/// P07: 60,000 user properties in each packet that may have some.
#[test]
fn p07_floods_of_user_properties() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let flood = user_property(b"", b"").repeat(60_000);
    let section = raw::section(&[&flood]);
    let filter = [raw::string("a"), vec![0]].concat();
    let packets = [
        publish_with(&[&flood], "a", b"x"),
        raw::packet(0x82, &[&[0, 1], &section, &filter]),
        raw::packet(0xA2, &[&[0, 1], &section, &raw::string("a")]),
        raw::packet(0x40, &[&[0, 1, 0], &section]),
        raw::packet(0xE0, &[&[0], &section]),
    ];
    for _ in 0..20 {
        for packet in &packets {
            let mut client = connected(&broker);
            client.send_bytes(packet);
            // A reset may swallow the reason: the broker does not read all of it.
            let reason = ending(&mut client);
            assert!(reason.is_none_or(|reason| reason.is_error()), "{reason:?}");
        }
        let mut stranger = broker.open(Version::V5);
        stranger.send_bytes(&raw::connect_v5("c", &[&flood]));
        stranger.expect_end();
    }
    probe.expect_quality();
    let mut client = connected(&broker);
    let mut few = publish_with(&[&user_property(b"n", b"v").repeat(1_001)], "a", b"x");
    client.send_bytes(&few);
    let too_many = [
        ReasonCode::MalformedPacket,
        ReasonCode::PacketTooLarge,
        ReasonCode::QuotaExceeded,
        ReasonCode::ImplementationSpecificError,
        ReasonCode::ProtocolError,
    ];
    expect_ending(&mut client, &too_many, "1,001 properties");
    // One property as large as one can be is as good as any.
    let (name, value) = ([b'n'; 65_535], [b'v'; 65_535]);
    few = publish_with(&[&user_property(&name, &value)], "large", b"x");
    let mut client = connected(&broker);
    client.subscribe("large", QOS0);
    client.send_bytes(&few);
    let message = client.expect_publish();
    assert_eq!(message.forwarded.len(), 5 + 2 * 65_535);
}

/// P11
#[test]
fn p11_topic_names_that_are_none() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let wrong: [&[u8]; 9] = [
        b"",
        b"a/+",
        b"a/#",
        b"a\0b",
        &[b'a', 0xED, 0xA0, 0x80],
        &[0xC0, 0x80],
        &[b'a', 0xF8, 0x88, 0x80, 0x80, 0x80],
        "a\u{1}".as_bytes(),
        "\u{FFFE}".as_bytes(),
    ];
    for topic in wrong {
        let mut client = connected(&broker);
        client.send_bytes(&raw::packet(0x30, &[&raw::string(topic), &[0], b"x"]));
        let reasons = [ReasonCode::MalformedPacket, ReasonCode::ProtocolError];
        expect_ending(&mut client, &reasons, &format!("{topic:02x?}"));
        let mut client = broker.connect(&Options::clean(Version::V311));
        client.send_bytes(&raw::packet(0x30, &[&raw::string(topic), b"x"]));
        assert_eq!(ending(&mut client), None);
    }
    // Allowed, if strange: a byte order mark, and the longest name there can be.
    for topic in ["\u{FEFF}", &"x".repeat(65_535)] {
        let mut client = connected(&broker);
        client.subscribe(topic, QOS1);
        let id = client.send_publish(topic, "x", QOS1);
        client.expect_puback(id);
        client.expect_message(topic, "x", QOS1);
    }
    probe.expect_quality();
}

/// P12: refused, or published like any other; never the end of the broker (CVE-2018-12543).
#[test]
fn p12_topics_that_begin_with_a_dollar() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut client = connected(&broker);
    let mut watcher = connected(&broker);
    watcher.subscribe("#", QOS1);
    watcher.subscribe("+/x", QOS1);
    for topic in [
        "$SYS",
        "$SYS/broker/version",
        "$share",
        "$share/g/t",
        "$share//",
    ] {
        for qos in EVERY_QOS {
            let reason = client.publish(topic, "forged", qos);
            assert!(reason.is_error() || qos == QOS0, "{topic}: {reason}");
        }
    }
    let odd = [
        "$", "$/", "$sys", "$SYSx", "$x", "$$", "$dapr/x", "$queue/t",
    ];
    for topic in odd {
        client.publish(topic, "odd", QOS1);
        client.publish_retained(topic, "odd", QOS1);
        client.publish_retained(topic, "", QOS1);
    }
    watcher.expect_silence();
    probe.exchange();
}

/// P13
#[test]
fn p13_abuse_of_topic_aliases() {
    let broker = Broker::start(&["spec.catena.limits.memoryPoolBytes=33554432"]);
    let mut probe = Probe::start(&broker);
    let cases = [
        ("alias 0", "a", 0, ReasonCode::TopicAliasInvalid),
        ("above the maximum", "a", 33, ReasonCode::TopicAliasInvalid),
        ("the largest", "a", 65_535, ReasonCode::TopicAliasInvalid),
        ("not set", "", 32, ReasonCode::ProtocolError),
    ];
    for (what, topic, alias, reason) in cases {
        let mut client = connected(&broker);
        client.send_bytes(&aliased(topic, alias, "x"));
        let also = ReasonCode::ProtocolError;
        expect_ending(&mut client, &[reason, also], what);
    }
    let options = Options::lasting(Version::V5);
    let mut client = broker.connect(&options);
    client.subscribe("storm/+", QOS0);
    let before = broker.resident_bytes();
    // 64 MiB of topic names through 32 aliases.
    let tail = "x".repeat(8_000);
    for round in 0..256_u32 {
        let storm = (1..=32).map(|alias| aliased(&format!("{round}/{alias}/{tail}"), alias, "x"));
        client.send_bytes(&storm.collect::<Vec<_>>().concat());
    }
    client.send_bytes(&aliased("storm/last", 32, "first"));
    client.send_bytes(&aliased("", 32, "second"));
    client.expect_message("storm/last", "first", QOS0);
    client.expect_message("storm/last", "second", QOS0);
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 16 * MIB, "{growth} bytes");
    probe.expect_quality();
    // Aliases end with the connection, whatever the session does.
    client.cut_and_wait();
    let mut client = broker.connect(&options);
    assert!(client.session_present());
    client.send_bytes(&aliased("", 32, "third"));
    expect_ending(
        &mut client,
        &[ReasonCode::ProtocolError],
        "of the last connection",
    );
}

fn aliased(topic: &str, alias: u16, payload: &str) -> Vec<u8> {
    let [high, low] = alias.to_be_bytes();
    publish_with(&[&[0x23, high, low]], topic, payload.as_bytes())
}

/// P23: 3,000 steps of four clients instead of 10^9, against a model of subscriptions and
/// retained messages; the soak does the same with sessions and time.
#[test]
fn p23_random_sequences_equal_the_model() {
    let broker = Broker::start(&[]);
    let mut numbers = Numbers(23);
    let mut clients: Vec<Modelled> = (0..4).map(|_| Modelled::new(&broker)).collect();
    let mut retained: BTreeMap<String, String> = BTreeMap::new();
    for step in 0..3_000 {
        let at = numbers.below(clients.len());
        match numbers.below(6) {
            0 => clients[at].subscribe(&mut numbers, &retained),
            1 => clients[at].unsubscribe(&mut numbers),
            kind => {
                let topic = format!("{}/{}", numbers.below(3), numbers.below(3));
                let retain = kind == 2;
                let is_empty = retain && numbers.below(3) == 0;
                let payload = if is_empty {
                    String::new()
                } else {
                    step.to_string()
                };
                let qos = EVERY_QOS[numbers.below(3)];
                let publish = Publish {
                    retain,
                    ..post(&topic, &payload, qos, None)
                };
                let reason = clients[at].client.publish_as(&publish);
                assert!(!reason.is_error(), "{reason}");
                // A QoS 0 publish is known to be done when the next packet is answered.
                clients[at].client.send(&Packet::PingReq);
                let _ = clients[at]
                    .client
                    .receive_meant(|p| matches!(p, Packet::PingResp));
                if is_empty {
                    retained.remove(&topic);
                } else if retain {
                    retained.insert(topic.clone(), payload.clone());
                }
                for client in &mut clients {
                    client.expect(&topic, &payload, qos as u8);
                }
            }
        }
    }
    for client in &mut clients {
        client.client.expect_silence();
    }
}

/// A client, and what it is subscribed to with which QoS.
struct Modelled {
    client: Client,
    filters: BTreeMap<&'static str, u8>,
}

/// Filters that overlap on the topics of [`p23_random_sequences_equal_the_model`].
const FILTERS: [&str; 7] = ["#", "0/+", "+/1", "1/2", "2/#", "+/+", "0/0"];

impl Modelled {
    fn new(broker: &Broker) -> Self {
        Self {
            client: connected(broker),
            filters: BTreeMap::new(),
        }
    }

    #[track_caller]
    fn subscribe(&mut self, numbers: &mut Numbers, retained: &BTreeMap<String, String>) {
        let filter = FILTERS[numbers.below(FILTERS.len())];
        let qos = EVERY_QOS[numbers.below(3)];
        self.client.subscribe_as(filter, subscription(qos), None);
        self.filters.insert(filter, qos as u8);
        let expected = retained.iter().filter(|(topic, _)| matches(filter, topic));
        let expected: BTreeMap<String, String> = expected
            .map(|(topic, payload)| (topic.clone(), payload.clone()))
            .collect();
        let found = expected.iter().map(|_| self.client.take());
        let found: BTreeMap<String, String> = found
            .map(|message| (message.topic, message.payload))
            .collect();
        assert_eq!(found, expected, "retained messages for {filter}");
    }

    #[track_caller]
    fn unsubscribe(&mut self, numbers: &mut Numbers) {
        let filter = FILTERS[numbers.below(FILTERS.len())];
        let reason = self.client.unsubscribe(&[filter])[0];
        let was_there = self.filters.remove(filter).is_some();
        assert_eq!(reason == ReasonCode::Success, was_there, "{reason}");
    }

    /// Expects the message once if any filter matches, at the highest QoS that was granted.
    #[track_caller]
    fn expect(&mut self, topic: &str, payload: &str, qos: u8) {
        let granted = { self.filters.iter() }.filter(|(filter, _)| matches(filter, topic));
        let Some(granted) = granted.map(|(_, qos)| *qos).max() else {
            return;
        };
        let message = self.client.take();
        let found = (&*message.topic, &*message.payload, message.qos as u8);
        assert_eq!(found, (topic, payload, granted.min(qos)));
    }
}

/// Whether a filter matches a topic, level by level.
fn matches(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    for part in filter.split('/') {
        match (part, levels.next()) {
            ("#", _) => return true,
            (part, Some(level)) if part == "+" || part == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}
