//! A lock that is held while work is done.

use std::time::Duration;

use bytes::Bytes;

use crate::{Error, Held, Lease, StateStore, Version};

/// A lock for programs on several machines: a [`Lease`] that is renewed while the work it protects
/// is being done.
///
/// ```no_run
/// # async fn example(store: catena_sdk::StateStore) -> Result<(), catena_sdk::Error> {
/// use catena_sdk::{Lock, Set};
/// use std::time::Duration;
///
/// let lock = Lock::new(&store, "line-1/lock", "robot-7", Duration::from_secs(10));
/// let moved = lock
///     .run(async |token| {
///         let write = Set::new("line-1/position", "12").fencing_token(&token);
///         store.set_with(write).await
///     })
///     .await?;
/// assert!(moved?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Lock {
    lease: Lease,
}

impl Lock {
    /// A lock on `key` for `holder`, which names the holder and nobody else. If the holder
    /// vanishes, others get it after `time`. Nothing is sent yet.
    #[must_use]
    pub fn new(
        store: &StateStore,
        key: impl Into<Bytes>,
        holder: impl Into<Bytes>,
        time: Duration,
    ) -> Self {
        let lease = Lease::new(store, key, holder, time);
        Self { lease }
    }

    /// Waits for the lock, does the work, and releases the lock. The work gets the fencing token
    /// with which it was acquired; what it writes with it is refused once the lock has passed on.
    ///
    /// If the lock is lost, the work's future is dropped.
    ///
    /// If this future is dropped, so is the work's, and the lock passes on when its time is over.
    ///
    /// # Errors
    ///
    /// As [`Lease::acquire`]; [`Error::LeaseLost`] if the lock was lost before the work was done.
    pub async fn run<T>(&self, work: impl AsyncFnOnce(Version) -> T) -> Result<T, Error> {
        let held = self.lease.acquire().await?;
        let token = held.fencing_token().clone();
        let done = self.while_held(held, work(token)).await?;
        // Else it passes on by itself when its time is over.
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "a lock was not released");
        }
        Ok(done)
    }

    async fn while_held<T>(&self, held: Held, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            _ = self.lease.keep(held) => Err(Error::LeaseLost),
        }
    }
}
