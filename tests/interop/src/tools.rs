//! Where the programs are that the tests run. `tests/run` brings them and says where they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, ensure};

/// The folder of the client programs.
pub(crate) fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The folder of the client libraries.
pub(crate) fn libraries() -> PathBuf {
    let home = variable("HOME").unwrap_or_default();
    let default = || home.join(".cache/catena/tools");
    variable("CATENA_TOOLS").unwrap_or_else(default)
}

/// A program that must be there.
///
/// # Errors
///
/// How to bring it, if it is not.
pub(crate) fn present(program: PathBuf, install: &str) -> anyhow::Result<PathBuf> {
    let found = if program.components().count() > 1 {
        program.exists()
    } else {
        let folders = variable("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join(&program).exists())
    };
    let name = program.display();
    ensure!(found, "{name} is missing; bring it with: {install}");
    Ok(program)
}

/// The broker's program: `$CATENA_BIN`, or else built once.
///
/// # Errors
///
/// What hinders building it.
pub(crate) fn broker() -> anyhow::Result<PathBuf> {
    if let Some(path) = variable("CATENA_BIN") {
        return present(path, "cargo build --package catena");
    }
    static BUILT: Once = Once::new();
    once(&BUILT, build)
}

/// What a step came to, remembered for all tests.
pub(crate) type Once = OnceLock<Result<PathBuf, String>>;

/// A program, compiled once by the command that is given the path to write to.
///
/// # Errors
///
/// What the compiler says.
pub(crate) fn built(
    built: &'static Once,
    name: &str,
    compiler: impl FnOnce(&Path) -> anyhow::Result<Command>,
) -> anyhow::Result<PathBuf> {
    once(built, || {
        let folder = own_folder()?.join("interop-clients");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(name);
        let mut command = compiler(&path)?;
        let output = command
            .output()
            .with_context(|| format!("cannot run {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot compile {name}:\n{said}");
        Ok(path)
    })
}

fn once(
    done: &'static Once,
    step: impl FnOnce() -> anyhow::Result<PathBuf>,
) -> anyhow::Result<PathBuf> {
    let done = done.get_or_init(|| step().map_err(|error| format!("{error:#}")));
    done.clone().map_err(anyhow::Error::msg)
}

fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let status = cargo
        .args(["build", "--quiet", "--package", "catena"])
        .status();
    let status = status.context("cannot run cargo")?;
    ensure!(status.success(), "cargo cannot build the broker");
    present(own_folder()?.join("catena"), "cargo build --package catena")
}

/// The folder of builds: this program is target/debug/deps/NAME.
fn own_folder() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the folder of builds")?;
    let folder = own.ancestors().nth(2).context("no folder of builds")?;
    Ok(folder.to_owned())
}

fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.into())
}
