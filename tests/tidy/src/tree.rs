//! The files of the project: all but what a build leaves behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by hand.
const SKIPPED: &[&str] = &[
    ".git",
    "target",
    "node_modules",
    "__pycache__",
    "corpus",
    "artifacts",
];

/// A file of the project, as text.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// Path from the root of the project, with slashes.
    pub path: String,
    /// The content.
    pub text: String,
}

impl TextFile {
    /// Whether a folder of the path has this name.
    #[must_use]
    pub fn is_under(&self, folder: &str) -> bool {
        self.path
            .split('/')
            .rev()
            .skip(1)
            .any(|part| part == folder)
    }

    /// Whether the file as a whole is test code by its place or name.
    #[must_use]
    pub fn is_test_by_name(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.is_under("tests") || name == "tests.rs" || name.ends_with("_test.rs")
    }

    /// Whether it is neither test, bench, nor build script by its place or name.
    #[must_use]
    pub fn is_production_by_name(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        !self.is_test_by_name() && !self.is_under("benches") && name != "build.rs"
    }
}

/// The root of the project, from the place of this crate in it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All text files of the project, sorted by path. What is not text is left out.
///
/// # Errors
///
/// When a folder or a file cannot be read.
pub fn files() -> io::Result<Vec<TextFile>> {
    let root = root();
    let mut found = Vec::new();
    collect(&root, "", &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// All Rust sources of the project.
///
/// # Errors
///
/// As [`files`].
pub fn rust_files() -> io::Result<Vec<TextFile>> {
    let mut found = files()?;
    found.retain(|file| Path::new(&file.path).extension().is_some_and(|e| e == "rs"));
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<TextFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(&entry.path(), &path, found)?;
            }
        } else if kind.is_file()
            && name != "Cargo.lock"
            && name != ".git"
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            found.push(TextFile { path, text });
        }
    }
    Ok(())
}
