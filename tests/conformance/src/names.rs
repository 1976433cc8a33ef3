//! Names that no other test uses, and folders that go with their test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// `prefix` with a number that no other call gets. It has only characters and at most the length
/// that every broker accepts in a client identifier, if `prefix` has at most 8.
#[must_use]
pub fn unique(prefix: &str) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}x{}x{number}", process::id())
}

/// A folder of its own, removed at the end.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique("catena-conformance"));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    /// Writes a file into it and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a folder");
        }
        fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies where the system cleans up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
