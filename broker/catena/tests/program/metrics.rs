//! What a running broker tells at `/metrics`: every metric there is, with true values.

use std::collections::BTreeMap;

use catena_telemetry::metrics::{Namespace, table};
use tempfile::tempdir;

use crate::broker::{Broker, Client};
use crate::process::catena;

/// The samples of a page by name and labels, without the host's name.
pub(crate) struct Page(BTreeMap<String, f64>);

impl Page {
    /// Asks until the page tells what is awaited: workers tell their numbers once a second.
    pub(crate) fn when(broker: &Broker, holds: impl Fn(&Self) -> bool) -> Self {
        for _ in 0..20_000 {
            let page = Self::of(broker);
            if holds(&page) {
                return page;
            }
        }
        let page = Self::of(broker);
        assert!(holds(&page), "never so:\n{:#?}", page.0);
        page
    }

    fn of(broker: &Broker) -> Self {
        let text = broker.page("/metrics");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (without_host(name), value.parse().unwrap())
        };
        Self(samples.map(sample).collect())
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, f64)]) {
        for (name, value) in expected {
            let found = self.0.get(*name);
            assert_eq!(found, Some(value), "{name}\n{:#?}", self.0);
        }
    }

    pub(crate) fn value(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        let is_name = |key: &String| key.split('{').next() == Some(name);
        self.0.keys().any(is_name)
    }
}

fn without_host(name: &str) -> String {
    let Some((before, rest)) = name.split_once("hostname=\"") else {
        return name.to_owned();
    };
    let (_, after) = rest.split_once('"').unwrap();
    let labels = after.trim_start_matches(',');
    format!("{before}{labels}").replace("{}", "")
}

#[test]
fn every_metric_of_the_table_is_told() {
    let folder = tempdir().unwrap();
    let broker = Broker::start(folder.path(), &[]);
    let (_client, reason) = Client::connect(broker.address, None);
    assert_eq!(reason, 0);
    let page = Page::when(&broker, |page| {
        page.value("aio_broker_client_connected") > 0.0
    });
    for metric in table::ALL {
        let prefix = match metric.namespace {
            Namespace::Compatible => "aio_broker_",
            Namespace::Catena => "catena_",
            Namespace::Process => "",
        };
        let name = format!("{prefix}{}", metric.name);
        assert!(page.has(&name), "{name} is not in\n{:#?}", page.0);
    }
}

#[test]
fn what_clients_do_is_counted() {
    let folder = tempdir().unwrap();
    let made = catena(folder.path(), ["passwd", "-b", "users", "anna", "secret"]);
    assert_eq!(made.code, Some(0));
    let broker = Broker::start(folder.path(), &["--password-file", "users"]);
    let (mut client, reason) = Client::connect(broker.address, Some(("anna", "secret")));
    assert_eq!(reason, 0);
    assert_eq!(Client::connect(broker.address, None).1, 0x86);
    // SUBSCRIBE to "a" at QoS 0; PUBLISH to it, and retained to "b".
    client.send(0x82, b"\0\x01\0\0\x01a\0");
    assert_eq!(client.receive(), Some((0x90, b"\0\x01\0\0".to_vec())));
    client.send(0x30, b"\0\x01a\0hello");
    assert_eq!(client.receive(), Some((0x30, b"\0\x01a\0hello".to_vec())));
    client.send(0x31, b"\0\x01b\0kept");
    let page = Page::when(&broker, |page| {
        page.value("aio_broker_publishes_processed_count") == 2.0
    });
    let category = "category=\"uncategorized\"";
    let of = |name: &str| format!("aio_broker_{name}{{{category}}}");
    let system = page.value("aio_broker_store_retained_messages{is_tail=\"true\",chain_id=\"1\"}");
    assert!(system >= 1.0);
    for (name, value) in [
        ("publishes_received", 2.0),
        ("publishes_sent", 1.0),
        ("payload_bytes_received", 9.0),
        ("payload_bytes_sent", 5.0),
        ("authentication_successes", 1.0),
        ("authentication_deny", 1.0),
        ("authentication_failures", 0.0),
        ("backpressure_packets_rejected", 0.0),
    ] {
        page.check(&[(&of(name), value)]);
    }
    page.check(&WHILE_CONNECTED);

    drop(client);
    let page = Page::when(&broker, |page| {
        page.value("aio_broker_client_removed") == 1.0
    });
    page.check(&[
        ("aio_broker_client_disconnected", 1.0),
        ("aio_broker_total_sessions", 0.0),
        (
            "catena_frontend_disconnects_total{reason=\"socket_closed\"}",
            1.0,
        ),
    ]);
}

/// One client of MQTT 5.0 with one subscription; another was refused.
const WHILE_CONNECTED: [(&str, f64); 13] = [
    ("aio_broker_client_connected", 1.0),
    ("aio_broker_client_disconnected", 0.0),
    ("aio_broker_client_removed", 0.0),
    ("aio_broker_total_sessions", 1.0),
    ("aio_broker_total_subscriptions", 1.0),
    (
        "aio_broker_connected_sessions{category=\"uncategorized\",mqtt_version=\"v5\"}",
        1.0,
    ),
    (
        "aio_broker_connected_sessions{category=\"uncategorized\",mqtt_version=\"v3\"}",
        0.0,
    ),
    (
        "aio_broker_store_connected_sessions\
             {is_persistent=\"false\",is_tail=\"true\",chain_id=\"1\"}",
        1.0,
    ),
    (
        "aio_broker_store_total_subscriptions{is_tail=\"true\",chain_id=\"1\"}",
        1.0,
    ),
    (
        "catena_frontend_connections_accepted_total\
             {listener=\"default\",transport=\"tcp\"}",
        2.0,
    ),
    (
        "catena_frontend_connections_refused_total{reason=\"authentication\"}",
        1.0,
    ),
    ("catena_limit_used{limit=\"connections\"}", 1.0),
    ("catena_limit_used{limit=\"sessions\"}", 1.0),
];
