//! The one place where the program reads a clock, and waits where nothing tells of an event.

use std::thread;
use std::time::{Duration, Instant};

/// How long to wait before looking again whether a process or a port has changed. The look itself
/// must cost the measured processes next to nothing.
const PAUSE: Duration = Duration::from_millis(20);

/// Monotonic time.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the program reads the clock"
)]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Looks again and again, until there is something to see or the time is over.
pub(crate) fn look_until<T>(
    time: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    let deadline = monotonic() + time;
    loop {
        if let Some(seen) = look()? {
            return Ok(Some(seen));
        }
        if monotonic() >= deadline {
            return Ok(None);
        }
        thread::park_timeout(PAUSE);
    }
}
