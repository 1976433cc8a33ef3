//! The one place where the program reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time since 1970-01-01T00:00:00Z. Zero if the clock stands before that.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the program reads the wall clock"
)]
#[must_use]
pub(crate) fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Monotonic time, for durations.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the program reads the monotonic clock"
)]
#[must_use]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
