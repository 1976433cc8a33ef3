//! The report: medians beside each other, and ratios.

use std::fmt::Write;

use super::cases::{CASES, Case, Entrance, Subject};
use super::measure::{OWN, TOGETHER};
use super::stage::{BROKER, COMPONENT, SIDECAR};
use crate::median::ratio;
use crate::record::Record;
use crate::report::{Form, add_remarks, fault_line, number, short};
use crate::table::Table;

/// A table of the report.
struct Section {
    title: &'static str,
    hint: &'static str,
    /// The figures of each case: name in the result, and what it is.
    figures: &'static [(&'static str, &'static str)],
}

const SECTIONS: [Section; 3] = [
    Section {
        title: "Operations per second",
        hint: "The ratio is Catena's figure by the other's: above 1, Catena is faster.",
        figures: &[("operations_per_second", "")],
    },
    Section {
        title: "Time of a call, µs",
        hint: LESS,
        figures: &[
            ("latency_p50_us", "median"),
            ("latency_p99_us", "99 of 100 within"),
        ],
    },
    Section {
        title: "Processor time for each operation, µs",
        hint: LESS,
        figures: &[
            (COMPONENT, "catena-dapr"),
            (SIDECAR, "daprd"),
            (BROKER, "broker or Redis"),
            (TOGETHER, "together"),
            (OWN, "application and load"),
        ],
    },
];

const LESS: &str = "The ratio is Catena's figure by the other's: below 1, Catena takes less.";

/// Tells what came of a sitting.
#[must_use]
pub fn report(record: &Record, form: Form) -> String {
    let mut text = heading(record);
    for (entrance, where_to) in [
        (Entrance::Sidecar, "through daprd"),
        (Entrance::Socket, "at the socket of catena-dapr"),
    ] {
        for section in &SECTIONS {
            let table = table(record, section, entrance);
            if table.rows.is_empty() {
                continue;
            }
            let Section { title, hint, .. } = section;
            // Writing to a string does not fail.
            let _ = match form {
                Form::Text => write!(text, "\n{title}, {where_to}\n\n{}", table.text()),
                Form::Markdown => write!(
                    text,
                    "\n### {title}, {where_to}\n\n{hint}\n\n{}",
                    table.markdown()
                ),
            };
        }
    }
    text + &verdict(record)
}

fn heading(record: &Record) -> String {
    let of = &record.circumstances;
    let programs: Vec<_> = of
        .brokers
        .iter()
        .map(|it| match it.is_catena {
            true => format!("catena and catena-dapr {}", it.version),
            false => it.version.clone(),
        })
        .collect();
    let mut text = format!(
        "Programs: {}.\nProcessor: {}; {}.\nRuns: medians of {}, {} s measured.\n",
        programs.join(", "),
        of.processor,
        of.placement,
        of.repetitions,
        of.seconds
    );
    add_remarks(record, &mut text);
    text
}

fn table(record: &Record, section: &Section, entrance: Entrance) -> Table {
    let cases = CASES.iter().filter(|case| case.entrance == entrance);
    let cases: Vec<_> = cases
        .filter(|case| record.runs.iter().any(|run| run.scenario == case.name))
        .collect();
    let is_there = |subject: &Subject| cases.iter().any(|case| case.has(*subject));
    let subjects: Vec<_> = Subject::ALL.into_iter().filter(is_there).collect();
    let others: Vec<_> = subjects.iter().skip(1).collect();
    let has_labels = section.figures.len() > 1;
    let mut heads = vec!["case".to_owned()];
    if has_labels {
        heads.push("figure".to_owned());
    }
    heads.extend(subjects.iter().map(|it| it.name().to_owned()));
    heads.extend(others.iter().map(|it| format!("catena ÷ {}", it.name())));
    let mut rows = Vec::new();
    for case in cases {
        for (key, label) in section.figures {
            let of = |subject: Subject| record.median(case.name, subject.name(), key);
            let is_known = subjects.iter().any(|subject| of(*subject).is_some());
            if has_labels && !is_known {
                continue;
            }
            let mut row = vec![case.name.to_owned()];
            if has_labels {
                row.push((*label).to_owned());
            }
            row.extend(subjects.iter().map(|it| cell(record, case, *it, key)));
            let ours = of(Subject::Catena);
            row.extend(others.iter().map(|it| number(ratio(ours, of(**it)))));
            rows.push(row);
        }
    }
    Table {
        words: 1 + usize::from(has_labels),
        heads,
        rows,
    }
}

/// The median, or what went wrong, for all to see.
fn cell(record: &Record, case: &Case, subject: Subject, key: &str) -> String {
    let mut runs = record.runs_of(case.name, subject.name());
    match runs.find_map(|run| Some(run.faults()).filter(|it| !it.is_empty())) {
        Some(faults) => format!("**FAULTY: {}**", short(&faults.join(", "))),
        None => number(record.median(case.name, subject.name(), key)),
    }
}

/// What went wrong, in full.
fn verdict(record: &Record) -> String {
    let mut text = match record.is_clean() {
        true => "\nEvery message arrived, and every value was read as it was saved.\n".to_owned(),
        false => "\nFAULTS:\n".to_owned(),
    };
    for line in record.runs.iter().filter_map(fault_line) {
        let _ = writeln!(text, "- {line}");
    }
    let again = |run: &crate::record::Run| run.number("arrived_again").filter(|it| *it > 0.0);
    for run in &record.runs {
        if let Some(count) = again(run) {
            let (case, subject, times) = (&run.scenario, &run.broker, run.repetition);
            let _ = writeln!(
                text,
                "- {case} of {subject}, run {times}: {count} messages came once more"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Outcome, Run};

    fn run(case: &str, subject: Subject, outcome: Outcome) -> Run {
        Run {
            broker: subject.name().to_owned(),
            scenario: case.to_owned(),
            repetition: 1,
            arguments: Vec::new(),
            load_before: None,
            outcome,
        }
    }

    fn measured(rate: f64) -> Outcome {
        let result = json!({
            "operations_per_second": rate, COMPONENT: 7.0, TOGETHER: 9.0, "faults": [],
        });
        Outcome::Measured(result.as_object().unwrap().clone())
    }

    #[test]
    fn ratios_stand_beside_the_figures() {
        let record = Record {
            runs: vec![
                run("get-w1", Subject::Catena, measured(300.0)),
                run("get-w1", Subject::Redis, measured(200.0)),
            ],
            ..Record::default()
        };
        let text = report(&record, Form::Markdown);
        let words: Vec<_> = text.split_whitespace().collect();
        let text = words.join(" ");
        assert!(
            text.contains("| get-w1 | 300 | 200 | - | 1.50 | - |"),
            "{text}"
        );
        assert!(text.contains("| get-w1 | catena-dapr"), "{text}");
        assert!(!text.contains("| daprd"), "nothing is known of it: {text}");
        assert!(text.contains("Every message arrived"), "{text}");
    }

    #[test]
    fn faults_are_seen() {
        let lost = Outcome::Failed("lost 2 of 3 messages".to_owned());
        let record = Record {
            runs: vec![run("deliver-64-w1", Subject::Mqtt3, lost)],
            ..Record::default()
        };
        let text = report(&record, Form::Text);
        assert!(text.contains("**FAULTY: lost 2 of 3 messages**"), "{text}");
        assert!(
            text.contains("FAULTS:\n- deliver-64-w1 of mqtt3, run 1: lost 2"),
            "{text}"
        );
    }
}
