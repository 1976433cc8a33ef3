//! What a run found: for people as a table, for programs as JSON.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

/// A result, in the order in which it is told.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    scenario: &'static str,
    facts: Vec<(&'static str, Value)>,
    /// What makes the run a failure.
    faults: Vec<String>,
}

impl Report {
    pub(crate) const fn new(scenario: &'static str) -> Self {
        Self {
            scenario,
            facts: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Adds a whole number.
    pub(crate) fn count(&mut self, name: &'static str, count: u64) {
        self.facts.push((name, json!(count)));
    }

    /// Adds a number, rounded to about four digits. What is unknown is left out.
    pub(crate) fn number(&mut self, name: &'static str, number: Option<f64>) {
        if let Some(number) = number.filter(|number| number.is_finite()) {
            self.facts.push((name, json!(rounded(number))));
        }
    }

    /// Adds a word.
    pub(crate) fn word(&mut self, name: &'static str, word: &str) {
        self.facts.push((name, json!(word)));
    }

    /// Adds a count that has to be 0.
    pub(crate) fn fault(&mut self, name: &'static str, count: u64) {
        self.count(name, count);
        if count > 0 {
            self.faults
                .push(format!("{count} {}", name.replace('_', " ")));
        }
    }

    /// Adds something that must not happen.
    pub(crate) fn mishap(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    /// Adds percentiles of nanoseconds, told in microseconds.
    pub(crate) fn latency(&mut self, histogram: &Histogram<u64>) {
        if histogram.is_empty() {
            return;
        }
        self.count("latency_samples", histogram.len());
        for (name, quantile) in [
            ("latency_p50_us", 0.5),
            ("latency_p90_us", 0.9),
            ("latency_p99_us", 0.99),
            ("latency_p999_us", 0.999),
            ("latency_max_us", 1.0),
        ] {
            self.number(
                name,
                Some(microseconds(histogram.value_at_quantile(quantile))),
            );
        }
    }

    /// Whether nothing went wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// One object.
    pub(crate) fn json(&self) -> Value {
        let mut map = Map::new();
        map.insert("scenario".to_owned(), json!(self.scenario));
        for (name, value) in &self.facts {
            map.insert((*name).to_owned(), value.clone());
        }
        map.insert("faults".to_owned(), json!(self.faults));
        Value::Object(map)
    }

    /// A table and a verdict.
    pub(crate) fn table(&self) -> String {
        let width = self.facts.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default();
        let mut text = format!("{}\n", self.scenario);
        for (name, value) in &self.facts {
            let name = name.replace('_', " ");
            let value = match value {
                Value::Number(number) => grouped(&number.to_string()),
                Value::String(word) => word.clone(),
                other => other.to_string(),
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {name:width$}  {value:>16}");
        }
        let _ = match self.faults.as_slice() {
            [] => writeln!(text, "clean: nothing lost, doubled or out of order"),
            faults => writeln!(text, "FAULTS: {}", faults.join(", ")),
        };
        text
    }
}

/// Nanoseconds in microseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a latency is no more exact than that"
)]
pub(crate) fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1_000.0
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn per_second(count: u64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| count as f64 / time.as_secs_f64())
}

/// Seconds of processor time for a million of something.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn seconds_per_million(time: Option<Duration>, count: u64) -> Option<f64> {
    let time = time?;
    (count > 0).then(|| time.as_secs_f64() * 1e6 / count as f64)
}

/// By how much memory grew for each of so many.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn growth(before: Option<u64>, after: Option<u64>, count: u64) -> Option<f64> {
    let grown = after? as f64 - before? as f64;
    (count > 0).then(|| grown / count as f64)
}

fn rounded(number: f64) -> f64 {
    let factor = match number.abs() {
        1_000.0.. => 1.0,
        100.0.. => 10.0,
        10.0.. => 100.0,
        1.0.. => 1_000.0,
        _ => 10_000.0,
    };
    (number * factor).round() / factor
}

/// A number with a comma for every thousand.
fn grouped(number: &str) -> String {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, "0")) => (whole, ""),
        Some((whole, fraction)) => (whole, fraction),
        None => (number, ""),
    };
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_easy_to_read() {
        let mut report = Report::new("p2p");
        report.word("protocol", "MQTT 5.0");
        report.count("sent", 1_234_567);
        report.number("cpu", Some(0.123_456));
        report.number("rate", Some(1_234.56));
        report.number("unknown", None);
        report.fault("lost", 0);
        assert!(report.is_clean());
        report.fault("duplicates", 3);
        assert!(!report.is_clean());
        insta::assert_snapshot!(report.table());
        insta::assert_snapshot!(report.json());
    }

    #[test]
    fn thousands_are_told_apart() {
        for (number, expected) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-123456.5", "-123,456.5"),
            ("1235.0", "1,235"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}
