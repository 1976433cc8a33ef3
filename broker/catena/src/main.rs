//! The program: reads the command line and plays the role it names.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    catena::cli::execute(std::env::args_os()).into()
}
