//! Is told of changes of keys.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::hub::Told;
use crate::{Error, StateStore, Version};

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It has this value now.
    Set {
        /// The value.
        value: Bytes,
        /// Its version.
        version: Option<Version>,
    },
    /// It is gone: removed or expired.
    Deleted {
        /// The version of this change, if it is known.
        version: Option<Version>,
    },
    /// Changes were missed. What the key has now follows, as the next change.
    Gap,
}

/// The changes of one key.
///
/// Each change is told once, in order, also across broken connections: the store keeps what happens
/// meanwhile, and tells it when the client is back. What it keeps is bounded, and so is how far an
/// observer may be behind, and a broker can lose its state: then [`Change::Gap`] says that changes
/// are missing, and the present state follows. So whoever follows the changes ends with the present
/// value, and never misses anything without being told.
///
/// Dropping the last observer of a key ends the registration.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// # let store = catena_sdk::StateStore::new(&client).await?;
/// use catena_sdk::Change;
///
/// let mut observer = store.observe("line-1/speed").await?;
/// store.set("line-1/speed", "12").await?;
/// match observer.next().await? {
///     Some(Change::Set { value, .. }) => assert_eq!(value, "12"),
///     Some(Change::Gap) => println!("something was missed"),
///     other => println!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Observer {
    key: Bytes,
    store: StateStore,
    changes: mpsc::Receiver<Told>,
    /// A gap was told, and the present is still to be asked for.
    missed: bool,
    /// The present that was asked for; what was queued meanwhile may be older.
    present: Option<Version>,
}

impl Observer {
    pub(super) fn new(store: StateStore, key: Bytes) -> Self {
        let changes = store.hub().listen(key.clone());
        Self {
            key,
            store,
            changes,
            missed: false,
            present: None,
        }
    }

    /// The key that is observed.
    #[must_use]
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The next change; `None` when the client has ended.
    ///
    /// Cancel safe: no change is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// After a broken connection, the store may refuse to register again, as
    /// [`StateStore::observe`]: then nothing more is told before the next connection. After a gap
    /// that this client noticed, as [`StateStore::get`]: the next call asks again.
    pub async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            if self.missed {
                return self.catch_up().await.map(Some);
            }
            match self.changes.recv().await {
                Some(Told::Change(change)) if self.is_older(&change) => {}
                Some(Told::Change(change)) => return Ok(Some(change)),
                Some(Told::Missed) => {
                    self.missed = true;
                    return Ok(Some(Change::Gap));
                }
                Some(Told::Failed(error)) => return Err(error),
                None => return Ok(None),
            }
        }
    }

    /// Asks what the key has. What was told before that is older.
    async fn catch_up(&mut self) -> Result<Change, Error> {
        while self.changes.try_recv().is_ok() {}
        let entry = self.store.get(&self.key).await?;
        self.missed = false;
        Ok(match entry {
            Some(entry) => {
                self.present.clone_from(&entry.version);
                Change::Set {
                    value: entry.value,
                    version: entry.version,
                }
            }
            None => Change::Deleted { version: None },
        })
    }

    fn is_older(&mut self, change: &Change) -> bool {
        let (Change::Set { version, .. } | Change::Deleted { version }) = change else {
            // What follows a gap is the present, whatever its version.
            self.present = None;
            return false;
        };
        self.present.is_some() && version.is_some() && *version <= self.present
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.changes.close();
        self.store.hub().unlisten(&self.key);
    }
}
