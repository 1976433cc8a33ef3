//! The program `catena-dapr`.

use std::process::ExitCode;

use catena_dapr::options::{Command, Options};
use catena_dapr::{logging, program};
use clap::Parser as _;

/// Allocates: each call makes and frees some hundred small pieces.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    match start(&options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("catena-dapr: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(options: &Options) -> anyhow::Result<ExitCode> {
    let folder = options.run.folder(variable);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Some(Command::Check) = options.command {
        let report = runtime.block_on(catena_dapr::discovery::discover(&folder))?;
        print!("{report}");
        return Ok(match report.is_good() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        });
    }
    let named = || logging::VARIABLES.iter().find_map(|name| variable(name));
    let filter = options.run.log.clone().or_else(named);
    logging::start(filter.as_deref().unwrap_or("info"), options.run.log_format)?;
    runtime.block_on(program::run(&options.run, &folder))?;
    Ok(ExitCode::SUCCESS)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program may read the environment, and this is where"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
