//! The one place where the state store reads wall time: expiry is told as a moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long ago the Unix epoch began.
#[expect(
    clippy::disallowed_methods,
    reason = "applications are told when an entry expires, in wall time"
)]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
