//! The one place of this crate that reads a clock.

use std::time::{Duration, Instant};

use catena_types::Moment;

/// Tells how long this node has been running.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts counting now.
    #[expect(
        clippy::disallowed_methods,
        reason = "a shell reads the clock, here only"
    )]
    pub fn start() -> Self {
        let started = Instant::now();
        Self { started }
    }

    /// Time since [`Clock::start`]; never falls.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The present moment, counted from [`Clock::start`].
    pub fn now(&self) -> Moment {
        Moment::ZERO.plus(self.uptime())
    }
}
