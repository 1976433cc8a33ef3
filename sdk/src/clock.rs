//! Wall time, and the hybrid logical clock of this process.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use catena_hlc::{Clock as Hybrid, DRIFT_MAX, Millis, Stamp};

/// Gives each request a stamp that is higher than all before, and than all that was received.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    hybrid: Mutex<Hybrid>,
}

impl Clock {
    /// The next stamp, as text.
    pub(crate) fn stamp(&self, node: &str) -> String {
        let mut hybrid = self.hybrid.lock().unwrap_or_else(PoisonError::into_inner);
        hybrid.tick(now()).stamp(node).to_string()
    }

    /// Takes note of a stamp that came. Returns `false` if it is too far ahead of wall time to be
    /// believed.
    pub(crate) fn saw(&self, stamp: &Stamp<'_>) -> bool {
        if stamp.is_ahead(now(), DRIFT_MAX) {
            return false;
        }
        let mut hybrid = self.hybrid.lock().unwrap_or_else(PoisonError::into_inner);
        hybrid.merge(now(), stamp);
        true
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this crate reads wall time"
)]
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    Millis::new(u64::try_from(millis).unwrap_or(u64::MAX))
}
