//! Waiting for what no event tells of, such as the memory of another process.

use std::thread;
use std::time::{Duration, Instant};

/// How long something may take that has to come. Generous: only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// The present moment.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no clock of their own"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// A wait that does not last for ever.
#[derive(Debug)]
pub struct Waiting {
    deadline: Instant,
}

impl Waiting {
    /// Starts to wait.
    #[must_use]
    pub fn start() -> Self {
        Self {
            deadline: now() + PATIENCE,
        }
    }

    /// Passes a moment; `false` if there was enough of waiting.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        thread::park_timeout(PAUSE);
        now() < self.deadline
    }

    /// Looks again and again until there is something to see.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let waiting = Self::start();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            assert!(waiting.goes_on(), "never came: {what}");
        }
    }
}
