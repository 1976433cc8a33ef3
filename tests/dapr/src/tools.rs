//! Where the programs are that the tests run. `tests/run` brings them and says where they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, ensure};

/// A program of Dapr, or the conformance suites, as built by `.ci/tools dapr`.
///
/// # Errors
///
/// How to bring it, if it is not there.
pub fn dapr(name: &str) -> anyhow::Result<PathBuf> {
    let home = variable("HOME").unwrap_or_default();
    let default = || home.join(".cache/catena/tools");
    let tools = variable("CATENA_TOOLS").unwrap_or_else(default);
    let path = tools.join("dapr/bin").join(name);
    present(&path, ".ci/tools dapr")?;
    Ok(path)
}

/// The broker's program: `$CATENA_BIN`, or else built once.
///
/// # Errors
///
/// What hinders building it.
pub(crate) fn broker() -> anyhow::Result<PathBuf> {
    static BUILT: Built = Built::new();
    ours(&BUILT, "CATENA_BIN", "catena", "catena")
}

/// The program of the components: `$CATENA_DAPR_BIN`, or else built once.
///
/// # Errors
///
/// What hinders building it.
pub(crate) fn components() -> anyhow::Result<PathBuf> {
    static BUILT: Built = Built::new();
    ours(&BUILT, "CATENA_DAPR_BIN", "catena-dapr", "catena-dapr")
}

/// The root of the project.
#[must_use]
pub fn project() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

type Built = OnceLock<Result<PathBuf, String>>;

fn ours(
    built: &'static Built,
    name: &str,
    package: &str,
    program: &str,
) -> anyhow::Result<PathBuf> {
    if let Some(path) = variable(name) {
        present(&path, &format!("cargo build --package {package}"))?;
        return Ok(path);
    }
    let built = built.get_or_init(|| build(package, program).map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build(package: &str, program: &str) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let status = cargo
        .args(["build", "--quiet", "--package", package])
        .status();
    let status = status.context("cannot run cargo")?;
    ensure!(status.success(), "cargo cannot build {package}");
    let own = std::env::current_exe().context("cannot find the folder of builds")?;
    let folder = own.ancestors().nth(2).context("no folder of builds")?;
    let path = folder.join(program);
    present(&path, &format!("cargo build --package {package}"))?;
    Ok(path)
}

fn present(path: &Path, bring: &str) -> anyhow::Result<()> {
    let name = path.display();
    ensure!(path.exists(), "{name} is missing; bring it with: {bring}");
    Ok(())
}

fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.into())
}
