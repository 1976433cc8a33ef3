//! R12: every number of the configuration at its ends.

use std::process::Command;

use catena_conformance::Options;
use catena_faults::{Broker, program};
use catena_mqtt::Version;

/// What stands in `catena config show` as a number, and fields that have none by default.
fn numbers() -> Vec<String> {
    let shown = Command::new(program()).args(["config", "show"]).output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let fields = shown.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let path = words.next()?.strip_prefix("Broker.")?;
        let value = line.rsplit_once(' ')?.0;
        let is_number = words.next()?.bytes().all(|byte| byte.is_ascii_digit());
        let has_none = value.contains(" none ") || value.contains("one per core");
        // A number is a topic filter as well.
        let is_text = path.ends_with("refusedFilters");
        ((is_number || has_none) && !is_text).then(|| path.to_owned())
    });
    fields.collect()
}

/// R12: refused with a sentence, or the broker works with it (CVE-2026-42209).
#[test]
fn r12_every_number_at_its_ends() {
    let paths = numbers();
    assert!(paths.len() > 25, "{paths:?}");
    for path in &paths {
        for value in [
            "-1",
            "0",
            "1",
            "4294967295",
            "18446744073709551615",
            "1e9",
            "NaN",
        ] {
            let setting = format!("{path}={value}");
            let check = Command::new(program())
                .args(["check", "--set", &setting])
                .output();
            let check = check.unwrap();
            let said = String::from_utf8_lossy(&check.stderr).into_owned();
            assert!(!said.contains("panicked"), "{setting}: {said}");
            match check.status.code() {
                Some(2) => assert!(
                    said.contains(path.as_str()) || !said.is_empty(),
                    "{setting}"
                ),
                // Hundreds of threads or partitions are for larger machines.
                Some(0) if value == "0" || value == "1" => serve_with(&setting),
                Some(0) => assert_ne!(value, "-1", "{setting}"),
                code => panic!("{setting}: {code:?} {said}"),
            }
        }
    }
}

/// A broker with this setting takes what it allows and refuses the rest, but it lives.
#[track_caller]
fn serve_with(setting: &str) {
    let broker = Broker::start(&[setting]);
    let mut client = broker.open(Version::V5);
    let options = Options::clean(Version::V5);
    client.send_bytes(&options.bytes());
    for packet in [
        // Subscribe, and publish retained at QoS 1.
        &b"\x82\x07\x00\x01\x00\x00\x01a\x01"[..],
        b"\x33\x07\x00\x01a\x00\x02\x00x",
        b"\xC0\x00",
    ] {
        client.send_bytes(packet);
    }
    let mut answered = false;
    while let Some(received) = client.receive_or_end() {
        answered = true;
        match received.packet() {
            catena_mqtt::Packet::PingResp => break,
            catena_mqtt::Packet::Disconnect(_) => break,
            _ => {}
        }
    }
    assert!(answered, "{setting}: no answer at all");
}
