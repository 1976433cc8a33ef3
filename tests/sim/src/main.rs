//! Runs seeds of the simulation from the command line and says what came of them.

use std::io::Write;
use std::process::ExitCode;

use catena_sim::{Mutation, Run, run};

const USAGE: &str = "\
Usage: catena-sim [--seeds N] [--seed S] [--store] [--mutation NAME] [--trace]

  --seeds N        run N seeds (default 1000, or 1 with --seed)
  --seed S         begin with this seed (default 1)
  --store          let clients use the state store too
  --mutation NAME  plant a bug; `list` shows all
  --trace          print what happens";

/// What was asked for.
struct Arguments {
    first: u64,
    count: u64,
    store: bool,
    mutation: Option<Mutation>,
    traces: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let Arguments {
        first,
        count,
        store,
        mutation,
        traces,
    } = arguments;
    let mut failed = 0u64;
    for number in 0..count {
        let seed = first.wrapping_add(number);
        let outcome = run(Run {
            seed,
            store,
            mutation,
            traces,
        });
        if traces {
            print!("{}", outcome.trace.text());
        }
        if let Some(violation) = &outcome.violation {
            failed += 1;
            println!("\rseed {seed}: {violation}");
        } else if count == 1 {
            println!(
                "seed {seed}: {:?}, trace {}",
                outcome.summary,
                outcome.digest()
            );
        }
        if count > 1 && (number + 1) % 10 == 0 {
            print!("\r{} of {count} seeds, {failed} violated", number + 1);
            // A progress line that is not seen does no harm.
            let _ = std::io::stdout().flush();
        }
    }
    if count > 1 {
        println!("\r{count} seeds from {first}, {failed} violated");
    }
    if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut first, mut count, mut mutation) = (None, None, None);
    let (mut store, mut traces) = (false, false);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| format!("{word}: value missing\n{USAGE}"))
        };
        match word.as_str() {
            "--seeds" => count = Some(number(&value()?)?),
            "--seed" => first = Some(number(&value()?)?),
            "--mutation" => mutation = Some(named(&value()?)?),
            "--store" => store = true,
            "--trace" => traces = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let default = if first.is_some() { 1 } else { 1_000 };
    Ok(Arguments {
        first: first.unwrap_or(1),
        count: count.unwrap_or(default),
        store,
        mutation,
        traces,
    })
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}

fn named(name: &str) -> Result<Mutation, String> {
    Mutation::named(name).ok_or_else(|| {
        let names: Vec<&str> = Mutation::ALL.iter().map(|m| m.name()).collect();
        format!("planted bugs: {}", names.join(", "))
    })
}
