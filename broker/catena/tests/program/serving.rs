//! `catena run` and `catena::start` serve clients, metrics and health.

use std::net::TcpListener;
use std::path::Path;

use crate::broker::{Broker, Client};
use crate::process::{self, catena, write};
use tempfile::tempdir;

#[test]
fn a_client_is_served_and_counted() {
    let folder = tempdir().unwrap();
    let broker = Broker::start(folder.path(), &[]);
    let (mut client, reason) = Client::connect(broker.address, None);
    assert_eq!(reason, 0);
    // SUBSCRIBE to "a" at QoS 0, then PUBLISH to it.
    client.send(0x82, b"\0\x01\0\0\x01a\0");
    assert_eq!(client.receive(), Some((0x90, b"\0\x01\0\0".to_vec())));
    client.send(0x30, b"\0\x01a\0hello");
    assert_eq!(client.receive(), Some((0x30, b"\0\x01a\0hello".to_vec())));

    assert!(broker.page("/readyz").contains("200 OK"));
    assert!(broker.page("/version").contains(env!("CARGO_PKG_VERSION")));
    let page = broker.page("/metrics");
    for line in [
        "aio_broker_store_total_subscriptions{",
        "catena_frontend_packets_received_total{type=\"connect\"} ",
        "catena_limit_max{limit=\"connections\"} 100000",
        "catena_build_info{",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

#[test]
fn system_topics_are_retained_unless_they_are_off() {
    let subscribe = b"\0\x01\0\0\x13$SYS/broker/version\0";
    let folder = tempdir().unwrap();
    let broker = Broker::start(folder.path(), &SYSTEM_TOPICS);
    let (mut client, _) = Client::connect(broker.address, None);
    client.send(0x82, subscribe);
    assert_eq!(client.receive().unwrap().0, 0x90);
    let (first, body) = client.receive().unwrap();
    assert_eq!(first & 0xF0, 0x30);
    let expected = format!("catena version {}", env!("CARGO_PKG_VERSION"));
    assert!(body.ends_with(expected.as_bytes()));

    let off = ["--set", "spec.catena.systemTopics.mode=Disabled"];
    let broker = Broker::start(folder.path(), &off);
    let (mut client, _) = Client::connect(broker.address, None);
    client.send(0x82, subscribe);
    assert_eq!(client.receive().unwrap().0, 0x90);
    // The answer to PINGREQ comes next: nothing was retained.
    client.send(0xC0, b"");
    assert_eq!(client.receive(), Some((0xD0, Vec::new())));
}

#[test]
fn refusals_are_explained_to_those_who_want_it() {
    let folder = tempdir().unwrap();
    let explained = ["--set", "spec.catena.reasonStrings=Enabled"];
    for (flags, has_words) in [(&explained[..], true), (&[], false)] {
        let broker = Broker::start(folder.path(), flags);
        let (mut client, _) = Client::connect(broker.address, None);
        // A packet of the reserved type 0.
        client.send(0x00, b"");
        let (first, body) = client.receive().unwrap();
        assert_eq!((first, body[0]), (0xE0, 0x82));
        // A Reason String (section 3.14.2.2.3).
        assert_eq!(body.get(2) == Some(&0x1F), has_words, "{body:?}");
    }
}

#[test]
fn nobody_subscribes_to_what_the_operator_refuses() {
    let folder = tempdir().unwrap();
    let broker = Broker::start(folder.path(), &["--set", "spec.catena.refusedFilters=#"]);
    let (mut client, _) = Client::connect(broker.address, None);
    // SUBSCRIBE to `#` and to `a/#`.
    client.send(0x82, b"\0\x01\0\0\x01#\0\0\x03a/#\0");
    let suback = b"\0\x01\0\x80\0".to_vec();
    assert_eq!(client.receive(), Some((0x90, suback)));
}

#[test]
fn passwords_are_asked_for() {
    let folder = tempdir().unwrap();
    assert_eq!(
        catena(folder.path(), ["passwd", "-b", "users", "anna", "secret"]).code,
        Some(0)
    );
    let broker = Broker::start(folder.path(), &["--password-file", "users"]);
    assert_eq!(
        Client::connect(broker.address, Some(("anna", "secret"))).1,
        0
    );
    assert_eq!(
        Client::connect(broker.address, Some(("anna", "Secret"))).1,
        0x86
    );
    assert_eq!(
        Client::connect(broker.address, Some(("bert", "secret"))).1,
        0x86
    );
    assert_eq!(Client::connect(broker.address, None).1, 0x86);
}

#[test]
fn the_port_file_names_every_address() {
    let folder = tempdir().unwrap();
    let broker = Broker::start(folder.path(), &["--port-file", "ports", "--listen", "0"]);
    let text = std::fs::read_to_string(folder.path().join("ports")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [first, second, admin] = lines.as_slice() else {
        panic!("{text}")
    };
    assert_eq!(*first, format!("listener default {}", broker.address));
    assert!(second.starts_with("listener default 127.0.0.1:"));
    assert_eq!(*admin, format!("admin {}", broker.admin));
}

#[test]
fn an_address_that_is_taken_is_told_with_a_remedy() {
    let folder = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = catena(
        folder.path(),
        ["run", "--listen", &address, "--admin", "off"],
    );
    assert_eq!(told.code, Some(1));
    for part in [&*address, "address in use", "--listen ADDR"] {
        assert!(told.err.contains(part), "{}", told.err);
    }
    let told = catena(folder.path(), ["run", "--listen", "0", "--admin", &address]);
    assert_eq!(told.code, Some(1));
    for part in [&*address, "--admin"] {
        assert!(told.err.contains(part), "{}", told.err);
    }
}

#[test]
fn one_port_can_be_open_for_both_families() {
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let folder = tempdir().unwrap();
    let open = ["--anonymous", "allowed", "--port-file", "ports", "--listen"];
    let _first = Broker::start(folder.path(), &[&open[..], &["0.0.0.0:0"]].concat());
    let ports = || std::fs::read_to_string(folder.path().join("ports")).unwrap();
    let text = ports();
    let port = text.lines().nth(1).unwrap().rsplit(':').next().unwrap();
    let other = format!("[::]:{port}");
    let _second = Broker::start(folder.path(), &[&open[..], &[&other]].concat());
    assert!(ports().contains(&other));
}

#[test]
fn a_unix_socket_stands_beside_the_documents() {
    let folder = tempdir().unwrap();
    let text = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n\
                metadata: { name: local }\nspec: { ports: [{ catena: { unixSocket: m.sock } }] }\n";
    write(folder.path().join("conf/listener.yaml"), text);
    let mut command = process::command(folder.path());
    command.args([
        "run",
        "--admin",
        "off",
        "--config",
        "conf",
        "--port-file",
        "ports",
    ]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let log = std::io::BufReader::new(child.stdout.take().unwrap());
    let ready = std::io::BufRead::lines(log).find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("component ready"))
    });
    let socket = std::os::unix::net::UnixStream::connect(folder.path().join("conf/m.sock"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready.is_some() && socket.is_ok());
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_starts() {
    let folder = tempdir().unwrap();
    write(folder.path().join("conf.yaml"), "kind: Broker\n");
    check(folder.path(), &["--config", "conf.yaml"], "apiVersion");
    check(folder.path(), &["--listen", "0.0.0.0:0"], "--password-file");
    check(
        folder.path(),
        &["--password-file", "absent"],
        "absent: cannot be read",
    );
    check(folder.path(), &["--log", "loud"], "--log: ");
}

#[test]
fn a_broker_runs_inside_another_program() {
    let source = catena_resources::OverrideSource::Flag("test".into());
    let mut overrides = catena_resources::Overrides::default();
    overrides.broker.push(catena_resources::Override {
        path: "spec.catena.adminAddress".into(),
        value: "Off".into(),
        source: source.clone(),
    });
    let value = vec!["127.0.0.1:0".parse().unwrap()];
    overrides.listen = Some(catena_resources::Overridden { value, source });
    let configuration = catena_resources::parse_with(&[], &overrides).unwrap();
    let running = catena::start(configuration.clone()).unwrap();
    let other = catena::start(configuration).unwrap();
    assert_eq!(running.admin(), None);
    assert_ne!(running.addresses(), other.addresses());
    let (mut client, reason) = Client::connect(running.addresses()[0], None);
    assert_eq!(reason, 0);
    running.stop().unwrap();
    // DISCONNECT: server shutting down.
    assert_eq!(client.receive().unwrap(), (0xE0, vec![0x8B]));
}

/// As often as may be.
const SYSTEM_TOPICS: [&str; 2] = ["--set", "spec.catena.systemTopics.intervalSeconds=1"];

#[track_caller]
fn check(folder: &Path, arguments: &[&str], expected: &str) {
    let told = process::run(process::command(folder).arg("run").args(arguments));
    assert_eq!((told.code, &*told.out), (Some(2), ""), "{}", told.err);
    assert!(told.err.contains(expected), "{}", told.err);
}
