//! Processes that end when they are dropped, and when this program ends in any other way.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::{clock, processors};

/// A process. It is killed by its number, and waited for, when this is dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    /// What it prints goes into files without a name, which vanish with the last who has them.
    output: File,
    errors: File,
}

impl Child {
    /// Starts a program on a processor, or on any.
    ///
    /// # Errors
    ///
    /// If this program cannot start itself, or has no room for what the other one prints.
    pub fn start(
        program: &Path,
        arguments: &[String],
        processor: Option<usize>,
    ) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find the program itself")?;
        let output = tempfile::tempfile().context("cannot make a file")?;
        let errors = tempfile::tempfile().context("cannot make a file")?;
        let process = Command::new(own)
            .args(processors::step(processor))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(errors.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            process,
            output,
            errors,
        })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Waits for its end, at most for so long.
    ///
    /// # Errors
    ///
    /// As [`Child::ended`].
    pub fn await_end(&mut self, time: Duration) -> anyhow::Result<Option<ExitStatus>> {
        clock::look_until(time, || self.ended())
    }

    /// What it has printed.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn printed(&mut self) -> anyhow::Result<String> {
        content(&mut self.output)
    }

    /// The last lines of what it has complained about.
    #[must_use]
    pub fn complaint(&mut self) -> String {
        let text = content(&mut self.errors).unwrap_or_default();
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
        let first = lines.len().saturating_sub(COMPLAINT_LINES);
        lines.get(first..).unwrap_or_default().join("; ")
    }
}

/// More lines than that tell no more.
const COMPLAINT_LINES: usize = 3;

fn content(file: &mut File) -> anyhow::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
