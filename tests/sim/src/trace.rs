//! What happened, line by line: the same seed gives the same lines, byte by byte.

use std::fmt::Write;

use catena_types::{Digest, Digester, Moment};

/// The lines of one run. Always hashed; kept only if asked for.
#[derive(Debug)]
pub struct Trace {
    keeps: bool,
    text: String,
    line: String,
    hash: Digester,
}

impl Trace {
    /// An empty trace that keeps its text or only its hash.
    pub fn new(keeps: bool) -> Self {
        Self {
            keeps,
            text: String::new(),
            line: String::new(),
            hash: Digester::new(),
        }
    }

    /// Adds a line.
    pub fn line(&mut self, now: Moment, what: std::fmt::Arguments<'_>) {
        self.line.clear();
        let (seconds, micros) = (now.nanos() / 1_000_000_000, now.nanos() / 1_000 % 1_000_000);
        // Writing to a string cannot fail.
        let _ = writeln!(self.line, "{seconds:>4}.{micros:06} {what}");
        self.hash.bytes(self.line.as_bytes());
        if self.keeps {
            self.text.push_str(&self.line);
        }
    }

    /// The hash of all lines.
    pub fn digest(&self) -> Digest {
        self.hash.finish()
    }

    /// All lines, if they are kept.
    pub fn text(&self) -> &str {
        &self.text
    }
}
