//! The report: medians beside each other, ratios, and what went wrong.

use std::fmt::Write;

use crate::broker::OURS;
use crate::median::{median, ratio, three_digits};
use crate::record::{Record, Run};
use crate::scenario::{Figure, Scenario, Section};
use crate::table::Table;

/// What stands where there is nothing to tell.
const NOTHING: &str = "-";
/// Marks a rate that says more of the generator than of the broker.
const GENERATOR: &str = "*";
/// From this share of a processor on, the generator has none left.
const BUSY: f64 = 0.95;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For a terminal.
    Text,
    /// For a page.
    Markdown,
}

/// Tells what came of a sitting.
#[must_use]
pub fn report(record: &Record, form: Form) -> String {
    let mut text = heading(record);
    for section in Section::ALL {
        let table = match section {
            Section::Alone => alone(record),
            _ => compared(record, section),
        };
        if table.rows.is_empty() {
            continue;
        }
        let has_mark = table
            .rows
            .iter()
            .flatten()
            .any(|cell| cell.ends_with(GENERATOR));
        // Writing to a string does not fail.
        let _ = match form {
            Form::Text => write!(text, "\n{}\n\n{}", section.title(), table.text()),
            Form::Markdown => write!(
                text,
                "\n### {}\n\n{}\n\n{}",
                section.title(),
                section.hint(),
                table.markdown()
            ),
        };
        if has_mark {
            let _ = writeln!(
                text,
                "\n{GENERATOR} The generator was the limit, not the broker."
            );
        }
    }
    text + &verdict(record)
}

/// What was measured, and where.
fn heading(record: &Record) -> String {
    let of = &record.circumstances;
    let brokers = of
        .brokers
        .iter()
        .map(|one| format!("{} {}", one.name, one.version));
    let brokers: Vec<_> = brokers.collect();
    let times = match of.repetitions {
        1 => "one run each".to_owned(),
        count => format!("medians of {count} runs"),
    };
    let mut text = format!(
        "Brokers: {}.\nProcessor: {}; {}.\nRuns: {times}, {} s measured.\n",
        brokers.join(", "),
        of.processor,
        of.placement,
        of.seconds,
    );
    add_remarks(record, &mut text);
    text
}

/// What else the machine did, and what the sitting had to do without.
pub(crate) fn add_remarks(record: &Record, text: &mut String) {
    let loads = record.runs.iter().filter_map(|run| run.load_before);
    let loads: Vec<_> = loads.collect();
    let most = loads.iter().copied().reduce(f64::max);
    if let (Some(load), Some(most)) = (median(&loads), most) {
        let _ = writeln!(
            text,
            "Load average of the machine before each run: {load:.1}, at most {most:.1}."
        );
    }
    for note in &record.circumstances.notes {
        let _ = writeln!(text, "Note: {note}.");
    }
}

/// A table with a column for each broker and a ratio for each but ours.
fn compared(record: &Record, section: Section) -> Table {
    let brokers: Vec<_> = record
        .circumstances
        .brokers
        .iter()
        .map(|it| &it.name)
        .collect();
    let peers = || brokers.iter().filter(|name| **name != OURS);
    let has_labels = match section {
        Section::Latency | Section::Memory | Section::StoreLatency | Section::StoreMemory => true,
        Section::Cost | Section::Rate | Section::StoreCost | Section::Alone => false,
    };
    let mut heads = vec!["scenario".to_owned()];
    if has_labels {
        heads.push("figure".to_owned());
    }
    heads.extend(brokers.iter().map(|name| (*name).clone()));
    heads.extend(peers().map(|name| format!("{OURS} ÷ {name}")));
    let mut table = Table {
        words: 1 + usize::from(has_labels),
        heads,
        rows: Vec::new(),
    };
    for (scenario, figure) in told(record, section) {
        let mut row = vec![scenario.name.to_owned()];
        if has_labels {
            row.push(figure.label.to_owned());
        }
        row.extend(
            brokers
                .iter()
                .map(|name| cell(record, scenario, figure, name)),
        );
        let ours = record.median(scenario.name, OURS, figure.key);
        let ratios = peers().map(|name| {
            let theirs = record.median(scenario.name, name, figure.key);
            number(ratio(ours, theirs))
        });
        row.extend(ratios);
        table.rows.push(row);
    }
    table
}

/// What is measured of Catena only, beside the scenario that each is to be compared with.
fn alone(record: &Record) -> Table {
    let brokers = record
        .circumstances
        .brokers
        .iter()
        .filter(|it| it.is_catena);
    let brokers: Vec<_> = brokers.map(|it| &it.name).collect();
    let mut heads = vec!["scenario".to_owned(), "figure".to_owned()];
    heads.push("compared with".to_owned());
    heads.extend(brokers.iter().map(|name| (*name).clone()));
    heads.extend(brokers.iter().map(|name| format!("ratio of {name}")));
    let mut table = Table {
        words: 3,
        heads,
        rows: Vec::new(),
    };
    for (scenario, figure) in told(record, Section::Alone) {
        let mut row = vec![scenario.name.to_owned(), figure.label.to_owned()];
        row.push(scenario.compared_with.unwrap_or(NOTHING).to_owned());
        row.extend(
            brokers
                .iter()
                .map(|name| cell(record, scenario, figure, name)),
        );
        let ratios = brokers.iter().map(|name| {
            let other = scenario.compared_with;
            let base = other.and_then(|other| record.median(other, name, figure.key));
            number(ratio(record.median(scenario.name, name, figure.key), base))
        });
        row.extend(ratios);
        table.rows.push(row);
    }
    table
}

/// The figures of a section of which there is a run.
fn told(
    record: &Record,
    section: Section,
) -> impl Iterator<Item = (&'static Scenario, &'static Figure)> {
    let is_run = |scenario: &&Scenario| record.runs.iter().any(|it| it.scenario == scenario.name);
    let of_one = move |scenario: &'static Scenario| {
        let figures = scenario.figures.iter();
        let figures = figures.filter(move |figure| figure.section == section);
        figures.map(move |figure| (scenario, figure))
    };
    Scenario::all().filter(is_run).flat_map(of_one)
}

/// The median, or what went wrong, for all to see.
fn cell(record: &Record, scenario: &Scenario, figure: &Figure, broker: &str) -> String {
    let mut runs = record.runs_of(scenario.name, broker);
    if let Some(faults) = runs.find_map(|run| Some(run.faults()).filter(|it| !it.is_empty())) {
        return format!("**FAULTY: {}**", short(&faults.join(", ")));
    }
    let text = number(record.median(scenario.name, broker, figure.key));
    let own = record.median(scenario.name, broker, "own_cores");
    let theirs = record.median(scenario.name, broker, "broker_cores");
    let is_limited = matches!((own, theirs), (Some(BUSY..), Some(cores)) if cores < BUSY);
    match figure.section {
        Section::Rate if is_limited => text + GENERATOR,
        _ => text,
    }
}

pub(crate) fn number(number: Option<f64>) -> String {
    number.map_or_else(|| NOTHING.to_owned(), three_digits)
}

/// As much of a fault as a cell can hold.
pub(crate) fn short(fault: &str) -> String {
    match fault.char_indices().nth(40) {
        Some((end, _)) => fault.get(..end).unwrap_or_default().to_owned() + "…",
        None => fault.to_owned(),
    }
}

/// What went wrong, in full.
fn verdict(record: &Record) -> String {
    if record.is_clean() {
        return "\nNothing was lost, doubled or out of order in any run.\n".to_owned();
    }
    let mut text = "\nFAULTS:\n".to_owned();
    for run in &record.runs {
        if let Some(line) = fault_line(run) {
            let _ = writeln!(text, "- {line}");
        }
    }
    text
}

/// Which run had faults, and which.
#[must_use]
pub fn fault_line(run: &Run) -> Option<String> {
    let faults = run.faults();
    (!faults.is_empty()).then(|| {
        format!(
            "{} of {}, run {}: {}",
            run.scenario,
            run.broker,
            run.repetition,
            faults.join(", ")
        )
    })
}

#[cfg(test)]
mod tests;
