//! The program: measures, or becomes a process that is measured.

use std::ffi::OsString;
use std::process::ExitCode;

use catena_bench::{arguments, processors};
use clap::Parser;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let done = match words.get(1) {
        Some(word) if word == processors::STEP => {
            processors::become_other(words.get(2..).unwrap_or_default()).map(|()| false)
        }
        _ => arguments::execute(&arguments::Arguments::parse()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("catena-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
