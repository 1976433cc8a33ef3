//! The range of every number in a Broker or a listener: its ends are taken, what is beyond them
//! is refused, and nothing but a whole number is a number.

use catena_resources::{
    Admin, Configuration, Override, OverrideSource, Overrides, Source, parse, parse_with,
};

/// Path, least, greatest.
const BROKER: [(&str, u64, u64); 54] = [
    ("advanced.clients.maxSessionExpirySeconds", 1, 4_294_967_295),
    ("advanced.clients.maxMessageExpirySeconds", 1, 4_294_967_295),
    ("advanced.clients.maxPacketSizeBytes", 1, 268_435_456),
    ("advanced.clients.maxReceiveMaximum", 1, 65_535),
    ("advanced.clients.maxKeepAliveSeconds", 0, 65_535),
    (
        "advanced.clients.subscriberQueueLimit.length",
        1,
        9_223_372_036_854_775_807,
    ),
    ("diagnostics.metrics.prometheusPort", 0, 65_535),
    ("diagnostics.selfCheck.intervalSeconds", 30, 300),
    ("diagnostics.selfCheck.timeoutSeconds", 5, 120),
    ("diagnostics.traces.cacheSizeMegabytes", 1, 128),
    ("diagnostics.traces.selfTracing.intervalSeconds", 1, 300),
    ("diagnostics.traces.spanChannelCapacity", 1_000, 100_000),
    ("diagnostics.selfCheckFrequencySeconds", 30, 300),
    ("diagnostics.selfCheckTimeoutSeconds", 5, 120),
    ("diagnostics.selfTraceFrequencySeconds", 1, 300),
    ("diagnostics.spanChannelCapacity", 1_000, 100_000),
    ("diagnostics.maxCellMapLifetime", 0, u64::MAX),
    (
        "temporaryResourceLimits.maxSessionExpirySecs",
        1,
        4_294_967_295,
    ),
    (
        "temporaryResourceLimits.maxMessageExpirySecs",
        1,
        4_294_967_295,
    ),
    ("temporaryResourceLimits.maxQueuedMessages", 0, u64::MAX),
    ("temporaryMaxBackendMemUsagePercent", 1, 100),
    ("catena.workers", 1, 256),
    ("catena.partitions", 1, 256),
    ("catena.systemTopics.intervalSeconds", 1, 3_600),
    ("catena.limits.connections", 1, 10_000_000),
    ("catena.limits.connectionsPerAddress", 1, 10_000_000),
    ("catena.limits.connectTimeoutSeconds", 1, 600),
    ("catena.limits.handshakes", 1, 65_535),
    ("catena.limits.subscriptionsPerSession", 1, 1_000_000),
    ("catena.limits.filtersPerSubscribe", 1, 65_535),
    ("catena.limits.topicLevels", 1, 65_535),
    ("catena.limits.topicBytes", 1, 65_535),
    ("catena.limits.topicAliasMaximum", 0, 65_535),
    ("catena.limits.receiveMaximum", 1, 65_535),
    ("catena.limits.halfFinishedQos2", 1, 65_535),
    ("catena.limits.maximumQos", 0, 2),
    ("catena.limits.retainedMessages", 1, 1_000_000_000),
    ("catena.limits.userProperties", 0, 65_535),
    ("catena.limits.queueBytes", 1, 1 << 50),
    ("catena.limits.memoryPoolBytes", 1 << 20, 1 << 50),
    ("catena.limits.memoryRefusePercent", 1, 100),
    ("catena.limits.stateStore.keys", 1, 1_000_000_000),
    ("catena.limits.stateStore.bytes", 1, 1 << 50),
    ("catena.limits.stateStore.keyBytes", 1, 65_535),
    ("catena.limits.stateStore.valueBytes", 1, 268_435_455),
    ("catena.limits.stateStore.replyBytes", 1, 268_435_455),
    ("catena.limits.stateStore.scanPageKeys", 1, 100_000),
    ("catena.limits.stateStore.registrations", 1, 1_000_000_000),
    (
        "catena.limits.stateStore.registrationsPerClient",
        1,
        1_000_000_000,
    ),
    ("catena.limits.stateStore.registrationBytes", 1, 1 << 50),
    ("catena.limits.stateStore.keptChanges", 1, 1_000_000_000),
    ("catena.limits.stateStore.keptChangeBytes", 1, 1 << 50),
    ("catena.limits.stateStore.recentAnswers", 1, 1_000_000_000),
    ("catena.limits.stateStore.recentAnswerBytes", 1, 1 << 50),
];

/// Whether a Broker may say this.
fn taken(path: &str, value: &str) -> bool {
    let overrides = Overrides {
        broker: vec![Override {
            path: format!("spec.{path}"),
            value: value.to_owned(),
            source: OverrideSource::Flag("--set".into()),
        }],
        ..Overrides::default()
    };
    parse_with(&[], &overrides).is_ok()
}

/// Checks a range by asking for each interesting value.
#[track_caller]
fn check(name: &str, min: u64, max: u64, taken: impl Fn(&str) -> bool) {
    let beyond = |value: u128| value < u128::from(min) || value > u128::from(max);
    let (below, above) = (u128::from(min).saturating_sub(1), u128::from(max) + 1);
    for value in [0, 1, below, min.into(), max.into(), above, u128::MAX] {
        assert_eq!(taken(&value.to_string()), !beyond(value), "{name}: {value}");
    }
    for wrong in ["-1", "1.5", "many", "true", ".inf", "1e3", "5 5"] {
        assert!(!taken(wrong), "{name}: {wrong}");
    }
}

#[test]
fn every_number_of_the_broker() {
    for (path, min, max) in BROKER {
        check(path, min, max, |value| taken(path, value));
    }
}

#[test]
fn every_number_of_the_cardinality() {
    let fields = [
        ("frontend.replicas", 16),
        ("frontend.workers", 16),
        ("backendChain.partitions", 16),
        ("backendChain.redundancyFactor", 5),
        ("backendChain.workers", 16),
    ];
    for (field, max) in fields {
        check(field, 1, max, |value| {
            let entry = |name: &str| match name == field {
                true => value.to_owned(),
                false => "1".to_owned(),
            };
            let text = format!(
                "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nspec:\n  \
                 cardinality:\n    frontend:\n      replicas: {}\n      workers: {}\n    \
                 backendChain:\n      partitions: {}\n      redundancyFactor: {}\n      \
                 workers: {}\n",
                entry("frontend.replicas"),
                entry("frontend.workers"),
                entry("backendChain.partitions"),
                entry("backendChain.redundancyFactor"),
                entry("backendChain.workers"),
            );
            read(text).is_some()
        });
    }
}

#[test]
fn every_number_of_a_port() {
    let head = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n\
                metadata: { name: one }\nspec: { ports: [";
    let fields = [
        (
            "port",
            1,
            65_535,
            "{ port: VALUE, catena: { bindAddress: localhost } }",
        ),
        (
            "nodePort",
            30_000,
            32_767,
            "{ port: 1, nodePort: VALUE, catena: { bindAddress: localhost } }",
        ),
        (
            "maxConnections",
            1,
            10_000_000,
            "{ port: 1, catena: { bindAddress: localhost, maxConnections: VALUE } }",
        ),
        (
            "tlsHandshakeTimeoutSeconds",
            1,
            300,
            "{ port: 1, catena: { bindAddress: localhost, tlsHandshakeTimeoutSeconds: VALUE } }",
        ),
    ];
    for (field, min, max, port) in fields {
        check(field, min, max, |value| {
            read(format!("{head}{}] }}\n", port.replace("VALUE", value))).is_some()
        });
    }
}

fn read(text: String) -> Option<Configuration> {
    let source = Source {
        name: "a.yaml".into(),
        text,
    };
    parse(&[source]).ok()
}

#[test]
fn values_with_a_meaning_of_their_own() {
    let broker = |spec: &str| {
        let head = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nspec: ";
        read(format!("{head}{spec}\n")).unwrap().broker
    };
    // 0: whatever the client likes.
    let none = broker("{ advanced: { clients: { maxKeepAliveSeconds: 0 } } }");
    assert_eq!(none.limits.keep_alive_seconds, None);
    // 0: no metrics.
    let off = broker("{ diagnostics: { metrics: { prometheusPort: 0 } } }");
    assert_eq!(off.admin, Admin::Off);
    // The published greatest value is one more than the protocol has; the profile counts.
    let high =
        broker("{ memoryProfile: High, advanced: { clients: { maxPacketSizeBytes: 268435456 } } }");
    assert_eq!(high.limits.packet_bytes.to_u64(), 268_435_455);
    let tiny =
        broker("{ memoryProfile: Tiny, advanced: { clients: { maxPacketSizeBytes: 268435456 } } }");
    assert_eq!(tiny.limits.packet_bytes.to_u64(), 4 << 20);
    // What follows from other limits.
    let follows = broker("{ catena: { limits: { receiveMaximum: 7, memoryPoolBytes: 2Mi } } }");
    assert_eq!(follows.limits.half_finished_qos2.to_u64(), 7);
    assert_eq!(follows.limits.retained_bytes.to_u64(), 1 << 20);
}
