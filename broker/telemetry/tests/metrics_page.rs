//! `docs/reference/metrics.md` is made from the table of metrics. With `CATENA_BLESS=1` this test
//! writes the page; without, it fails where page and table differ.

use std::collections::BTreeSet;
use std::path::Path;

use catena_telemetry::metrics::{Definition, LABEL_SETS, Namespace, table};

const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/metrics.md"
);

#[test]
fn the_reference_page_lists_every_metric() {
    let expected = page();
    if std::env::var_os("CATENA_BLESS").is_some() {
        let folder = Path::new(PAGE).parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(PAGE, &expected).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        found == expected,
        "docs/reference/metrics.md is not what the table of metrics gives; run \
         `CATENA_BLESS=1 cargo test -p catena-telemetry` and review the difference"
    );
}

#[test]
fn names_follow_the_rules() {
    let mut names = BTreeSet::new();
    for metric in table::ALL {
        let name = metric.name;
        assert!(names.insert(name), "{name} is defined twice");
        let plain = |byte: u8| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit();
        assert!(name.bytes().all(plain), "{name}");
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
        let counts = metric.kind.as_str() == "counter";
        if metric.namespace == Namespace::Catena {
            assert_eq!(name.ends_with("_total"), counts, "{name}");
        }
        for forbidden in ["client_id", "topic", "hostname"] {
            assert!(!metric.labels.contains(&forbidden), "{name}");
        }
    }
}

fn page() -> String {
    let mut page = String::from(HEAD);
    section(
        &mut page,
        "Compatible metrics",
        COMPATIBLE,
        Namespace::Compatible,
    );
    section(&mut page, "Catena metrics", CATENA, Namespace::Catena);
    section(&mut page, "Process metrics", PROCESS, Namespace::Process);
    page.push_str("\n## Label values\n");
    for (title, set) in LABEL_SETS {
        let (label, about) = (set.label, set.about);
        page.push_str(&format!("\n### {title}\n\nLabel `{label}`: {about}.\n\n"));
        page.push_str("| Value | Meaning |\n| --- | --- |\n");
        for (value, meaning) in set.values {
            page.push_str(&format!("| `{value}` | {meaning} |\n"));
        }
    }
    page
}

fn section(page: &mut String, title: &str, about: &str, namespace: Namespace) {
    page.push_str(&format!("\n## {title}\n\n{about}\n\n"));
    page.push_str("| Name | Kind | Labels | Meaning |\n| --- | --- | --- | --- |\n");
    let of_namespace = |metric: &&Definition| metric.namespace == namespace;
    for metric in table::ALL.iter().filter(of_namespace) {
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (labels, kind) = (labels.join(", "), metric.kind.as_str());
        let prefix = match namespace {
            Namespace::Compatible => "aio_broker_",
            Namespace::Catena => "catena_",
            Namespace::Process => "",
        };
        let (name, help) = (metric.name, metric.help);
        let row = format!("| `{prefix}{name}` | {kind} | {labels} | {help} |\n");
        page.push_str(&row);
    }
}

const HEAD: &str = "\
# Metrics

<!-- Made from the table of metrics in broker/telemetry by its tests; edit that table instead. -->

The admin port (127.0.0.1:9600 unless configured) serves them at `/metrics` in the Prometheus text
format, version 0.0.4. A metric of something that this node does not have is absent.

No label holds a client identifier or a topic. Limits have three metrics, joined by the label
`limit`: `catena_limit_used`, `catena_limit_max` and `catena_limit_hits_total`; so
`catena_limit_used / catena_limit_max > 0.8` watches them all at once. [Limits](limits.md) says
what each of them is.
";

const COMPATIBLE: &str = "\
Boards made for the Azure IoT Operations MQTT broker read these names. On request the prefix is
`aio_mq_`, as older boards expect. All carry the label `hostname`. The label `category` is always
`uncategorized`: clients are not told apart. Metrics of the self-check, the disk buffer,
authorization and the transfer between replicas are absent, as a node of today has none.";

const CATENA: &str = "The label `listener` is the name of a BrokerListener; `transport` is `tcp`, \
`tls`, `ws`, `wss` or `unix`.";

const PROCESS: &str =
    "The names that Prometheus client libraries give to every process. Linux only.";
