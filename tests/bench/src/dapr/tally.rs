//! Which messages of a run have arrived.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::sync::{Notify, Semaphore};

use crate::clock;

/// How far publishers may be ahead of the application, in messages. Deep enough for whoever
/// delivers in batches, shallow enough that a run ends soon behind its last publish.
pub const AHEAD_MAX: usize = 512;

/// How long a message may take at most.
const ARRIVE_MAX: Duration = Duration::from_secs(20);

/// The arrivals of one run at a time.
#[derive(Debug)]
pub struct Tally {
    arrivals: Mutex<Arrivals>,
    /// What publishers may be ahead by.
    room: Semaphore,
    more: Notify,
}

#[derive(Debug)]
struct Arrivals {
    run: u64,
    seen: Vec<bool>,
    count: u64,
    again: u64,
    last: Instant,
}

/// What has arrived in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrived {
    /// How many different messages.
    pub count: u64,
    /// How many came once more: every component delivers at least once.
    pub again: u64,
    /// When the last one came.
    pub last: Instant,
}

impl Default for Tally {
    fn default() -> Self {
        let arrivals = Arrivals {
            run: 0,
            seen: Vec::new(),
            count: 0,
            again: 0,
            last: clock::monotonic(),
        };
        Self {
            arrivals: Mutex::new(arrivals),
            room: Semaphore::new(AHEAD_MAX),
            more: Notify::new(),
        }
    }
}

impl Tally {
    /// Begins a run: what arrives from earlier ones is not counted any more.
    pub fn begin(&self, run: u64) {
        let mut arrivals = self.arrivals();
        arrivals.run = run;
        arrivals.seen.clear();
        arrivals.count = 0;
        arrivals.again = 0;
        self.room.forget_permits(AHEAD_MAX);
        self.room.add_permits(AHEAD_MAX);
    }

    /// Waits until one more may be published.
    pub async fn room(&self) {
        // It is never closed.
        if let Ok(permit) = self.room.acquire().await {
            permit.forget();
        }
    }

    /// A message has arrived; tells nothing of what does not belong to the run.
    pub fn arrive(&self, body: &[u8]) {
        let Some((run, number)) = numbers(body) else {
            return;
        };
        let mut arrivals = self.arrivals();
        if arrivals.run != run || number >= MESSAGES_MAX {
            return;
        }
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        if arrivals.seen.len() <= index {
            arrivals.seen.resize(index + 1, false);
        }
        match arrivals.seen.get_mut(index) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                arrivals.again += 1;
                return;
            }
        }
        arrivals.count += 1;
        arrivals.last = clock::monotonic();
        drop(arrivals);
        self.room.add_permits(1);
        self.more.notify_one();
    }

    /// Waits for the rest of `count` messages.
    ///
    /// # Errors
    ///
    /// How many have not arrived.
    pub async fn all(&self, count: u64) -> anyhow::Result<Arrived> {
        loop {
            let arrived = self.arrived();
            if arrived.count >= count {
                return Ok(arrived);
            }
            let waited = tokio::time::timeout(ARRIVE_MAX, self.more.notified()).await;
            if waited.is_err() {
                let lost = count - self.arrived().count.min(count);
                bail!("lost {lost} of {count} messages");
            }
        }
    }

    fn arrived(&self) -> Arrived {
        let arrivals = self.arrivals();
        Arrived {
            count: arrivals.count,
            again: arrivals.again,
            last: arrivals.last,
        }
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No run has more messages.
const MESSAGES_MAX: u64 = 10_000_000;

/// A message: JSON of about so many bytes, as applications send it.
#[must_use]
pub fn message(run: u64, number: u64, bytes: usize) -> String {
    let head = format!("{{\"number\":{number},\"pad\":\"");
    let tail = format!("\",\"run\":{run}}}");
    let pad = "x".repeat(bytes.saturating_sub(head.len() + tail.len()));
    head + &pad + &tail
}

/// The run and the number in a message, whether or not it is in an envelope. Reading all of it as
/// JSON would cost more than some of what is measured.
fn numbers(body: &[u8]) -> Option<(u64, u64)> {
    let number_of = |name: &[u8]| {
        let at = body.windows(name.len()).rposition(|it| it == name)?;
        let digits = body.get(at + name.len()..)?.iter();
        let digits = digits.take_while(|byte| byte.is_ascii_digit());
        digits.fold(None, |number: Option<u64>, digit| {
            let number = number.unwrap_or_default().checked_mul(10)?;
            number.checked_add(u64::from(digit - b'0'))
        })
    };
    Some((number_of(b"\"run\":")?, number_of(b"\"number\":")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_size_and_its_numbers() {
        let text = message(7, 12_345, 64);
        assert_eq!(text.len(), 64);
        assert_eq!(numbers(text.as_bytes()), Some((7, 12_345)));
        let envelope = format!("{{\"data\":{text},\"id\":\"1\"}}");
        assert_eq!(numbers(envelope.as_bytes()), Some((7, 12_345)));
        assert_eq!(numbers(b"{}"), None);
        assert!(message(1, 1, 0).len() < 64);
    }

    #[tokio::test]
    async fn each_message_counts_once_and_others_not() {
        let tally = Tally::default();
        tally.begin(1);
        for (run, number) in [(1, 0), (1, 2), (1, 2), (0, 1), (1, 1)] {
            tally.arrive(message(run, number, 64).as_bytes());
        }
        let arrived = tally.all(3).await.unwrap();
        assert_eq!((arrived.count, arrived.again), (3, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_arrive_is_lost() {
        let tally = Tally::default();
        tally.begin(1);
        tally.arrive(message(1, 0, 64).as_bytes());
        let error = tally.all(3).await.unwrap_err();
        assert_eq!(error.to_string(), "lost 2 of 3 messages");
    }
}
