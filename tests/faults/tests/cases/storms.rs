//! R01, R02, R03, R09, R13, R14, R15, R19: more clients, or more of one, than there should be.

use std::net::TcpStream;

use catena_conformance::{Client, Folder, Options, QOS0, QOS1, WillMessage, subscription, unique};
use catena_faults::{Broker, Crowd, MIB, Probe, Setup, allow_files};
use catena_mqtt::{ReasonCode, Version};

use crate::support::connected;

/// R01: 10,000 connections that say nothing, instead of 50,000 a second.
#[test]
fn r01_storm_of_silent_connections() {
    allow_files(11_000);
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let before = (broker.resident_bytes(), broker.open_files());
    let silent: Vec<TcpStream> = (0..10_000).map(|_| broker.dial()).collect();
    probe.expect_quality();
    let growth = broker.resident_bytes().saturating_sub(before.0);
    assert!(growth < 64 * MIB, "{growth} bytes for 10,000 connections");
    drop(silent);
    // One more is the question itself.
    let files = |count| count <= before.1 as u64 + 2;
    broker.await_metric("process_open_fds", "", files);
    probe.expect_quality();
}

/// R01: the limits of connections in all and for each address.
#[test]
fn r01_connections_are_limited() {
    for setting in ["connections", "connectionsPerAddress"] {
        let broker = Broker::start(&[&format!("spec.catena.limits.{setting}=20")]);
        let mut probe = Probe::start(&broker);
        let mut many: Vec<Client> = (0..100).map(|_| broker.open(Version::V5)).collect();
        for client in &mut many {
            client.send_bytes(&Options::clean(Version::V5).bytes());
        }
        let served = many.iter_mut().filter_map(Client::receive_or_end).count();
        assert_eq!(served, 19, "{setting}");
        probe.expect_quality();
        drop(many);
        let one = |count| count == 1;
        broker.await_metric("catena_frontend_connections", "", one);
        connected(&broker).disconnect();
    }
}

/// R02: 100 wrong passwords at once instead of 5,000 a second.
#[test]
fn r02_storm_of_wrong_passwords() {
    let folder = Folder::new();
    // `catena passwd -b users anna s3cret`, with cheap parameters.
    folder.write("users", USERS);
    let users = folder.path().join("users").display().to_string();
    let broker = Broker::run(Setup {
        arguments: vec!["--password-file".to_owned(), users],
        folder,
        ..Setup::default()
    });
    let right = Options {
        username: Some("anna"),
        password: Some("s3cret"),
        ..Options::clean(Version::V5)
    };
    let mut probe = Probe::with(&broker, &right);
    let before = broker.resident_bytes();
    let mut many: Vec<Client> = (0..100).map(|_| broker.open(Version::V5)).collect();
    for client in &mut many {
        let wrong = Options {
            password: Some("wrong"),
            client_id: unique("w"),
            ..right.clone()
        };
        client.send_bytes(&wrong.bytes());
    }
    probe.expect_quality();
    for client in &mut many {
        let received = client.receive_or_end().unwrap();
        let catena_mqtt::Packet::ConnAck(connack) = received.packet() else {
            panic!("{received:?}");
        };
        let refused = [
            ReasonCode::BadUserNameOrPassword,
            ReasonCode::NotAuthorized,
            ReasonCode::ServerBusy,
        ];
        assert!(refused.contains(&connack.reason), "{}", connack.reason);
    }
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 64 * MIB, "{growth} bytes");
    let other = Options {
        client_id: unique("c"),
        ..right
    };
    broker.connect(&other).disconnect();
}

/// Anna's password is `s3cret`.
const USERS: &str = "anna:$argon2id$v=19$m=19456,t=2,p=1$/mSHHC6A/OG76fgrajTMSA$x\
    uU9TpHOLdDnrTTLdac9TJxC9N3xrWEe/NRkECcahu4\n";

/// R03: 2,000 idle clients instead of 100,000.
#[test]
fn r03_idle_clients_without_keep_alive() {
    let broker = Broker::start(&["spec.advanced.clients.maxKeepAliveSeconds=60"]);
    let mut probe = Probe::start(&broker);
    let before = broker.resident_bytes();
    let idle = Crowd::connect(&broker, 2_000, |number| Options {
        keep_alive: if number % 2 == 0 { 0 } else { 65_535 },
        ..Options::clean(Version::V5)
    });
    for client in &idle.0 {
        let imposed = client.connack().properties.server_keep_alive;
        assert_eq!(imposed, Some(60));
    }
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(
        growth < 2_000 * 8 * 1_024,
        "{growth} bytes for 2,000 clients"
    );
    probe.expect_quality();
}

/// R03, N10: a client that has gone without a word is noticed; with a keep alive of 1 s.
#[test]
fn r03_half_open_clients_are_freed() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let gone = Crowd::connect(&broker, 200, |_| Options {
        keep_alive: 1,
        ..Options::clean(Version::V5)
    });
    // They stay connected and say nothing.
    let one = |count| count == 1;
    broker.await_metric("catena_frontend_connections", "", one);
    probe.expect_quality();
    drop(gone);
}

/// R09: 60 files, 200 connections; a reload meanwhile opens no door (CVE-2017-7652).
#[test]
fn r09_file_descriptors_run_out() {
    let folder = Folder::new();
    folder.write("users", USERS);
    let users = folder.path().join("users").display().to_string();
    let broker = Broker::run(Setup {
        arguments: vec!["--password-file".to_owned(), users],
        files_max: Some(60),
        folder,
        ..Setup::default()
    });
    let right = || Options {
        username: Some("anna"),
        password: Some("s3cret"),
        ..Options::clean(Version::V5)
    };
    let mut probe = Probe::with(&broker, &right());
    let many: Vec<TcpStream> = (0..200).map(|_| broker.dial()).collect();
    probe.expect_quality();
    broker.signal("-HUP");
    probe.expect_quality();
    drop(many);
    broker.connect(&right()).disconnect();
    let mut stranger = broker.open(Version::V5);
    stranger.send_bytes(&Options::clean(Version::V5).bytes());
    stranger.expect_end();
    let warnings = broker.log().matches("cannot accept").count();
    assert!((1..100).contains(&warnings), "{warnings} warnings");
}

/// R13: memory of 10,000 subscriptions, and one topic to 1,000 subscribers instead of 100,000.
#[test]
fn r13_many_subscriptions_and_a_wide_fan_out() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let topic = unique("fan");
    let mut crowd = Crowd::connect(&broker, 1_000, |_| Options::clean(Version::V5)).0;
    for client in &mut crowd {
        client.send_subscribe(&[(&topic, subscription(QOS1))], None);
    }
    for client in &mut crowd {
        let granted = client.receive();
        assert!(matches!(granted.packet(), catena_mqtt::Packet::SubAck(_)));
    }
    let before = broker.resident_bytes();
    let mut publisher = connected(&broker);
    for number in 0..5 {
        publisher.publish(&topic, &number.to_string(), QOS1);
    }
    for client in &mut crowd {
        for number in 0..5 {
            client.expect_message(&topic, &number.to_string(), QOS1);
        }
    }
    let growth = broker.resident_bytes().saturating_sub(before);
    assert!(growth < 16 * MIB, "{growth} bytes");
    probe.expect_quality();
}

/// R14: 2,000 clients with wills lost at once instead of 50,000.
#[test]
fn r14_storm_of_wills() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut watcher = connected(&broker);
    watcher.subscribe("will/#", QOS1);
    let crowd = Crowd::connect(&broker, 2_000, |number| {
        let will = WillMessage::new(&format!("will/{number}"), "gone", QOS1);
        Options::clean(Version::V5).with_will(will)
    });
    drop(crowd);
    let mut seen: Vec<String> = (0..2_000).map(|_| watcher.take().topic).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 2_000);
    watcher.expect_silence();
    probe.expect_quality();
}

/// R15: the broker is killed and started again, and 2,000 clients return at once, not 100,000.
#[test]
fn r15_storm_of_reconnects() {
    let broker = Broker::start(&[]);
    let address = broker.address().to_string();
    let options = |number: usize| Options {
        client_id: format!("storm{number}"),
        ..Options::lasting(Version::V5)
    };
    let crowd = Crowd::connect(&broker, 2_000, options);
    drop(broker);
    drop(crowd);
    let broker = Broker::run(Setup {
        arguments: vec!["--listen".to_owned(), address],
        ..Setup::default()
    });
    let mut probe = Probe::start(&broker);
    let crowd = Crowd::connect(&broker, 2_000, options);
    for client in &crowd.0 {
        assert!(!client.session_present(), "memory mode forgets");
    }
    probe.expect_quality();
}

/// R19: what is measured does not grow with clients.
#[test]
fn r19_metrics_have_no_labels_of_clients() {
    let broker = Broker::start(&[]);
    let with = |count: usize| {
        let mut crowd = Crowd::connect(&broker, count, |_| Options::clean(Version::V5)).0;
        for client in &mut crowd {
            let topic = unique("metric");
            client.subscribe(&topic, QOS0);
            client.publish(&topic, "x", QOS1);
        }
        let metrics = broker.metrics();
        assert!(!metrics.contains("metricx"), "a topic");
        metrics.lines().count()
    };
    let few = with(5);
    let many = with(500);
    // A reason that was not seen before may have come.
    assert!(many <= few + 5, "{many} lines, {few} before");
}
