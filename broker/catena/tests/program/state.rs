//! `catena state` against a broker.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

use catena_telemetry::metrics::Limit;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::limits::{check_hits, strict};
use crate::process::{Told, command, run};

fn broker() -> (TempDir, Broker) {
    strict(&["spec.catena.systemTopics.mode=Disabled"])
}

/// `catena state` with these words.
fn state(broker: &Broker, folder: &Path, words: &[&str]) -> Told {
    let port = broker.address.port().to_string();
    let mut command = command(folder);
    command.arg("state").args(words);
    run(command.args(["-h", "127.0.0.1", "-p", &port]))
}

/// A watcher of two changes that is told of them from now on.
struct Watcher {
    child: Child,
    drain: JoinHandle<()>,
}

impl Watcher {
    fn start(broker: &Broker, folder: &Path, words: &[&str]) -> Self {
        let port = broker.address.port().to_string();
        let mut child = command(folder)
            .args(["state", "watch", "-C", "2", "-W", "60", "-d"])
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut told = Vec::new();
        while !told.windows(8).any(|it| it == b" watches") {
            let count = errors.read_until(b'\n', &mut told).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&told));
        }
        let drain = std::thread::spawn(move || {
            errors.read_to_end(&mut Vec::new()).unwrap();
        });
        Self { child, drain }
    }

    /// What it printed.
    fn ended(self) -> String {
        let output = self.child.wait_with_output().unwrap();
        self.drain.join().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[track_caller]
fn check(told: &Told, code: i32, out: &str) {
    assert_eq!(
        (told.code, told.out.as_str()),
        (Some(code), out),
        "{told:?}"
    );
}

#[test]
fn keys_are_set_read_and_deleted() {
    let (folder, broker) = broker();
    let ask = |words: &[&str]| state(&broker, folder.path(), words);
    check(&ask(&["get", "k"]), 1, "");
    check(&ask(&["set", "k", "one"]), 0, "");
    check(&ask(&["get", "k"]), 0, "one");
    check(&ask(&["get", "k", "--hex"]), 0, "6f6e65\n");
    check(&ask(&["set", "k", "two", "--nx"]), 1, "");
    check(&ask(&["set", "k", "one", "--nex", "--ttl", "1h"]), 0, "");
    check(&ask(&["vdel", "k", "two"]), 1, "");
    check(&ask(&["vdel", "k", "one"]), 0, "");
    check(&ask(&["del", "k"]), 1, "");
    let told = ask(&["get", "k"]);
    assert_eq!(told.err, "error: there is no such key\n");
    check(&ask(&["set", "k", "x", "--ttl", "soon"]), 2, "");
}

#[test]
fn any_bytes_pass_from_a_file_to_standard_output() {
    let (folder, broker) = broker();
    let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    std::fs::write(folder.path().join("in"), &bytes).unwrap();
    let told = state(&broker, folder.path(), &["set", "b", "--file", "in"]);
    check(&told, 0, "");
    let port = broker.address.port().to_string();
    let words = ["state", "get", "b", "-h", "127.0.0.1", "-p", &port];
    let output = command(folder.path()).args(words).output().unwrap();
    assert!(output.stdout == bytes, "{} bytes", output.stdout.len());
}

/// Keys that are no text are named by their bytes, or in digits as they are shown.
#[test]
fn any_bytes_name_a_key() {
    let (folder, broker) = broker();
    let port = broker.address.port().to_string();
    let mut set = command(folder.path());
    set.args(["state", "set", "-h", "127.0.0.1", "-p", &port]);
    set.args([&b"\xff\xfekey"[..], b"\xff"].map(OsStr::from_bytes));
    check(&run(&mut set), 0, "");
    let ask = |words: &[&str]| state(&broker, folder.path(), words);
    let digits = "fffe6b6579";
    check(&ask(&["scan", "--hex"]), 0, &format!("{digits}\n"));
    check(&ask(&["get", "--hex-key", digits, "--hex"]), 0, "ff\n");
    check(&ask(&["vdel", "--hex-key", digits, "other"]), 1, "");
    check(&ask(&["del", "--hex-key", "FFFE6B6579"]), 0, "");
    // What no argument can hold.
    check(&ask(&["set", "--hex-key", "0001", "zero"]), 0, "");
    check(&ask(&["set", "plain", "text"]), 0, "");
    check(&ask(&["scan", "--hex-key", "002a", "--hex"]), 0, "0001\n");
    let told = ask(&["export", "--hex-key", "003f"]);
    assert!(
        told.out.starts_with("{\"key\":\"\\u0000\\u0001\""),
        "{told:?}"
    );
    let told = ask(&["watch", "--hex-key", "0001", "00zz"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    let told = ask(&["get", "--hex-key", "00zz"]);
    check(&told, 2, "");
    let error = "error: --hex-key: 'z', character 3 of \"00zz\", is no hexadecimal digit\n";
    assert_eq!(told.err, error);
    check(&ask(&["get", "--hex-key", "001"]), 2, "");
    check(&ask(&["get", ""]), 2, "");
}

#[test]
fn a_watched_key_may_be_any_bytes() {
    let (folder, broker) = broker();
    let ask = |words: &[&str]| state(&broker, folder.path(), words);
    let watcher = Watcher::start(&broker, folder.path(), &["--hex-key", "fe00", "--hex"]);
    check(&ask(&["set", "--hex-key", "fe00", "v"]), 0, "");
    check(&ask(&["del", "--hex-key", "fe00"]), 0, "");
    let text = watcher.ended();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].ends_with(" fe00 76"), "{text}");
    assert!(lines[1].ends_with(" fe00"), "{text}");
}

#[test]
fn a_fence_refuses_lower_tokens() {
    let (folder, broker) = broker();
    let ask = |words: &[&str]| state(&broker, folder.path(), words);
    let told = ask(&["set", "lease", "me", "--with-version"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let token = told.out.trim();
    let fenced = ["set", "k", "1", "--fencing-token", token];
    check(&ask(&fenced), 0, "");
    check(&ask(&["set", "k", "2"]), 6, "");
    let lower = "000000000000001:00000:StateStore";
    check(&ask(&["del", "k", "--fencing-token", lower]), 6, "");
    check(&ask(&["del", "k", "--fencing-token", token]), 0, "");
}

#[test]
fn a_scan_lists_every_key_that_matches() {
    let (folder, broker) = strict(&["spec.catena.limits.stateStore.scanPageKeys=2"]);
    let ask = |words: &[&str]| state(&broker, folder.path(), words);
    for key in ["a/1", "a/2", "a/3", "b/1"] {
        check(&ask(&["set", key, &format!("of {key}")]), 0, "");
    }
    let lines = |told: Told| {
        assert_eq!(told.code, Some(0), "{told:?}");
        let mut lines: Vec<String> = told.out.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(ask(&["scan", "a/*"])), ["a/1", "a/2", "a/3"]);
    assert_eq!(lines(ask(&["scan", "b/?", "--values"])), ["b/1\tof b/1"]);
    assert_eq!(lines(ask(&["scan"])).len(), 4);
    let json = lines(ask(&["scan", "b/*", "--values", "--json"]));
    assert!(
        json[0].starts_with("{\"key\":\"b/1\",\"value\":\"of b/1\","),
        "{json:?}"
    );
}

#[test]
fn changes_are_printed_as_they_come() {
    let (folder, broker) = broker();
    let watcher = Watcher::start(&broker, folder.path(), &["k"]);
    check(&state(&broker, folder.path(), &["set", "k", "v"]), 0, "");
    check(&state(&broker, folder.path(), &["del", "k"]), 0, "");
    let text = watcher.ended();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("SET ") && lines[0].ends_with(":StateStore k v"));
    assert!(lines[1].starts_with("DELETE ") && lines[1].ends_with(":StateStore k"));
}

#[test]
fn a_value_may_come_from_standard_input() {
    let (folder, broker) = broker();
    let port = broker.address.port().to_string();
    let mut setter = command(folder.path())
        .args(["state", "set", "k", "-h", "127.0.0.1", "-p", &port])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    setter.stdin.take().unwrap().write_all(b"piped").unwrap();
    assert_eq!(setter.wait().unwrap().code(), Some(0));
    check(&state(&broker, folder.path(), &["get", "k"]), 0, "piped");
}

#[test]
fn limits_of_the_store_act_and_are_counted() {
    let (folder, broker) = strict(&[
        "spec.catena.partitions=1",
        "spec.catena.limits.stateStore.keys=1",
        "spec.catena.limits.stateStore.keyBytes=3",
        "spec.catena.limits.stateStore.valueBytes=3",
    ]);
    let ask = |words: &[&str]| state(&broker, folder.path(), words);
    check(&ask(&["set", "abc", "123"]), 0, "");
    check(&ask(&["set", "b", "1"]), 6, "");
    check(&ask(&["set", "abcd", "1"]), 6, "");
    check(&ask(&["set", "abc", "1234"]), 6, "");
    check_hits(
        &broker,
        &[
            (Limit::StateStoreKeys, 1.0),
            (Limit::StateStoreKeyBytes, 1.0),
            (Limit::StateStoreValueBytes, 1.0),
        ],
    );
}

/// Keys with one tag are all in one partition, which may take what the others do not need.
#[test]
fn keys_that_belong_together_may_take_more_than_an_equal_part() {
    let (folder, broker) = strict(&[
        "spec.catena.partitions=8",
        "spec.catena.limits.stateStore.bytes=800000",
    ]);
    let value = "v".repeat(20_000);
    let set = |key: &str| state(&broker, folder.path(), &["set", key, &value]).code;
    // A quarter of an equal part of 100,000 bytes, and three quarters of all eight: 31 values.
    let fitting = (0..40).take_while(|number| set(&format!("{{tag}}{number}")) == Some(0));
    assert_eq!(fitting.count(), 31);
    // A value that replaces one needs no room, and others have a part of their own.
    assert_eq!(set("{tag}0"), Some(0));
    let others = ["{a}", "{b}", "{c}", "{d}", "{e}", "{f}", "{g}", "{h}"];
    let taken = others.iter().filter(|key| set(key) == Some(0)).count();
    assert!(taken >= 3, "{taken}");
    check_hits(
        &broker,
        &[(Limit::StateStoreBytes, (1 + others.len() - taken) as f64)],
    );
}
