//! What a run ends with if something did not hold.

use std::fmt;

use catena_types::Moment;

/// A broken invariant of the broker, as seen from outside or by its own checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant: the name of its file in `invariants/`.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
    /// When.
    pub at: Moment,
}

impl Violation {
    /// A violation seen at `at`.
    pub fn new(invariant: &'static str, at: Moment, detail: String) -> Self {
        Self {
            invariant,
            detail,
            at,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.nanos() as f64 / 1e9;
        write!(f, "{} at {seconds:.6} s: {}", self.invariant, self.detail)
    }
}
