//! The tree of commands. Must never do what a command is for.

use std::ffi::OsString;
use std::io::Write;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::{self, Exit};
use crate::{bench, check, client, completions, config, man, passwd, run};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "catena",
    version,
    about = "An MQTT 3.1.1 and 5.0 broker",
    after_help = EXIT_CODES,
    max_term_width = 100,
    disable_help_subcommand = true,
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Pub(client::PubArgs),
    Sub(client::SubArgs),
    Rr(client::RrArgs),
    State(client::StateArgs),
    Bench(bench::BenchArgs),
    Check(check::Arguments),
    Config(config::Arguments),
    Passwd(passwd::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// Print the version
    Version,
}

impl Cli {
    /// The tree, for help, completions and man pages.
    pub fn tree() -> clap::Command {
        Self::command()
    }
}

/// Does what the command line says. Its first argument is the name of the program.
pub fn execute(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let matches = match Cli::tree().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return told(&error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return told(&error),
    };
    // Which of flag and environment gave a value is known to the matches alone.
    let inner = matches.subcommand().map(|(_, inner)| inner.clone());
    match dispatch(&cli.command, &inner.unwrap_or_default()) {
        Ok(exit) => exit,
        Err(error) => {
            say(&format!("catena: {error:#}"));
            exit::of(&error)
        }
    }
}

fn dispatch(command: &Command, matches: &ArgMatches) -> anyhow::Result<Exit> {
    match command {
        Command::Run(arguments) => run::execute(arguments, matches),
        Command::Pub(arguments) => Ok(Exit::other(client::publish::run(arguments))),
        Command::Sub(arguments) => Ok(Exit::other(client::subscribe::run(arguments))),
        Command::Rr(arguments) => Ok(Exit::other(client::request::run(arguments))),
        Command::State(arguments) => Ok(Exit::other(client::state::run(arguments))),
        Command::Bench(arguments) => Ok(Exit::other(bench::run(arguments))),
        Command::Check(arguments) => check::execute(arguments, matches),
        Command::Config(arguments) => config::execute(arguments, matches),
        Command::Passwd(arguments) => passwd::execute(arguments),
        Command::Completions(arguments) => completions::execute(arguments),
        Command::Man(arguments) => man::execute(arguments),
        Command::Version => print(&format!("catena {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

/// Writes to standard output. A reader that has gone, such as `head`, is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::OK),
    }
}

/// Writes a line to standard error. Where that cannot be written to, nobody is there to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints what clap has to say: help and version to standard output, errors to standard error.
fn told(error: &clap::Error) -> Exit {
    // As with `say`.
    let _ = error.print();
    if error.use_stderr() {
        Exit::USAGE
    } else {
        Exit::OK
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failure, 2 wrong flags or documents, 3 connection refused,
4 not authorized, 5 timed out";
