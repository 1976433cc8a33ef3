//! What came of a sitting, as it is kept in a file.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::median::median;

/// A sitting: under which circumstances, and all runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What held for all runs.
    pub circumstances: Circumstances,
    /// The runs, in their order.
    pub runs: Vec<Run>,
}

/// What held for all runs of a sitting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The brokers, ours first.
    pub brokers: Vec<Contender>,
    /// The model of the processors.
    pub processor: String,
    /// Which of them were used, in words.
    pub placement: String,
    /// How often each scenario was run with each broker.
    pub repetitions: u32,
    /// Seconds measured in a run.
    pub seconds: f64,
    /// What else has to be known.
    pub notes: Vec<String>,
}

/// A broker that takes part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// Its name.
    pub name: String,
    /// What it says of its version.
    pub version: String,
    /// Whether it is a Catena, of this commit or another.
    pub is_catena: bool,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The broker's name.
    pub broker: String,
    /// The scenario's name.
    pub scenario: String,
    /// Which repetition it was, from 1.
    pub repetition: u32,
    /// The arguments of `catena bench`, but for the place of the broker.
    pub arguments: Vec<String>,
    /// How many processes waited for a processor before it, on an average over a minute.
    pub load_before: Option<f64>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result of `catena bench`.
    Measured(Map<String, Value>),
    /// Why there is none.
    Failed(String),
}

impl Run {
    /// What must not have happened: loss, duplicates, wrong order, a failure.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        match &self.outcome {
            Outcome::Failed(reason) => vec![reason.clone()],
            Outcome::Measured(result) => match result.get("faults").and_then(Value::as_array) {
                Some(faults) => faults.iter().map(word).collect(),
                None => vec!["the result does not tell of faults".to_owned()],
            },
        }
    }

    /// A number of the result.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        match &self.outcome {
            Outcome::Measured(result) => result.get(key)?.as_f64(),
            Outcome::Failed(_) => None,
        }
    }
}

impl Record {
    /// The runs of a scenario with a broker.
    pub fn runs_of<'r>(
        &'r self,
        scenario: &'r str,
        broker: &'r str,
    ) -> impl Iterator<Item = &'r Run> {
        let is_meant = move |run: &&Run| run.scenario == scenario && run.broker == broker;
        self.runs.iter().filter(is_meant)
    }

    /// The median of a number over the runs of a scenario with a broker. None if there was a
    /// fault: what loses messages is not to look fast.
    #[must_use]
    pub fn median(&self, scenario: &str, broker: &str, key: &str) -> Option<f64> {
        let runs: Vec<_> = self.runs_of(scenario, broker).collect();
        if runs.iter().any(|run| !run.faults().is_empty()) {
            return None;
        }
        let numbers: Vec<_> = runs.iter().filter_map(|run| run.number(key)).collect();
        median(&numbers)
    }

    /// Whether no run had a fault.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.runs.iter().all(|run| run.faults().is_empty())
    }

    /// Reads a sitting.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is none of this program's.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
    }

    /// Writes a sitting.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
