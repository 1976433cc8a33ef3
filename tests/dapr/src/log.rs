//! What a process has written so far, all of it kept, and waited for line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::bail;

use crate::clock::Deadline;

/// The lines of one process, over all its restarts.
#[derive(Clone, Debug)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// A place in a log: what was there before is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark(usize);

impl Log {
    pub(crate) fn new(name: &str) -> Self {
        Self(Arc::new(Shared {
            name: name.to_owned(),
            lines: Mutex::default(),
            more: Condvar::new(),
        }))
    }

    /// Reads a pipe to its end in the background. Bytes that are no UTF-8 are replaced.
    pub(crate) fn follow(&self, pipe: Option<impl Read + Send + 'static>) {
        let Some(pipe) = pipe else { return };
        let log = self.clone();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut bytes = Vec::new();
            while let Ok(1..) = pipe.read_until(b'\n', &mut bytes) {
                log.add(String::from_utf8_lossy(&bytes).trim_end().to_owned());
                bytes.clear();
            }
        });
    }

    pub(crate) fn add(&self, line: String) {
        self.lines().push(line);
        self.0.more.notify_all();
    }

    /// Whose log it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The place behind what is there now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.lines().len())
    }

    /// The lines from a place on.
    #[must_use]
    pub fn since(&self, mark: Mark) -> Vec<String> {
        self.lines().iter().skip(mark.0).cloned().collect()
    }

    /// Waits for a line behind `mark` that contains all of `parts`, and gives it.
    ///
    /// # Errors
    ///
    /// That no such line came in time.
    pub fn wait(&self, mark: Mark, parts: &[&str], patience: Duration) -> anyhow::Result<String> {
        let deadline = Deadline::after(patience);
        let mut lines = self.lines();
        let mut seen = mark.0;
        loop {
            let found = lines[seen.min(lines.len())..].iter().find(|line| {
                let line = line.as_str();
                parts.iter().all(|part| line.contains(part))
            });
            if let Some(line) = found {
                return Ok(line.clone());
            }
            seen = lines.len();
            if deadline.is_over() {
                bail!("{} does not say {parts:?} within {patience:?}", self.name());
            }
            let waited = self.0.more.wait_timeout(lines, deadline.left());
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Its last lines, for the report of a failed test.
    #[must_use]
    pub fn tail(&self) -> String {
        let lines = self.lines();
        let first = lines.len().saturating_sub(TAIL_LINES_MAX);
        lines[first..].join("\n")
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const TAIL_LINES_MAX: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_a_line_behind_the_mark() {
        let log = Log::new("one");
        log.add("ready now".to_owned());
        let mark = log.mark();
        assert!(log.wait(mark, &["ready"], Duration::ZERO).is_err());
        log.follow(Some("not yet\nready again\n".as_bytes()));
        let line = log.wait(mark, &["ready", "again"], Duration::from_secs(10));
        assert_eq!(line.expect("the line is there"), "ready again");
    }
}
