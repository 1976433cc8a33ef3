//! Reports of made-up sittings.

use serde_json::{Value, json};

use super::*;
use crate::record::{Circumstances, Contender, Outcome};

fn run(broker: &str, scenario: &str, repetition: u32, result: Value) -> Run {
    let Value::Object(result) = result else {
        panic!("{result} is no object");
    };
    Run {
        broker: broker.to_owned(),
        scenario: scenario.to_owned(),
        repetition,
        arguments: vec!["p2p".to_owned()],
        load_before: Some(0.5),
        outcome: Outcome::Measured(result),
    }
}

fn record() -> Record {
    let brokers = [("catena", true), ("mosquitto", false)];
    let contender = |(name, is_catena): (&str, bool)| Contender {
        name: name.to_owned(),
        version: "1.0".to_owned(),
        is_catena,
    };
    let mut record = Record {
        circumstances: Circumstances {
            brokers: brokers.map(contender).to_vec(),
            processor: "a model".to_owned(),
            placement: "broker on 0, generator on 1".to_owned(),
            repetitions: 3,
            seconds: 2.0,
            notes: Vec::new(),
        },
        runs: Vec::new(),
    };
    for (repetition, extra) in [(1, 0.25), (2, 0.0), (3, 0.125)] {
        for (broker, factor) in [("catena", 1.0), ("mosquitto", 4.0)] {
            let traffic = json!({
                "broker_cpu_s_per_million": 0.5 * factor + extra,
                "delivered_per_second": 1_000_000.0 / factor,
                "own_cores": 1.0,
                "broker_cores": 0.25 * factor,
                "faults": [],
            });
            record
                .runs
                .push(run(broker, "p2p-q1-64", repetition, traffic));
            let connect = json!({ "broker_bytes_per_connection": 500.0 * factor, "faults": [] });
            record
                .runs
                .push(run(broker, "connect", repetition, connect));
        }
        let spread = json!({ "broker_cpu_s_per_million": 0.75, "faults": [] });
        record
            .runs
            .push(run("catena", "p2p-q1-64-2-workers", repetition, spread));
    }
    record
}

#[test]
fn medians_and_ratios_are_told() {
    let record = record();
    assert!(record.is_clean());
    insta::assert_snapshot!(report(&record, Form::Text));
    insta::assert_snapshot!(report(&record, Form::Markdown));
}

/// A broker that lost a message once has no figure, only the fault.
#[test]
fn a_fault_takes_the_place_of_the_figure() {
    let mut record = record();
    let faulty = json!({ "broker_cpu_s_per_million": 0.01, "faults": ["7 lost"] });
    record.runs.push(run("mosquitto", "p2p-q1-64", 4, faulty));
    record.runs.push(Run {
        outcome: Outcome::Failed("mosquitto does not listen".to_owned()),
        ..run("mosquitto", "connect", 4, json!({}))
    });
    assert!(!record.is_clean());
    let text = report(&record, Form::Text);
    assert!(text.contains("**FAULTY: 7 lost**  "), "{text}");
    assert!(
        text.contains("\nFAULTS:\n- p2p-q1-64 of mosquitto, run 4: 7 lost\n"),
        "{text}"
    );
    assert!(
        text.contains("- connect of mosquitto, run 4: mosquitto does not listen\n"),
        "{text}"
    );
    assert_eq!(
        record.median("p2p-q1-64", "mosquitto", "delivered_per_second"),
        None
    );
    assert_eq!(
        record.median("p2p-q1-64", "catena", "broker_cpu_s_per_million"),
        Some(0.625)
    );
}

#[test]
fn a_result_that_is_silent_on_faults_is_one() {
    assert_eq!(run("catena", "connect", 1, json!({})).faults().len(), 1);
}

#[test]
fn a_record_outlasts_the_sitting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let record = record();
    record.write(&path).unwrap();
    assert_eq!(Record::read(&path).unwrap(), record);
}
