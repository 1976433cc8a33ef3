//! A sitting: every case with every subject, in turns.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use catena_tests_dapr::Scene;

use super::cases::{CASES, Case, Subject};
use super::measure::measure;
pub use super::stage::Programs;
use super::stage::Stage;
use crate::broker::OURS;
use crate::progress::Progress;
use crate::record::{Circumstances, Contender, Outcome, Record, Run};
use crate::report::fault_line;
use crate::sitting::{load_average, processor_model};

/// What to do in a sitting.
#[derive(Clone, Debug)]
pub struct Sitting {
    /// What runs.
    pub programs: Programs,
    /// How often each case is run with each subject.
    pub repetitions: u32,
    /// Seconds that a run measures.
    pub seconds: f64,
}

impl Sitting {
    /// Does it. `keep` is shown the record after each run.
    ///
    /// # Errors
    ///
    /// If something does not start, or `keep` fails. What goes wrong in a run stands in the record.
    pub fn run(
        &self,
        mut keep: impl FnMut(&Record) -> anyhow::Result<()>,
    ) -> anyhow::Result<Record> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let turns = turns(1, self.programs.redis.is_some()).len();
        let mut progress = Progress::new(turns * self.repetitions as usize);
        let mut record = Record {
            circumstances: self.circumstances(),
            runs: Vec::new(),
        };
        for repetition in 1..=self.repetitions {
            Scene::play(|scene| {
                let whole = self.repetition(scene, repetition, &mut progress, |run| {
                    record.runs.push(run);
                    keep(&record)
                });
                runtime.block_on(whole)
            })?;
        }
        Ok(record)
    }

    async fn repetition(
        &self,
        scene: &Scene,
        repetition: u32,
        progress: &mut Progress,
        mut keep: impl FnMut(Run) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let stage = Stage::start(scene, &self.programs).await?;
        let mut runs = 0;
        for (case, subject) in turns(repetition, self.programs.redis.is_some()) {
            let name = subject.name();
            progress.begin(&format!("{} {name}, run {repetition}", case.name));
            let link = stage.link(subject, case.entrance);
            let link = link.with_context(|| format!("there is no {name}"))?;
            let load_before = load_average();
            let time = Duration::try_from_secs_f64(self.seconds)?;
            let measured = measure(case, link, &mut runs, time).await;
            let run = Run {
                broker: name.to_owned(),
                scenario: case.name.to_owned(),
                repetition,
                arguments: Vec::new(),
                load_before,
                outcome: match measured {
                    Ok(result) => Outcome::Measured(result),
                    Err(error) => Outcome::Failed(format!("{error:#}")),
                },
            };
            if let Some(line) = fault_line(&run) {
                progress.say(&format!("FAULTY: {line}"));
            }
            keep(run)?;
            progress.end();
        }
        Ok(())
    }

    fn circumstances(&self) -> Circumstances {
        let redis = self.programs.redis.as_ref();
        let redis = redis.map(|redis| ("redis", format!("redis-server {}", redis.version())));
        let contenders = [(OURS, self.programs.broker.version())].into_iter();
        let contenders = contenders.chain(redis).map(|(name, version)| Contender {
            name: name.to_owned(),
            version,
            is_catena: name == OURS,
        });
        let missing = "redis-server is not on the path, so not measured".to_owned();
        Circumstances {
            brokers: contenders.collect(),
            processor: processor_model().unwrap_or_else(|_| "of unknown model".to_owned()),
            placement: "all processes on any of them".to_owned(),
            repetitions: self.repetitions,
            seconds: self.seconds,
            notes: match self.programs.redis {
                Some(_) => Vec::new(),
                None => vec![missing],
            },
        }
    }
}

impl Programs {
    /// With Redis from the path, if it is there.
    #[must_use]
    pub fn with_redis(broker: crate::broker::Broker, components: PathBuf) -> Self {
        let (found, _) = crate::broker::Broker::on_path(true);
        let redis = |it: &crate::broker::Broker| it.kind == crate::broker::Kind::Redis;
        Self {
            broker,
            components,
            redis: found.into_iter().find(redis),
        }
    }
}

/// All runs of a repetition in their order. Who is first changes from one repetition to the next.
fn turns(repetition: u32, with_redis: bool) -> Vec<(&'static Case, Subject)> {
    let mut turns = Vec::new();
    for case in CASES {
        let is_there = |it: &Subject| case.has(*it) && (with_redis || *it != Subject::Redis);
        let mut subjects: Vec<_> = Subject::ALL.into_iter().filter(is_there).collect();
        let by = repetition as usize % subjects.len().max(1);
        subjects.rotate_left(by);
        turns.extend(subjects.into_iter().map(|subject| (case, subject)));
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_first_once() {
        let first = |repetition| turns(repetition, true).first().map(|(_, subject)| *subject);
        let mut all: Vec<_> = (0..4).filter_map(first).collect();
        all.sort_unstable();
        assert_eq!(all, Subject::ALL);
        let without = turns(1, false);
        assert!(
            without
                .iter()
                .all(|(_, subject)| *subject != Subject::Redis)
        );
        assert!(without.len() < turns(1, true).len());
    }
}
