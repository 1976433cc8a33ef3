//! Deadlines, and asking again until something is so.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// A moment after which a test gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `patience` from now.
    #[must_use]
    pub fn after(patience: Duration) -> Self {
        Self(now() + patience)
    }

    /// How long it is until then; zero when it is over.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Whether it has come.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// What time it took.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// The time since it was started.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        now().saturating_duration_since(self.0)
    }
}

/// Asks another process again and again, for at most `patience`, until it answers with something.
///
/// # Errors
///
/// What the question fails with, and that there was no answer in time.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Deadline::after(patience);
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if deadline.is_over() {
            bail!("{what}: not within {patience:?}");
        }
        // Other processes cannot wake this thread.
        thread::park_timeout(TURN);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where these tests read the clock"
)]
fn now() -> Instant {
    Instant::now()
}

const TURN: Duration = Duration::from_millis(20);
