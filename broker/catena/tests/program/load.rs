//! `catena bench state` and `state-expiry` against a broker.

use std::path::Path;

use serde_json::Value;

use crate::broker::Broker;
use crate::limits::strict;
use crate::process::{command, run};

/// Runs a scenario on two clients, and gives exit code and result.
fn bench(broker: &Broker, folder: &Path, words: &str) -> (Option<i32>, Value) {
    let port = broker.address.port().to_string();
    let mut command = command(folder);
    command.arg("bench").args(words.split_whitespace());
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "--json",
        "--publishers",
        "2",
    ]);
    let told = run(command.args(["--warmup", "0.1", "--stall", "60"]));
    let result: Option<Value> = serde_json::from_str(&told.out).ok();
    assert!(result.is_some(), "{told:?}");
    (told.code, result.unwrap_or_default())
}

#[test]
fn every_mix_is_answered_and_the_keys_are_gone_afterwards() {
    let (folder, broker) = strict(&[]);
    for words in [
        "state --mix set --window 1",
        "state --mix get --window 16 --payload 16384 -q 0",
        "state --window 100 --payload 16 --messages 500",
        "state --rate 200",
    ] {
        let words = format!("{words} --duration 1 --keys 300");
        let (code, result) = bench(&broker, folder.path(), &words);
        assert_eq!(code, Some(0), "{words}: {result}");
        // Keys are made and deleted as well.
        let least = if words.contains("--messages") {
            1_100
        } else {
            601
        };
        assert!(result["answered"].as_u64().unwrap() >= least, "{result}");
        assert_eq!(result["sent"], result["answered"]);
        assert!(result["latency_p99_us"].as_f64().unwrap() > 0.0);
    }
    let port = broker.address.port().to_string();
    let words = ["state", "scan", "-h", "127.0.0.1", "-p", &port];
    let told = run(command(folder.path()).args(words));
    assert_eq!((told.code, &*told.out), (Some(0), ""));
}

#[test]
fn refusals_are_counted() {
    let (folder, broker) = strict(&["spec.catena.limits.stateStore.valueBytes=20"]);
    let words = "state --mix set --keys 10 --duration 0.2 --payload 21";
    let (code, result) = bench(&broker, folder.path(), words);
    assert_eq!(code, Some(1), "{result}");
    assert!(result["errors"].as_u64().unwrap() > 10, "{result}");
    let faults = result["faults"].as_array().unwrap();
    assert!(faults.contains(&"the first error: the value is too long".into()));
    let (code, _) = {
        let told = run(command(folder.path()).args(["bench", "state", "-V", "4"]));
        (told.code, told.out)
    };
    assert_eq!(code, Some(2));
}

#[test]
fn keys_that_expire_at_once_are_gone() {
    let (folder, broker) = strict(&[]);
    let words = "state-expiry --keys 200 --expire-after 8 --duration 1.5 --rate 100";
    let (code, result) = bench(&broker, folder.path(), words);
    assert_eq!(code, Some(0), "{result}");
    assert_eq!(result["not_expired"], 0);
    assert!(result["latency_max_us"].as_f64().unwrap() > 0.0, "{result}");
    assert!(result["before_max_us"].as_f64().unwrap() > 0.0, "{result}");
}
