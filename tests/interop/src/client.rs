//! Runs one client program through its scenarios.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::broker::{Broker, Transport};
use crate::lines::{Lines, Next};
use crate::program::Program;
use crate::scenario::{Scenario, Version};

/// A client program.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// What it is called in reports.
    pub name: &'static str,
    /// Finds, and where needed builds, the program.
    pub program: fn() -> anyhow::Result<Program>,
    /// Scenarios that this client cannot do, each with the reason.
    pub without: &'static [(Scenario, &'static str)],
}

/// What came of one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which one.
    pub scenario: Scenario,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl Client {
    /// Runs all scenarios of a version over a transport, and fails with all that went wrong.
    ///
    /// # Errors
    ///
    /// What failed, with what the client program said besides and the broker's log.
    pub fn check(&self, version: Version, transport: Transport) -> anyhow::Result<()> {
        let mut broker = Broker::start()?;
        let left_out = |scenario: &Scenario| self.without.iter().any(|(one, _)| one == scenario);
        let scenarios: Vec<_> = Scenario::all(version)
            .filter(|scenario| !left_out(scenario))
            .collect();
        let (outcomes, said) = self.run(&broker, version, transport, &scenarios)?;
        let failures: Vec<_> = outcomes.iter().filter_map(Outcome::line).collect();
        anyhow::ensure!(
            failures.is_empty(),
            "{} over {transport:?} with MQTT {}:\n{}\nThe client said:\n{}\nThe broker said:\n{}",
            self.name,
            version.argument(),
            failures.join("\n"),
            said.join("\n"),
            broker.log()
        );
        Ok(())
    }

    /// Runs the scenarios. Besides their outcomes gives what the program said otherwise.
    fn run(
        &self,
        broker: &Broker,
        version: Version,
        transport: Transport,
        scenarios: &[Scenario],
    ) -> anyhow::Result<(Vec<Outcome>, Vec<String>)> {
        let program = (self.program)().with_context(|| format!("cannot run {}", self.name))?;
        let listener = broker.listener(transport)?;
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).envs(program.variables);
        command.args(["--host", "127.0.0.1", "--port", &listener.port.to_string()]);
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.0).collect();
        command.args([
            "--version",
            version.argument(),
            "--scenario",
            &names.join(","),
        ]);
        if transport.is_tls() {
            command.arg("--tls-ca").arg(&listener.authority);
        }
        if transport.is_websocket() {
            command.arg("--ws");
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .with_context(|| format!("cannot run {}", program.path.display()))?;
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            process.stdout.take().map(|pipe| Box::new(pipe) as _),
            process.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        let lines = Lines::new(pipes.into_iter().flatten());
        let (outcomes, mut said) = collect(&lines, scenarios);
        // It has ended, or has said nothing for too long.
        let _ = process.kill();
        let status = process.wait().context("cannot end the client")?;
        said.push(format!("(its end: {status})"));
        Ok((outcomes, said))
    }
}

impl Outcome {
    /// Why it failed, with its name.
    fn line(&self) -> Option<String> {
        let why = self.failure.as_ref()?;
        Some(format!("failed {}: {why}", self.scenario.0))
    }
}

/// Reads outcomes until the program ends or is silent for too long.
fn collect(lines: &Lines, scenarios: &[Scenario]) -> (Vec<Outcome>, Vec<String>) {
    let mut outcomes: Vec<_> = scenarios.iter().map(unknown).collect();
    let mut said = Vec::new();
    while let Next::Line(line) = lines.next(SILENCE_MAX) {
        let read = Outcome::read(&line, scenarios);
        match read.and_then(|read| Some((outcome_of(&mut outcomes, read.scenario)?, read))) {
            Some((outcome, read)) => *outcome = read,
            None => said.push(line),
        }
    }
    (outcomes, said)
}

fn unknown(scenario: &Scenario) -> Outcome {
    Outcome {
        scenario: *scenario,
        failure: Some("the client did not say what came of it".to_owned()),
    }
}

fn outcome_of(outcomes: &mut [Outcome], scenario: Scenario) -> Option<&mut Outcome> {
    outcomes.iter_mut().find(|one| one.scenario == scenario)
}

impl Outcome {
    /// Reads `ok NAME` or `failed NAME: why`.
    fn read(line: &str, scenarios: &[Scenario]) -> Option<Self> {
        let (name, failure) = match line.strip_prefix("ok ") {
            Some(name) => (name, None),
            None => {
                let (name, why) = line.strip_prefix("failed ")?.split_once(": ")?;
                (name, Some(why.to_owned()))
            }
        };
        let scenario = *scenarios.iter().find(|scenario| scenario.0 == name)?;
        Some(Self { scenario, failure })
    }
}

/// Longer than clients wait for anything themselves, and than a compiler takes.
const SILENCE_MAX: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_is_not_told_of_has_failed() {
        let known = [Scenario("qos0"), Scenario("qos1"), Scenario("will")];
        let text = "ok qos0\nnoise\nok other\nfailed qos1: found 1: expected 2\n";
        let pipe: Box<dyn Read + Send> = Box::new(text.as_bytes());
        let (outcomes, said) = collect(&Lines::new([pipe]), &known);
        let failures: Vec<_> = outcomes.iter().map(Outcome::line).collect();
        assert_eq!(failures[0], None);
        let told = "failed qos1: found 1: expected 2";
        assert_eq!(failures[1].as_deref(), Some(told));
        let silent = "failed will: the client did not say what came of it";
        assert_eq!(failures[2].as_deref(), Some(silent));
        assert_eq!(said, ["noise", "ok other"]);
    }
}
