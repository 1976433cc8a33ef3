//! `catena completions`: what a shell needs to complete our words.

use clap_complete::Shell;

use crate::cli::{self, Cli};
use crate::exit::Exit;

/// Print completions for a shell
///
/// For bash: catena completions bash > ~/.local/share/bash-completion/completions/catena
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::tree(), "catena", &mut script);
    cli::print(&String::from_utf8_lossy(&script))
}
