//! Runs the soak from the command line: see `--help`, and `docs/guides` for how to read it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use catena_faults::{Figures, MIB, Soak};
use clap::Parser;

/// Lets many clients with a will of their own loose on a real broker, round by round, and checks
/// that nothing is lost, doubled, out of order or left behind.
///
/// The broker is the workspace's, built first, or the program that CATENA_BIN names. Exit codes: 0
/// if all held, 1 if something did not, 2 for wrong arguments.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Arguments {
    /// How long to begin new rounds, in minutes
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,

    /// The seed of the first round; each further round adds one
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Seconds of trouble in each round, before it has to come to rest
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    trouble: u64,

    /// Clients in each round
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=1000))]
    clients: u64,

    /// Where to write what clients did and saw if something does not hold
    #[arg(long, value_name = "FILE", default_value = "soak.trace")]
    trace: std::path::PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let soak = Soak {
        seed: arguments.seed,
        duration: Duration::from_secs_f64(arguments.minutes * 60.0),
        trouble: Duration::from_secs(arguments.trouble),
        clients: arguments.clients as usize,
    };
    let mut rounds = 0;
    let outcome = soak.run(|figures| {
        rounds += 1;
        tell(rounds, &figures);
    });
    match outcome {
        Ok(()) => {
            println!("{rounds} rounds from seed {}: all held", arguments.seed);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("violated: {failure}");
            if !failure.trace.is_empty() {
                let path = arguments.trace.display();
                match std::fs::write(&arguments.trace, &failure.trace) {
                    Ok(()) => eprintln!("what clients did and saw: {path}"),
                    Err(error) => eprintln!("cannot write {path}: {error}"),
                }
            }
            ExitCode::FAILURE
        }
    }
}

/// One line a round: on a terminal, each takes the place of the last.
fn tell(round: u32, figures: &Figures) {
    let tally = figures.tally;
    let line = format!(
        "round {round}, seed {}: {:.0} s, {} messages, {} deliveries, {} connections, \
         {} sessions, {} MiB resident",
        figures.seed,
        figures.elapsed.as_secs_f64(),
        tally.messages,
        tally.deliveries,
        tally.connections,
        tally.sessions,
        figures.resident_bytes / MIB,
    );
    if std::io::stdout().is_terminal() {
        print!("\r\x1b[2K{line}");
        // A progress line that is not seen does no harm.
        let _ = std::io::stdout().flush();
    } else {
        println!("{line}");
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.0..=100_000.0).contains(&minutes) => Ok(minutes),
        Ok(_) | Err(_) => Err("a number of minutes, 0 or more".to_owned()),
    }
}
