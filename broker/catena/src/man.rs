//! `catena man`: the manual pages, made from the tree of commands.

use std::path::PathBuf;

use anyhow::Context;

use crate::cli::{self, Cli};
use crate::exit::Exit;

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder, which is made if it is not there
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::tree()).render(&mut page)?;
        return cli::print(&String::from_utf8_lossy(&page));
    };
    let cannot = || format!("cannot write manual pages to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    clap_mangen::generate_to(Cli::tree(), folder).with_context(cannot)?;
    Ok(Exit::OK)
}
