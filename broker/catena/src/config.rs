//! `catena config show`: every setting, its value and where that comes from.

use std::fmt::Write;

use catena_resources::{Origin, Setting};
use clap::{ArgMatches, Subcommand, ValueEnum};
use serde_json::json;

use crate::cli;
use crate::exit::Exit;
use crate::{flags, load};

/// Look at the configuration
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
}

/// Print every setting with its effective value and its origin
#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    configuration: flags::Flags,
    /// How to print it
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    output: Output,
    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// Leave out what is a default
    #[arg(long)]
    changed: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Table,
    Json,
    Yaml,
}

pub(crate) fn execute(arguments: &Arguments, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Command::Show(show) = &arguments.command;
    let inner = matches.subcommand().map_or(matches, |(_, inner)| inner);
    let configuration = match load::configuration(&show.configuration, inner) {
        Ok(configuration) => configuration,
        Err(load::Refused::Usage(error)) => return Err(error),
        Err(refused) => {
            for line in refused.lines() {
                cli::say(&line);
            }
            return Ok(Exit::USAGE);
        }
    };
    let mut settings = configuration.explain();
    if show.changed {
        settings.retain(|setting| setting.origin != Origin::Default);
    }
    let output = if show.json { Output::Json } else { show.output };
    cli::print(&match output {
        Output::Table => table(&settings),
        Output::Json => json(&settings),
        Output::Yaml => yaml(&settings),
    })
}

fn table(settings: &[Setting]) -> String {
    let longest = |column: fn(&Setting) -> &str, name: &str| {
        let lengths = settings
            .iter()
            .map(|setting| column(setting).chars().count());
        lengths.max().unwrap_or(0).max(name.len())
    };
    let path = longest(|setting| &setting.path, "SETTING");
    let value = longest(|setting| &setting.value, "VALUE");
    let mut text = String::new();
    let mut line = |a: &str, b: &str, c: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{a:path$}  {b:value$}  {c}");
    };
    line("SETTING", "VALUE", "ORIGIN");
    for setting in settings {
        line(&setting.path, &setting.value, &setting.origin.to_string());
    }
    text
}

fn json(settings: &[Setting]) -> String {
    let settings: Vec<_> = settings
        .iter()
        .map(|setting| {
            let origin = setting.origin.to_string();
            json!({ "path": setting.path, "value": setting.value, "origin": origin })
        })
        .collect();
    format!("{:#}\n", json!(settings))
}

fn yaml(settings: &[Setting]) -> String {
    let mut text = String::new();
    for setting in settings {
        // A JSON text in quotes is one in YAML too.
        let (path, value) = (json!(setting.path), json!(setting.value));
        let origin = json!(setting.origin.to_string());
        // Writing to a string does not fail.
        let _ = writeln!(text, "- path: {path}\n  value: {value}\n  origin: {origin}");
    }
    text
}
