//! `catena check`: whether a broker would start with this configuration.

use catena_resources::{Diagnostic, Severity};
use clap::ArgMatches;

use crate::cli;
use crate::exit::Exit;
use crate::{flags, load};

/// Check documents, certificates and password files without starting anything
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 the configuration can be used, 2 it cannot")]
pub(crate) struct Arguments {
    #[command(flatten)]
    configuration: flags::Flags,
}

pub(crate) fn execute(arguments: &Arguments, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let loaded = match load::load(&arguments.configuration, matches) {
        Ok(loaded) => loaded,
        Err(load::Refused::Usage(error)) => return Err(error),
        Err(load::Refused::Diagnostics(diagnostics)) => {
            tell(&diagnostics);
            let errors = diagnostics
                .iter()
                .filter(|one| one.severity == Severity::Error);
            cli::say(&format!("refused: {}", counted(errors.count(), "error")));
            return Ok(Exit::USAGE);
        }
    };
    tell(&loaded.notes);
    let listeners = counted(loaded.configuration.listeners.len(), "listener");
    let notes = counted(loaded.notes.len(), "note");
    cli::print(&format!(
        "configuration can be used: {listeners}, {notes}\n"
    ))
}

fn tell(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        cli::say(&diagnostic.render());
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
