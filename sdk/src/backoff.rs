//! How long to wait before the next attempt to connect.

use std::time::Duration;

use crate::random;

/// Delays that double from a minimum to a maximum. Each is shortened by up to half by chance, so
/// that clients which lost their broker together do not come back together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max: max.max(min),
            attempts: 0,
        }
    }

    /// The connection was good.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The delay before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempts.min(16)).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        let full = self.min.saturating_mul(factor).min(self.max);
        let nanoseconds = u64::try_from(full.as_nanos()).unwrap_or(u64::MAX);
        let less = random::number() % (nanoseconds / 2).max(1);
        Duration::from_nanos(nanoseconds.saturating_sub(less))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_jitter_up_to_the_maximum() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for full in [100, 200, 400, 800, 1000, 1000] {
            let delay = backoff.next();
            assert!(delay <= Duration::from_millis(full), "{delay:?}");
            assert!(delay >= Duration::from_millis(full / 2), "{delay:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
