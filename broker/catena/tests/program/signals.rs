//! Signals: a graceful end, and a reload that is done as a whole or not at all.

use rustix::process::Signal;
use tempfile::tempdir;

use crate::broker::{Broker, Client};
use crate::process::{catena, write};

#[test]
fn a_signal_to_end_tells_clients_and_exits_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempdir().unwrap();
        let broker = Broker::start(folder.path(), &[]);
        let (mut client, _) = Client::connect(broker.address, None);
        broker.signal(signal);
        assert_eq!(client.receive(), Some((0xE0, vec![0x8B])));
        assert_eq!(client.receive(), None);
        assert_eq!(broker.ended(), Some(0));
    }
}

#[test]
fn a_reload_takes_new_passwords_and_keeps_connections() {
    let folder = tempdir().unwrap();
    let passwd = |password| {
        let told = catena(
            folder.path(),
            ["passwd", "-c", "-b", "users", "anna", password],
        );
        assert_eq!(told.code, Some(0));
    };
    passwd("first");
    let mut broker = Broker::start(folder.path(), &["--password-file", "users"]);
    let (mut client, reason) = Client::connect(broker.address, Some(("anna", "first")));
    assert_eq!(reason, 0);
    passwd("second");
    broker.signal(Signal::HUP);
    broker.wait_for("reloaded");
    client.send(0xC0, b"");
    assert_eq!(client.receive(), Some((0xD0, Vec::new())));
    assert_eq!(
        Client::connect(broker.address, Some(("anna", "first"))).1,
        0x86
    );
    assert_eq!(
        Client::connect(broker.address, Some(("anna", "second"))).1,
        0
    );
}

#[test]
fn a_reload_that_cannot_be_used_leaves_everything_as_it_was() {
    let folder = tempdir().unwrap();
    assert_eq!(
        catena(folder.path(), ["passwd", "-b", "users", "anna", "x"]).code,
        Some(0)
    );
    let broker_text = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nspec: {}\n";
    write(folder.path().join("b.yaml"), broker_text);
    let arguments = ["--password-file", "users", "--config", "b.yaml"];
    let mut broker = Broker::start(folder.path(), &arguments);
    let refused = |broker: &mut Broker, expected: &str| {
        broker.signal(Signal::HUP);
        let problem = broker.wait_for("configuration problem");
        let problem = problem["problem"].as_str().unwrap();
        assert!(problem.contains(expected), "{problem}");
        broker.wait_for("reload refused: the configuration stays as it was");
        // A password file that is gone must not open the door.
        assert_eq!(Client::connect(broker.address, None).1, 0x86);
        assert_eq!(Client::connect(broker.address, Some(("anna", "x"))).1, 0);
    };
    write(folder.path().join("b.yaml"), "kind: [");
    refused(&mut broker, "b.yaml:");
    write(folder.path().join("b.yaml"), broker_text);
    write(folder.path().join("users"), "anna:\n");
    refused(&mut broker, "users:1:1: ");
    std::fs::remove_file(folder.path().join("users")).unwrap();
    refused(&mut broker, "users: cannot be read");
}

#[test]
fn a_reload_changes_the_log() {
    let folder = tempdir().unwrap();
    let text = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nspec: {}\n";
    write(folder.path().join("b.yaml"), text);
    let mut broker = Broker::start(folder.path(), &["--config", "b.yaml"]);
    let text = text.replace(
        "{}",
        "{ catena: { workers: 3 }, diagnostics: { logs: { level: warn } } }",
    );
    write(folder.path().join("b.yaml"), &text);
    broker.signal(Signal::HUP);
    broker.wait_for("reloading");
    // What needs a restart is told, and no longer what is below a warning.
    broker.wait_for("some changes of the Broker take effect with the next start only");
    broker.signal(Signal::TERM);
    broker.wait_for("component not ready");
    assert_eq!(broker.ended(), Some(0));
}
