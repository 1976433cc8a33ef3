//! `catena state export` and `import` against brokers.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::broker::Broker;
use crate::limits::strict;
use crate::process::{Told, command, run};

fn ask(broker: &Broker, folder: &Path, words: &[&str]) -> Told {
    let port = broker.address.port().to_string();
    let mut command = command(folder);
    command.arg("state").args(words);
    run(command.args(["-h", "127.0.0.1", "-p", &port]))
}

#[track_caller]
fn check(told: &Told, code: i32, out: &str, err: &str) {
    assert_eq!(
        (told.code, told.out.as_str(), told.err.as_str()),
        (Some(code), out, err)
    );
}

/// The objects of an export, by key.
fn entries(text: &str) -> BTreeMap<String, Value> {
    let objects = text.lines().map(|line| {
        let object: Value = serde_json::from_str(line).unwrap();
        let key = object["key"].as_str().or(object["keyBase64"].as_str());
        (key.unwrap().to_owned(), object.clone())
    });
    objects.collect()
}

#[test]
fn what_one_broker_exports_another_imports() {
    let (folder, old) = strict(&["spec.catena.limits.stateStore.scanPageKeys=7"]);
    let folder = folder.path();
    let bytes: Vec<u8> = (0..=255).collect();
    fs::write(folder.join("bytes"), &bytes).unwrap();
    for words in [
        &["set", "a/bytes", "--file", "bytes"][..],
        &["set", "a/text", "two\nlines"],
        &["set", "a/empty", ""],
        &["set", "a/short", "x", "--ttl", "1h"],
        &["set", "b", "not meant"],
    ] {
        check(&ask(&old, folder, words), 0, "", "");
    }
    let many: String = (0..200)
        .map(|number| format!("{{\"key\":\"a/{number}\",\"value\":\"of {number}\"}}\n"))
        .collect();
    fs::write(folder.join("many"), many).unwrap();
    let told = ask(&old, folder, &["import", "many"]);
    check(&told, 0, "", "set 200 keys, left 0 alone\n");

    let told = ask(&old, folder, &["export", "a/*", "-o", "all"]);
    check(&told, 0, "", "");
    assert!(!folder.join("all.part").exists());
    let (_other, new) = strict(&[]);
    let told = ask(&new, folder, &["import", "all"]);
    check(&told, 0, "", "set 204 keys, left 0 alone\n");
    let exported = entries(&fs::read_to_string(folder.join("all")).unwrap());
    let told = ask(&new, folder, &["export"]);
    let imported = entries(&told.out);
    assert_eq!(exported.len(), 204);
    assert!(exported.keys().eq(imported.keys()));
    for (key, before) in &exported {
        let after = &imported[key];
        assert_eq!(before["value"], after["value"], "{key}");
        assert_eq!(before["valueBase64"], after["valueBase64"], "{key}");
        let times = [before, after].map(|entry| entry["ttlMs"].as_u64());
        match key.as_str() {
            // An hour, less what the test took.
            "a/short" => assert!(
                times
                    .iter()
                    .all(|it| (1..=3_600_000).contains(&it.unwrap()))
            ),
            _ => assert_eq!(times, [None, None], "{key}"),
        }
        assert!(before["version"].as_str().unwrap().ends_with(":StateStore"));
    }
    assert!(exported["a/bytes"]["valueBase64"].is_string());
}

#[test]
fn keys_that_are_there_are_left_alone_if_asked() {
    let (folder, broker) = strict(&[]);
    let folder = folder.path();
    let ask = |words: &[&str]| ask(&broker, folder, words);
    let lines = "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":\"b\",\"value\":\"2\"}\n\
                 {\"keyBase64\":\"/w==\",\"valueBase64\":\"AA==\",\"ttlMs\":3600000}";
    fs::write(folder.join("f"), lines).unwrap();
    check(&ask(&["set", "a", "own"]), 0, "", "");
    check(&ask(&["set", "b", "2"]), 0, "", "");
    let told = ask(&["import", "f", "--dry-run"]);
    let text = "of 3 keys 1 would be created, 1 changed, 1 set to the same, 0 left alone\n";
    check(&told, 0, "", text);
    let told = ask(&["import", "f", "--dry-run", "--if-absent", "--json"]);
    let json = "{\"changed\":0,\"created\":1,\"lines\":3,\"skipped\":2,\"unchanged\":0}\n";
    check(&told, 0, json, "");
    // Nothing was done so far.
    assert_eq!(ask(&["scan"]).out.lines().count(), 2);
    let told = ask(&["import", "f", "--if-absent"]);
    check(&told, 0, "", "set 1 keys, left 2 alone\n");
    assert_eq!(ask(&["get", "a"]).out, "own");
    let told = ask(&["import", "f", "--if-absent", "--json"]);
    check(&told, 0, "{\"lines\":3,\"set\":0,\"skipped\":3}\n", "");
    check(&ask(&["import", "f", "--quiet"]), 0, "", "");
    assert_eq!(ask(&["get", "a"]).out, "1");
}

#[test]
fn what_goes_wrong_names_file_and_line_and_where_to_go_on() {
    let (folder, broker) = strict(&["spec.catena.limits.stateStore.valueBytes=3"]);
    let folder = folder.path();
    let ask = |words: &[&str]| ask(&broker, folder, words);
    let lines = [
        "{\"key\":\"a\",\"value\":\"1\"}",
        "{\"key\":\"b\",\"value\":\"1234\"}",
    ];
    fs::write(folder.join("f"), lines.join("\n")).unwrap();
    let told = ask(&["import", "f"]);
    let error = "set 1 keys, left 0 alone\nerror: f:2: the state store refused: the value is too \
                 long; go on with --from-line 2\n";
    check(&told, 6, "", error);
    assert_eq!(ask(&["get", "a"]).out, "1");

    fs::write(
        folder.join("f"),
        format!("{}\n{{\"key\":\"c\"}}\n", lines[0]),
    )
    .unwrap();
    let told = ask(&["import", "f", "--dry-run", "--json"]);
    let json = "{\"changed\":0,\"created\":0,\"lines\":1,\"skipped\":0,\"unchanged\":1}\n";
    let error = "error: f:2: expected value or valueBase64; go on with --from-line 2\n";
    check(&told, 2, json, error);

    // What is wrong before the first line is not looked at.
    fs::write(folder.join("f"), format!("rubbish\n{}\n", lines[0])).unwrap();
    let told = ask(&["import", "f", "--from-line", "2"]);
    check(&told, 0, "", "set 1 keys, left 0 alone\n");
    let told = ask(&["import", "missing"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    let told = ask(&["export", "-o", "no/such/folder"]);
    assert_eq!(told.code, Some(1), "{told:?}");
}

/// What a fence protects is there; and a byte order mark is no part of the first line.
#[test]
fn keys_with_a_fence_are_left_alone_if_asked() {
    let (folder, broker) = strict(&[]);
    let folder = folder.path();
    let ask = |words: &[&str]| ask(&broker, folder, words);
    let token = ask(&["set", "lease", "me", "--with-version"]).out;
    let fenced = ["set", "k", "own", "--fencing-token", token.trim()];
    check(&ask(&fenced), 0, "", "");
    let lines = "\u{feff}{\"key\":\"k\",\"value\":\"1\"}\n{\"key\":\"new\",\"value\":\"2\"}\n";
    fs::write(folder.join("f"), lines).unwrap();
    let told = ask(&["import", "f", "--if-absent", "--dry-run"]);
    let text = "of 2 keys 1 would be created, 0 changed, 0 set to the same, 1 left alone\n";
    check(&told, 0, "", text);
    let lower = "000000000000001:00000:StateStore";
    let told = ask(&["import", "f", "--if-absent"]);
    check(&told, 0, "", "set 1 keys, left 1 alone\n");
    let told = ask(&["import", "f", "--if-absent", "--fencing-token", lower]);
    check(&told, 0, "", "set 0 keys, left 2 alone\n");
    assert_eq!(ask(&["get", "k"]).out, "own");
    // Who means to overwrite is told.
    assert_eq!(ask(&["import", "f"]).code, Some(6));
}

/// From one broker into another without a file; and a fence that keeps it out.
#[test]
fn an_import_reads_standard_input_and_can_be_fenced() {
    let (folder, broker) = strict(&[]);
    let folder = folder.path();
    let token = ask(&broker, folder, &["set", "lease", "me", "--with-version"]).out;
    let token = token.trim();
    let set = ["set", "k", "1", "--fencing-token", token];
    check(&ask(&broker, folder, &set), 0, "", "");
    let port = broker.address.port().to_string();
    for (words, expected) in [(&[][..], 6), (&["--fencing-token", token][..], 0)] {
        let mut import = command(folder)
            .args(["state", "import", "-", "-h", "127.0.0.1", "-p", &port])
            .args(words)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = import.stdin.take().unwrap();
        input
            .write_all(b"{\"key\":\"k\",\"value\":\"2\"}\n")
            .unwrap();
        drop(input);
        assert_eq!(import.wait().unwrap().code(), Some(expected));
    }
    assert_eq!(ask(&broker, folder, &["get", "k"]).out, "2");
}
