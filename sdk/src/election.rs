//! One leader among several candidates.

use std::time::Duration;

use bytes::Bytes;

use crate::{Error, Held, Lease, StateStore, Version};

/// An election among all who name the same key.
///
/// ```no_run
/// # async fn example(store: catena_sdk::StateStore) -> Result<(), catena_sdk::Error> {
/// use catena_sdk::LeaderElection;
/// use std::time::Duration;
///
/// let election = LeaderElection::new(&store, "line-1/leader", "node-a", Duration::from_secs(10));
/// loop {
///     let leadership = election.campaign().await?;
///     tokio::select! {
///         () = leadership.lost() => println!("somebody else leads"),
///         () = lead() => leadership.resign().await?,
///     }
/// }
/// # }
/// # async fn lead() {}
/// ```
#[derive(Clone, Debug)]
pub struct LeaderElection {
    lease: Lease,
}

/// What an elected leader has. It lasts while [`lost`](Self::lost) is waited for, and for the rest
/// of its time after that.
#[derive(Debug)]
pub struct Leadership {
    lease: Lease,
    held: Held,
}

impl LeaderElection {
    /// An election at `key`, with `candidate` as the name of this one and nobody else. If the
    /// leader vanishes, another one is elected after `time`. Nothing is sent yet.
    #[must_use]
    pub fn new(
        store: &StateStore,
        key: impl Into<Bytes>,
        candidate: impl Into<Bytes>,
        time: Duration,
    ) -> Self {
        let lease = Lease::new(store, key, candidate, time);
        Self { lease }
    }

    /// Waits until this candidate is elected.
    ///
    /// # Errors
    ///
    /// As [`Lease::acquire`].
    pub async fn campaign(&self) -> Result<Leadership, Error> {
        let held = self.lease.acquire().await?;
        let lease = self.lease.clone();
        Ok(Leadership { lease, held })
    }

    /// Who leads.
    ///
    /// # Errors
    ///
    /// As [`Lease::holder`].
    pub async fn leader(&self) -> Result<Option<Bytes>, Error> {
        self.lease.holder().await
    }
}

impl Leadership {
    /// What protects the leader's writes ([`Set::fencing_token`](crate::Set::fencing_token)).
    #[must_use]
    pub fn fencing_token(&self) -> &Version {
        self.held.fencing_token()
    }

    /// Stays the leader for as long as this is waited for; returns when that is over.
    ///
    /// Cancel safe: if the future is dropped, the leader stays for the time that is left, unless
    /// this is called again.
    pub async fn lost(&self) {
        self.lease.keep(self.held.clone()).await;
    }

    /// Lets others be elected at once.
    ///
    /// # Errors
    ///
    /// As [`Lease::release`].
    pub async fn resign(&self) -> Result<(), Error> {
        self.lease.release().await.map(drop)
    }
}
