//! What a rule found: collected first, reported together, each with its place and the cure.

use std::fmt;

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the project.
    pub path: String,
    /// Line, counted from one.
    pub line: usize,
    /// What is wrong and what would be right.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// All breaches of one rule.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a breach at `line` (from one) of `path`.
    pub fn add(&mut self, path: &str, line: usize, text: impl Into<String>) {
        self.0.push(Finding {
            path: path.to_owned(),
            line,
            text: text.into(),
        });
    }

    /// The breaches so far.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.0
    }

    /// Whether the rule holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            writeln!(f, "{finding}")?;
        }
        write!(f, "{} found", self.0.len())
    }
}
