//! The command line of `catena-bench`, and what it comes to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::broker::{Broker, Kind, OURS};
use crate::dapr::{self, cases::CASES};
use crate::processors::Processors;
use crate::record::Record;
use crate::report::{Form, report};
use crate::scenario::{SCENARIOS, Scenario, state};
use crate::sitting::{Sitting, Timing};

/// Measure Catena and other brokers in turns and tell how they compare
#[derive(Clone, Debug, Parser)]
#[command(name = "catena-bench", max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 nothing was lost, doubled or out of order, 1 something was \
    or could not be measured, 2 wrong flags"
)]
pub struct Arguments {
    /// Runs of each scenario with each broker
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=99))]
    pub reps: u32,
    /// Seconds that a run measures [default: 3, with --dapr 1.5]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// Measure the state store beside redis-server and etcd, in place of brokers
    #[arg(long, conflicts_with = "scenarios")]
    pub state: bool,
    /// Measure the components of Dapr beside Dapr's own, in place of brokers
    #[arg(long, conflicts_with_all = ["scenarios", "state", "peers", "peer", "unpinned"])]
    pub dapr: bool,
    /// One short run of each, to see that it works: the figures say little
    #[arg(long, requires = "dapr", conflicts_with_all = ["reps", "seconds"])]
    pub quick: bool,
    /// What to measure [default: everything of brokers; --list names it]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = scenario)]
    pub scenarios: Vec<&'static Scenario>,
    /// Other brokers, from the path; none for no other [default: mosquitto and flashmq if there,
    /// redis-server and etcd for the state store]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub peers: Option<Vec<String>>,
    /// Another broker, by its program; may be repeated. Its name begins with mosquitto, flashmq,
    /// catena, redis-server or etcd, which says how it is configured
    #[arg(long, value_name = "NAME=PATH")]
    pub peer: Vec<String>,
    /// The program of Catena, broker and generator [default: built, in the profile of this program]
    #[arg(long, value_name = "PATH")]
    pub catena: Option<PathBuf>,
    /// The program of the components, for --dapr [default: built as well]
    #[arg(long, value_name = "PATH", requires = "dapr")]
    pub catena_dapr: Option<PathBuf>,
    /// Let the system choose processors, and let brokers use all of them
    #[arg(long)]
    pub unpinned: bool,
    /// Write record.json, with every run, and report.md into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the report of an earlier record instead of measuring
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Print Markdown
    #[arg(long)]
    pub markdown: bool,
    /// List the scenarios and their arguments
    #[arg(long)]
    pub list: bool,
}

/// Does what the command line says. Tells whether no run had a fault.
///
/// # Errors
///
/// If nothing can be measured, read or written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<bool> {
    if arguments.list {
        if arguments.dapr {
            CASES.iter().for_each(|case| println!("{}", case.name));
            return Ok(true);
        }
        for scenario in Scenario::all() {
            println!("{:24}  {}", scenario.name, scenario.words);
        }
        return Ok(true);
    }
    let record = match &arguments.from {
        Some(path) => Record::read(path)?,
        None if arguments.dapr => {
            let sitting = of_dapr(arguments)?;
            measured(arguments, |keep| sitting.run(keep))?
        }
        None => {
            let sitting = sitting(arguments)?;
            measured(arguments, |keep| sitting.run(keep))?
        }
    };
    let form = match arguments.markdown {
        true => Form::Markdown,
        false => Form::Text,
    };
    print!("{}", told(arguments, &record, form));
    Ok(record.is_clean())
}

fn told(arguments: &Arguments, record: &Record, form: Form) -> String {
    match arguments.dapr {
        true => dapr::report::report(record, form),
        false => report(record, form),
    }
}

/// What keeps a record while it grows.
type Keep<'a> = &'a mut dyn FnMut(&Record) -> anyhow::Result<()>;

fn measured(
    arguments: &Arguments,
    measure: impl FnOnce(Keep<'_>) -> anyhow::Result<Record>,
) -> anyhow::Result<Record> {
    let out = arguments.out.as_deref();
    if let Some(folder) = out {
        let made = fs::create_dir_all(folder);
        made.with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let record = measure(&mut |record| match out {
        Some(folder) => record.write(&folder.join("record.json")),
        None => Ok(()),
    })?;
    if let Some(folder) = out {
        let path = folder.join("report.md");
        let written = fs::write(&path, told(arguments, &record, Form::Markdown));
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(record)
}

/// What to do for `--dapr`.
fn of_dapr(arguments: &Arguments) -> anyhow::Result<dapr::sitting::Sitting> {
    let broker = Broker {
        name: OURS.to_owned(),
        kind: Kind::Catena,
        path: program(arguments.catena.as_deref(), "catena")?,
    };
    let components = program(arguments.catena_dapr.as_deref(), "catena-dapr")?;
    let programs = dapr::sitting::Programs::with_redis(broker, components);
    let (repetitions, seconds) = match arguments.quick {
        true => (1, 0.2),
        false => (arguments.reps, arguments.seconds.unwrap_or(1.5)),
    };
    Ok(dapr::sitting::Sitting {
        programs,
        repetitions,
        seconds,
    })
}

fn sitting(arguments: &Arguments) -> anyhow::Result<Sitting> {
    let processors = match arguments.unpinned {
        true => Processors::unpinned()?,
        false => Processors::pinned()?,
    };
    let scenarios = match (arguments.scenarios.as_slice(), arguments.state) {
        ([], false) => SCENARIOS.iter().collect(),
        ([], true) => state::SCENARIOS.iter().collect(),
        (some, _) => some.to_vec(),
    };
    let mut notes = Vec::new();
    let mut peers = match &arguments.peers {
        Some(names) => names
            .iter()
            .filter(|name| !name.is_empty() && *name != "none")
            .map(|name| Broker::named(name))
            .collect::<anyhow::Result<Vec<_>>>()?,
        None => {
            let mut there = Vec::new();
            for stores in [false, true] {
                let (found, missing) = Broker::on_path(stores);
                let is_meant = |kind: Kind| scenarios.iter().any(|it| it.audience.has(kind));
                there.extend(found.into_iter().filter(|broker| is_meant(broker.kind)));
                // Whoever asks for stores wants to know which is not among them.
                notes.extend(missing.into_iter().filter(|_| stores).filter_map(|name| {
                    let (_, kind) = Kind::ALL.iter().find(|(it, _)| *it == name)?;
                    is_meant(*kind).then(|| format!("{name} is not on the path, so not measured"))
                }));
            }
            there
        }
    };
    for text in &arguments.peer {
        let peer = Broker::named(text)?;
        // A program that is named takes the place of one that was found.
        peers.retain(|other| other.name != peer.name);
        notes.retain(|note: &String| !note.starts_with(&format!("{} ", peer.name)));
        peers.push(peer);
    }
    let generator = program(arguments.catena.as_deref(), "catena")?;
    let ours = Broker {
        name: OURS.to_owned(),
        kind: Kind::Catena,
        path: generator.clone(),
    };
    for note in &notes {
        eprintln!("note: {note}");
    }
    Ok(Sitting {
        brokers: std::iter::once(ours).chain(peers).collect(),
        scenarios,
        repetitions: arguments.reps,
        timing: Timing::of_seconds(arguments.seconds.unwrap_or(3.0)),
        processors,
        generator,
        files: raise_file_limit(),
        notes,
    })
}

/// A program of this project: the one given, or else built.
fn program(given: Option<&Path>, package: &str) -> anyhow::Result<PathBuf> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => built(package)?,
    };
    ensure!(path.is_file(), "there is no program {}", path.display());
    Ok(path)
}

/// Builds a package, whose program has its name, in the profile in which this program was built.
fn built(package: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the program itself")?;
    let folder = own.parent().context("the program stands in no folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name @ ("release" | "fast")) => name,
        _ => bail!("cannot tell how to build {package}: use --{package} PATH"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--package", package, "--profile", profile])
        .arg("--target-dir")
        .arg(folder.parent().context("no folder of builds")?)
        .status()
        .with_context(|| format!("cannot start cargo: use --{package} PATH"))?;
    ensure!(status.success(), "{package} does not build");
    Ok(folder.join(package))
}

/// Allows as many open files as the system lets this process have, and thus those it starts.
/// Tells how many; none stands for no limit.
fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds @ 0.1..=3_600.0) => Ok(seconds),
        _ => Err("expected seconds from 0.1 to 3600".to_owned()),
    }
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    Scenario::named(name).ok_or_else(|| {
        let names: Vec<_> = Scenario::all().map(|scenario| scenario.name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
        let words = [
            "catena-bench",
            "--scenarios",
            "p2p-q0-64,connect",
            "--peers",
            "none",
        ];
        let parsed = Arguments::try_parse_from(words).unwrap();
        let names: Vec<_> = parsed.scenarios.iter().map(|it| it.name).collect();
        assert_eq!(names, ["p2p-q0-64", "connect"]);
        for wrong in [["--scenarios", "p3p"], ["--seconds", "0"], ["--reps", "0"]] {
            let words = ["catena-bench"].into_iter().chain(wrong);
            assert!(Arguments::try_parse_from(words).is_err(), "{wrong:?}");
        }
    }
}
