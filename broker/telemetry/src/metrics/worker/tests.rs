//! Each counting method shows up in the page under its name and labels, and nowhere else.

use std::sync::Arc;

use super::super::registry::{Registry, RegistryOptions};
use super::super::{
    Categories, Category, Direction, DisconnectReason, DropReason, Limit, ListenerCounters,
    MqttVersion, PacketType, RefusalReason, WorkerCounters,
};

#[test]
fn every_count_of_a_category_has_its_line() {
    let none = Category::UNCATEGORIZED;
    let aio =
        |name: &str| format!("aio_broker_{name}{{hostname=\"h\",category=\"uncategorized\"}}");
    check(
        |w| w.publishes_received(none, 7, 3),
        &aio("publishes_received"),
        7,
    );
    check(
        |w| w.publishes_received(none, 3, 7),
        &aio("payload_bytes_received"),
        7,
    );
    check(|w| w.publishes_sent(none, 7, 3), &aio("publishes_sent"), 7);
    check(
        |w| w.publishes_sent(none, 3, 7),
        &aio("payload_bytes_sent"),
        7,
    );
    check(
        |w| w.authentication_succeeded(none),
        &aio("authentication_successes"),
        1,
    );
    check(
        |w| w.authentication_failed(none),
        &aio("authentication_failures"),
        1,
    );
    check(
        |w| w.authentication_denied(none),
        &aio("authentication_deny"),
        1,
    );
    check(
        |w| w.authorization_allowed(none, 7),
        &aio("authorization_allow"),
        7,
    );
    check(
        |w| w.authorization_denied(none),
        &aio("authorization_deny"),
        1,
    );
    check(
        |w| w.backpressure_rejected(none),
        &aio("backpressure_packets_rejected"),
        1,
    );
    check(
        |w| w.qos0_dropped(none, Direction::Outgoing, 7),
        &aio("qos0_messages_dropped").replace('}', ",direction=\"outgoing\"}"),
        7,
    );
}

#[test]
fn every_count_of_a_worker_has_its_line() {
    check(
        |w| w.sessions_removed(7),
        r#"aio_broker_client_removed{hostname="h"}"#,
        7,
    );
    check(
        |w| w.packets_received(PacketType::Auth, 7),
        r#"catena_frontend_packets_received_total{type="auth"}"#,
        7,
    );
    check(
        |w| w.packets_sent(PacketType::Connect, 7),
        r#"catena_frontend_packets_sent_total{type="connect"}"#,
        7,
    );
    check(
        |w| w.bytes_received(7),
        "catena_frontend_received_bytes_total",
        7,
    );
    check(|w| w.bytes_sent(7), "catena_frontend_sent_bytes_total", 7);
    check(
        |w| w.connection_refused(RefusalReason::Fault),
        r#"catena_frontend_connections_refused_total{reason="fault"}"#,
        1,
    );
    check(
        |w| w.messages_dropped(DropReason::Expired, 7),
        r#"catena_messages_dropped_total{reason="expired"}"#,
        7,
    );
    check(
        |w| w.messages_unrouted(7),
        "catena_messages_unrouted_total",
        7,
    );
    check(
        |w| w.limit_hit(Limit::MemoryPool),
        r#"catena_limit_hits_total{limit="memory_pool"}"#,
        1,
    );
    check(WorkerCounters::fault, "catena_faults_total", 1);
}

#[test]
fn connected_sessions_are_those_that_began_and_did_not_end() {
    let (registry, workers) = node(2);
    let category = workers[0].categories.intern("line");
    for _ in 0..5 {
        workers[0].session_connected(category, MqttVersion::V5);
    }
    workers[1].session_connected(category, MqttVersion::V5);
    workers[0].session_disconnected(category, MqttVersion::V5, DisconnectReason::KeepAlive);
    let page = registry.render();
    let line = r#"aio_broker_connected_sessions{hostname="h",category="line",mqtt_version="v5"} 5"#;
    assert!(page.contains(line), "{page}");
    assert!(page.contains("aio_broker_client_connected{hostname=\"h\"} 6\n"));
    assert!(page.contains("aio_broker_client_disconnected{hostname=\"h\"} 1\n"));
    assert!(page.contains("catena_frontend_disconnects_total{reason=\"keep_alive\"} 1\n"));
}

#[test]
fn workers_are_summed() {
    let (registry, workers) = node(3);
    for worker in &workers {
        worker.bytes_sent(14);
    }
    assert!(
        registry
            .render()
            .contains("catena_frontend_sent_bytes_total 42\n")
    );
    let mut totals = workers[0].totals();
    totals += workers[1].totals();
    assert_eq!(totals.bytes_sent, 28);
    workers[2].packets_received(PacketType::Connect, 5);
    workers[2].packets_received(PacketType::Pingreq, 2);
    totals += workers[2].totals();
    assert_eq!((totals.connects_received, totals.packets_received), (5, 7));
}

#[test]
fn listeners_tell_open_and_accepted() {
    let registry = Registry::new(RegistryOptions::new("h"));
    let listener = Arc::new(ListenerCounters::new("default", "tls"));
    registry.register(Arc::clone(&listener) as _);
    listener.connection_opened();
    listener.connection_opened();
    listener.connection_closed();
    assert_eq!(listener.accepted(), 2);
    let page = registry.render();
    let labels = r#"{listener="default",transport="tls"}"#;
    assert!(page.contains(&format!("catena_frontend_connections{labels} 1\n")));
    assert!(page.contains(&format!(
        "catena_frontend_connections_accepted_total{labels} 2\n"
    )));
}

/// After `count` on a fresh node, the line has the value, and is the only one of its family
/// that is not zero.
#[track_caller]
fn check(count: impl Fn(&WorkerCounters), line: &str, value: u64) {
    let (registry, workers) = node(1);
    count(&workers[0]);
    let page = registry.render();
    let family = line.split('{').next().unwrap();
    let raised: Vec<_> = page
        .lines()
        .filter(|found| found.split(['{', ' ']).next() == Some(family))
        .filter(|found| !found.ends_with(" 0"))
        .collect();
    assert_eq!(raised, [format!("{line} {value}")]);
}

fn node(workers: usize) -> (Registry, Vec<Arc<WorkerCounters>>) {
    let registry = Registry::new(RegistryOptions::new("h"));
    let categories = Arc::new(Categories::new());
    let worker = || Arc::new(WorkerCounters::new(Arc::clone(&categories)));
    let workers: Vec<_> = (0..workers).map(|_| worker()).collect();
    for worker in &workers {
        registry.register(Arc::clone(worker) as _);
    }
    (registry, workers)
}
