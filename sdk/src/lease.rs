//! Leases, locks and leader election: a key of the state store that one holder has at a time.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::store::Condition;
use crate::{Change, Error, Set, StateStore, Version};

/// A key that one holder has for a limited time, and may have for longer by renewing it.
///
/// A holder that stops, or is cut off, loses the lease when its time has passed; it cannot always
/// know. So whatever the lease protects is written with its fencing token
/// ([`Set::fencing_token`]): the store refuses the write once a later holder has written.
///
/// ```no_run
/// # async fn example(store: catena_sdk::StateStore) -> Result<(), catena_sdk::Error> {
/// use catena_sdk::{Lease, Set};
/// use std::time::Duration;
///
/// let lease = Lease::new(&store, "line-1/lock", "robot-7", Duration::from_secs(10));
/// let held = lease.acquire().await?;
/// let write = Set::new("line-1/position", "12").fencing_token(held.fencing_token());
/// store.set_with(write).await?;
/// lease.release().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Lease {
    store: StateStore,
    key: Bytes,
    holder: Bytes,
    time: Duration,
}

/// A lease that was acquired.
#[derive(Clone, Debug)]
pub struct Held {
    token: Version,
    until: Instant,
}

impl Lease {
    /// A lease on `key` for `holder`, which names the holder and nobody else: two that share the
    /// name share the lease. Nothing is sent yet.
    #[must_use]
    pub fn new(
        store: &StateStore,
        key: impl Into<Bytes>,
        holder: impl Into<Bytes>,
        time: Duration,
    ) -> Self {
        Self {
            store: store.clone(),
            key: key.into(),
            holder: holder.into(),
            time,
        }
    }

    /// Acquires the lease, or renews it; `None` if another one holds it.
    ///
    /// # Errors
    ///
    /// As [`StateStore::set_with`]. If the outcome is unknown, so is whether the lease is held;
    /// asking again tells.
    pub async fn try_acquire(&self) -> Result<Option<Held>, Error> {
        // The time of the lease counts from when the broker has it, not earlier.
        let until = Instant::now() + self.time;
        let set = Set::new(self.key.clone(), self.holder.clone())
            .condition(Condition::AbsentOrEqual)
            .lifetime(self.time);
        let token = self.store.set_with(set).await?;
        Ok(token.map(|token| Held { token, until }))
    }

    /// Waits until the lease can be acquired, and acquires it.
    ///
    /// Cancel safe in the sense that nothing waits on; the lease may have been acquired.
    ///
    /// # Errors
    ///
    /// As [`StateStore::observe`] and [`try_acquire`](Self::try_acquire).
    pub async fn acquire(&self) -> Result<Held, Error> {
        if let Some(held) = self.try_acquire().await? {
            return Ok(held);
        }
        // Registered before the next attempt: no release between the two is missed.
        let mut observer = self.store.observe(self.key.clone()).await?;
        loop {
            if let Some(held) = self.try_acquire().await? {
                return Ok(held);
            }
            loop {
                match observer.next().await? {
                    Some(Change::Deleted { .. }) => break,
                    // What the key has now follows a gap.
                    Some(Change::Set { .. } | Change::Gap) => {}
                    None => return Err(Error::Closed),
                }
            }
        }
    }

    /// Gives the lease up, if this holder has it. Gives back whether it had.
    ///
    /// # Errors
    ///
    /// As [`StateStore::delete_if`].
    pub async fn release(&self) -> Result<bool, Error> {
        self.store.delete_if(&self.key, &self.holder).await
    }

    /// Who holds the lease.
    ///
    /// # Errors
    ///
    /// As [`StateStore::get`].
    pub async fn holder(&self) -> Result<Option<Bytes>, Error> {
        let entry = self.store.get(&self.key).await?;
        Ok(entry.map(|entry| entry.value))
    }

    /// Renews the lease again and again, well before its time, for as long as this is waited for.
    /// Returns when the lease is lost: another one holds it, or no renewal came through in time.
    ///
    /// Cancel safe; the lease then ends when its time has passed.
    pub async fn keep(&self, held: Held) -> Lost {
        let mut held = held;
        loop {
            let left = held.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Lost { held };
            }
            tokio::time::sleep(left.min(self.time / 3)).await;
            match tokio::time::timeout_at(held.until, self.try_acquire()).await {
                Ok(Ok(Some(renewed))) => held = renewed,
                Ok(Ok(None)) | Err(_) => return Lost { held },
                // As long as there is time, the next attempt may do.
                Ok(Err(error)) if error.is_retryable() => {}
                Ok(Err(_)) => return Lost { held },
            }
        }
    }
}

impl Held {
    /// What protects writes that this lease allows.
    #[must_use]
    pub fn fencing_token(&self) -> &Version {
        &self.token
    }

    /// Until when the lease is certainly held, unless it is released.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }
}

/// A lease that is held no more, or not surely.
#[derive(Clone, Debug)]
pub struct Lost {
    held: Held,
}

impl Lost {
    /// The last fencing token that the holder had.
    #[must_use]
    pub fn fencing_token(&self) -> &Version {
        self.held.fencing_token()
    }
}
