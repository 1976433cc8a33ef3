//! A sitting: every scenario with every broker, in turns, each in a fresh process.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::broker::{Broker, Kind, Setting};
use crate::child::Child;
use crate::processors::Processors;
use crate::progress::Progress;
use crate::record::{Circumstances, Contender, Outcome, Record, Run};
use crate::report;
use crate::scenario::{Scenario, Spread};
use crate::store::{Load, etcd, redis};

/// How long a run may take beyond the time that it measures. A million messages are stored, read
/// and deleted in that time by a broker that is slow.
const RUN_MAX: Duration = Duration::from_secs(300);

/// How long a run measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    seconds: f64,
}

impl Timing {
    /// So many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: f64) -> Self {
        Self { seconds }
    }

    /// The arguments of `catena bench`.
    #[must_use]
    pub fn words(self) -> [String; 5] {
        let duration = format!("{}", self.seconds);
        let [duration_flag, warmup_flag, warmup, json] =
            ["--duration", "--warmup", "0.5", "--json"].map(str::to_owned);
        [duration_flag, duration, warmup_flag, warmup, json]
    }

    fn time(self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }

    fn run_max(self) -> Duration {
        RUN_MAX + self.time()
    }
}

/// What to do in a sitting.
#[derive(Clone, Debug)]
pub struct Sitting {
    /// The brokers, ours first.
    pub brokers: Vec<Broker>,
    /// What to measure.
    pub scenarios: Vec<&'static Scenario>,
    /// How often.
    pub repetitions: u32,
    /// How long.
    pub timing: Timing,
    /// Where.
    pub processors: Processors,
    /// The program whose `bench` is the load, for all brokers the same.
    pub generator: PathBuf,
    /// Files that a process may open, if there is a limit.
    pub files: Option<u64>,
    /// What else has to be known of it.
    pub notes: Vec<String>,
}

impl Sitting {
    /// Does it. `keep` is shown the record after each run.
    ///
    /// # Errors
    ///
    /// If `keep` fails. What goes wrong in a run stands in the record.
    pub fn run(
        &self,
        mut keep: impl FnMut(&Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<Record> {
        let turns = self.turns();
        let mut progress = Progress::new(turns.len());
        let mut record = Record {
            circumstances: self.circumstances(),
            runs: Vec::new(),
        };
        for (repetition, scenario, broker) in turns {
            progress.begin(&format!(
                "{} {}, run {repetition}",
                scenario.name, broker.name
            ));
            let (words, _) = scenario.words_within(self.files);
            let arguments: Vec<_> = words.into_iter().chain(self.timing.words()).collect();
            let load_before = load_average();
            let measured = self.measure(scenario, broker, &arguments);
            let run = Run {
                broker: broker.name.clone(),
                scenario: scenario.name.to_owned(),
                repetition,
                arguments,
                load_before,
                outcome: measured.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}"))),
            };
            if let Some(line) = report::fault_line(&run) {
                progress.say(&format!("FAULTY: {line}"));
            }
            record.runs.push(run);
            keep(&record)?;
            progress.end();
        }
        Ok(record)
    }

    /// All runs in their order. Those that are compared follow each other, so that they find the
    /// machine in the same state.
    fn turns(&self) -> Vec<(u32, &'static Scenario, &Broker)> {
        let mut turns = Vec::new();
        for repetition in 1..=self.repetitions {
            for &scenario in &self.scenarios {
                let is_meant = |broker: &&Broker| scenario.audience.has(broker.kind);
                let brokers = self.brokers.iter().filter(is_meant);
                turns.extend(brokers.map(|broker| (repetition, scenario, broker)));
            }
        }
        turns
    }

    fn measure(
        &self,
        scenario: &Scenario,
        broker: &Broker,
        arguments: &[String],
    ) -> anyhow::Result<Outcome> {
        let (setting, generator_processor) = self.setting(scenario);
        let running = broker.start(&setting)?;
        let load = || Load::of(scenario.words, self.timing.time());
        match broker.kind {
            Kind::Redis => {
                let measured =
                    redis::measure(&running, &broker.path, &load()?, generator_processor);
                return measured.map(Outcome::Measured);
            }
            Kind::Etcd => return etcd::measure(&running, &load()?).map(Outcome::Measured),
            Kind::Catena | Kind::Mosquitto | Kind::FlashMq => {}
        }
        let place = ["-h", "127.0.0.1", "-p"].map(str::to_owned);
        let place = place.into_iter().chain([running.port.to_string()]);
        let mut line = vec!["bench".to_owned()];
        line.extend(arguments.iter().cloned().chain(place));
        line.extend(["--pid".to_owned(), running.child.id().to_string()]);
        let mut generator = Child::start(&self.generator, &line, generator_processor)?;
        let Some(status) = generator.await_end(self.timing.run_max())? else {
            bail!("not done after {} s", self.timing.run_max().as_secs());
        };
        // With faults it ends with 1, and prints them.
        match serde_json::from_str(&generator.printed()?) {
            Ok(Value::Object(result)) => Ok(Outcome::Measured(result)),
            _ => bail!("{status}: {}", generator.complaint()),
        }
    }

    /// How the broker is started, and where the generator runs.
    fn setting(&self, scenario: &Scenario) -> (Setting, Option<usize>) {
        let (workers, broker, generator) = match (scenario.spread, self.processors) {
            (Spread::TwoWorkers, _) => (2, None, None),
            (Spread::Pinned, Processors::Pinned { broker, generator }) => {
                (1, Some(broker), Some(generator))
            }
            (Spread::Pinned, Processors::Unpinned(count)) => (count, None, None),
        };
        let setting = Setting {
            workers,
            files: self.files.unwrap_or(FILES),
            processor: broker,
        };
        (setting, generator)
    }

    fn circumstances(&self) -> Circumstances {
        let contenders = self.brokers.iter().map(|broker| Contender {
            name: broker.name.clone(),
            version: broker.version(),
            is_catena: broker.kind == Kind::Catena,
        });
        let fewer = self.scenarios.iter().filter_map(|scenario| {
            let (_, count) = scenario.words_within(self.files);
            let name = scenario.name;
            count.map(|count| format!("{name} has {count} connections, as many as files allow"))
        });
        Circumstances {
            brokers: contenders.collect(),
            processor: processor_model().unwrap_or_else(|_| "of unknown model".to_owned()),
            placement: match self.processors {
                Processors::Pinned { broker, generator } => {
                    format!("broker on number {broker}, generator on number {generator}")
                }
                Processors::Unpinned(count) => format!("broker and generator on any of {count}"),
            },
            repetitions: self.repetitions,
            seconds: self.timing.seconds,
            notes: fewer.chain(self.notes.iter().cloned()).collect(),
        }
    }
}

/// Files for a broker that wants to be told, where the system sets no limit.
const FILES: u64 = 65_536;

/// Processes that wait for a processor, on an average over the last minute.
pub(crate) fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

pub(crate) fn processor_model() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let line = text.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split(':').nth(1));
    Ok(model.context("no model")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    fn sitting() -> Sitting {
        let broker = |name: &str, kind| Broker {
            name: name.to_owned(),
            kind,
            path: PathBuf::new(),
        };
        Sitting {
            brokers: vec![
                broker("catena", Kind::Catena),
                broker("mosquitto", Kind::Mosquitto),
            ],
            scenarios: SCENARIOS.iter().collect(),
            repetitions: 2,
            timing: Timing::of_seconds(0.5),
            processors: Processors::Pinned {
                broker: 0,
                generator: 3,
            },
            generator: PathBuf::new(),
            files: Some(1_000),
            notes: Vec::new(),
        }
    }

    #[test]
    fn brokers_take_turns_within_a_scenario() {
        let sitting = sitting();
        let turns = sitting.turns();
        let names: Vec<_> = turns
            .iter()
            .map(|it| (it.1.name, it.2.name.as_str()))
            .collect();
        let first = SCENARIOS.first().unwrap().name;
        assert_eq!(names[..2], [(first, "catena"), (first, "mosquitto")]);
        let all = SCENARIOS
            .iter()
            .map(|it| 1 + usize::from(it.audience.has(Kind::Mosquitto)));
        assert_eq!(turns.len(), 2 * all.sum::<usize>());
    }

    #[test]
    fn two_workers_are_never_pinned() {
        let sitting = sitting();
        for scenario in SCENARIOS {
            let (setting, generator) = sitting.setting(scenario);
            let expected = match scenario.spread {
                Spread::Pinned => (1, Some(0), Some(3)),
                Spread::TwoWorkers => (2, None, None),
            };
            assert_eq!((setting.workers, setting.processor, generator), expected);
        }
    }

    #[test]
    fn fewer_connections_than_meant_are_said() {
        let notes = sitting().circumstances().notes;
        assert_eq!(
            notes,
            ["connect has 800 connections, as many as files allow"]
        );
    }
}
