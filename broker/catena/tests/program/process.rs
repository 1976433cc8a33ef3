//! Runs the built program as a user would.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program in a folder, without what the environment of the tests might say.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CATENA_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a run told, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Told {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Told {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs with these arguments in this folder.
pub(crate) fn catena<const N: usize>(folder: &Path, arguments: [&str; N]) -> Told {
    run(command(folder).args(arguments))
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
