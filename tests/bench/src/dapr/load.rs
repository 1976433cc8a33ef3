//! Requests in a closed loop: so many at a time, each task one behind the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use crate::clock;

/// What a load took.
#[derive(Debug)]
pub(super) struct Took {
    /// When it began.
    pub(super) began: Instant,
    /// When the last answer came.
    pub(super) ended: Instant,
    /// How long each request took.
    times: Vec<Duration>,
}

/// Asks for `time`. `ask` gets the number of the request, from 0 without a gap, and tells how long
/// it took.
///
/// # Errors
///
/// The first that a request fails with.
pub(super) async fn closed_loop<F>(
    window: usize,
    time: Duration,
    ask: impl Fn(u64) -> F + Clone + Send + 'static,
) -> anyhow::Result<Took>
where
    F: Future<Output = anyhow::Result<Duration>> + Send + 'static,
{
    let next = Arc::new(AtomicU64::new(0));
    let began = clock::monotonic();
    let mut tasks = JoinSet::new();
    for _ in 0..window {
        let (next, ask) = (Arc::clone(&next), ask.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            while clock::monotonic() - began < time {
                times.push(ask(next.fetch_add(1, Ordering::Relaxed)).await?);
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(task) = tasks.join_next().await {
        times.extend(task.context("a task of the load has failed")??);
    }
    times.sort_unstable();
    Ok(Took {
        began,
        ended: clock::monotonic(),
        times,
    })
}

/// How long something takes.
///
/// # Errors
///
/// What it fails with.
pub(super) async fn timed<T>(
    what: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(Duration, T)> {
    let began = clock::monotonic();
    let done = what.await?;
    Ok((clock::monotonic() - began, done))
}

impl Took {
    /// How many requests.
    pub(super) fn count(&self) -> u64 {
        self.times.len() as u64
    }

    /// The time within which so many of a thousand were answered, in microseconds.
    pub(super) fn within_us(&self, thousandths: usize) -> Option<f64> {
        let last = self.times.len().checked_sub(1)?;
        let index = self.times.len() * thousandths / 1_000;
        let time = self.times.get(index.min(last))?;
        Some(time.as_secs_f64() * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn requests_are_numbered_without_a_gap() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let asking = Arc::clone(&asked);
        let took = closed_loop(3, Duration::from_millis(20), move |number| {
            asking.lock().unwrap().push(number);
            async move {
                tokio::task::yield_now().await;
                Ok(Duration::from_micros(number))
            }
        });
        let took = took.await.unwrap();
        let mut asked = asked.lock().unwrap().clone();
        asked.sort_unstable();
        assert_eq!(asked, (0..took.count()).collect::<Vec<_>>());
        assert!(took.began < took.ended);
        assert_eq!(took.within_us(0), Some(0.0));
        let most = took.within_us(1_000).map(f64::round);
        assert_eq!(most, Some((took.count() - 1) as f64));
    }

    #[tokio::test]
    async fn a_failure_ends_the_load() {
        let ask = |_| async { anyhow::bail!("refused") };
        let took = closed_loop(2, Duration::from_secs(60), ask).await;
        assert_eq!(took.unwrap_err().to_string(), "refused");
    }
}
