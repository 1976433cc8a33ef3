//! What a test needs around it: a folder, and the logs of all that runs, told when it fails.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use tempfile::TempDir;

use crate::log::Log;

/// Where one test plays.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
    logs: Mutex<Vec<Log>>,
}

impl Scene {
    /// Plays a test. What ran in it is ended with the values that the test holds.
    ///
    /// # Errors
    ///
    /// What the test fails with. The last lines of all logs are printed then.
    pub fn play(test: impl FnOnce(&Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        // Short: paths of sockets have at most 107 bytes.
        let folder = tempfile::Builder::new().prefix("catena-dapr-").tempdir();
        let scene = Self {
            folder: folder.context("cannot make a folder")?,
            logs: Mutex::default(),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| test(&scene)));
        if !matches!(outcome, Ok(Ok(()))) {
            scene.tell();
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// The folder of the test.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A log, told of when the test fails.
    #[must_use]
    pub fn log(&self, name: &str) -> Log {
        let log = Log::new(name);
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.push(log.clone());
        log
    }

    /// Makes a folder below that of the test.
    ///
    /// # Errors
    ///
    /// Whatever hinders making it.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file, and the folders on the way to it.
    ///
    /// # Errors
    ///
    /// Whatever hinders writing it.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn tell(&self) {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        for log in logs.iter() {
            eprintln!("===== {}\n{}", log.name(), log.tail());
        }
    }
}
