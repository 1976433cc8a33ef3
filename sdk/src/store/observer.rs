//! Is told of changes of keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use catena_rpc::{ResponseHeaders, topics};
use catena_store::Notification;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::{Client, Error, Event, Events, Message, Messages, StateStore, Version};

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
    Deleted,
}

/// The changes of one key.
///
/// Each change is told once, in order, while the connection lasts. After it broke, changes may have
/// been missed: then what the key has is told once more, so that whoever follows the changes ends
/// with the present value. The same goes for an observer that is read too slowly.
#[derive(Debug)]
pub struct Observer {
    key: Bytes,
    store: StateStore,
    changes: mpsc::Receiver<Told>,
    events: Events,
    /// Registered with a connection that is gone, or behind.
    stale: bool,
}

/// Changes that an observer may be behind.
const CHANGES_LEN_MAX: usize = 64;

#[derive(Debug)]
enum Told {
    Change(Change),
    /// Further changes found no room.
    Missed,
}

type Listeners = HashMap<Bytes, Vec<mpsc::Sender<Told>>>;

/// All observers of a store. Bounded by the observers that live.
#[derive(Debug)]
pub(crate) struct Observers {
    all: Arc<Mutex<Listeners>>,
    /// Ends when this is dropped.
    _reader: JoinSet<()>,
}

impl Observer {
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
    /// After a broken connection, the store may refuse to register again: as
    /// [`StateStore::observe`]. The next call asks again.
    pub async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            if self.stale {
                return self.catch_up().await.map(Some);
            }
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    // Registrations end with their connection.
                    Some(Event::Connected { .. }) => self.stale = true,
                    Some(_) => {}
                    None => return Ok(None),
                },
                told = self.changes.recv() => match told {
                    Some(Told::Change(change)) => return Ok(Some(change)),
                    Some(Told::Missed) => self.stale = true,
                    None => return Ok(None),
                },
            }
        }
    }

    /// Registers again, and asks what the key has. What was told before that is older.
    async fn catch_up(&mut self) -> Result<Change, Error> {
        while self.changes.try_recv().is_ok() {}
        self.store.register(&self.key).await?;
        let present = self.present().await?;
        self.stale = false;
        Ok(present)
    }

    async fn present(&self) -> Result<Change, Error> {
        Ok(match self.store.get(&self.key).await? {
            Some(entry) => Change::Set {
                value: entry.value,
                version: entry.version,
            },
            None => Change::Deleted,
        })
    }
}

impl Observers {
    pub(crate) async fn start(client: &Client, clock: Arc<Clock>) -> Result<Self, Error> {
        let filter = topics::notification_filter(client.client_id());
        let messages = client.subscribe(filter).await?;
        let all = Arc::new(Mutex::default());
        let mut reader = JoinSet::new();
        reader.spawn(read(messages, Arc::clone(&all), clock));
        Ok(Self {
            all,
            _reader: reader,
        })
    }

    /// One more observer; it is told as soon as the broker knows.
    pub(crate) fn add(&self, key: Bytes, store: StateStore) -> Observer {
        let (sender, changes) = mpsc::channel(CHANGES_LEN_MAX);
        let mut all = lock(&self.all);
        for senders in all.values_mut() {
            senders.retain(|sender| !sender.is_closed());
        }
        all.retain(|_, senders| !senders.is_empty());
        all.entry(key.clone()).or_default().push(sender);
        drop(all);
        let events = store.client().events();
        Observer {
            key,
            store,
            changes,
            events,
            stale: false,
        }
    }
}

async fn read(mut messages: Messages, all: Arc<Mutex<Listeners>>, clock: Arc<Clock>) {
    while let Some(message) = messages.next().await {
        let key = topics::notified_key(message.topic());
        let told = key.zip(told(&message, &clock));
        let Some((key, told)) = told else {
            tracing::debug!("a key notification cannot be understood");
            continue;
        };
        let all = lock(&all);
        for sender in all.get(key.as_slice()).into_iter().flatten() {
            tell(sender, &told);
        }
    }
    lock(&all).clear();
}

/// Leaves room for one word that says what else there was.
fn tell(sender: &mpsc::Sender<Told>, told: &Option<Change>) {
    let told = match (sender.capacity(), told) {
        (0, _) => return,
        (1, _) | (_, None) => Told::Missed,
        (_, Some(change)) => Told::Change(change.clone()),
    };
    match sender.try_send(told) {
        // The next one to be added cleans up.
        Ok(()) | Err(TrySendError::Closed(_) | TrySendError::Full(_)) => {}
    }
}

/// What a notification says; `Some(None)` if it says that some are missing.
fn told(message: &Message, clock: &Clock) -> Option<Option<Change>> {
    let properties = message.properties().user.iter();
    let headers = ResponseHeaders::read(properties.map(|(n, v)| (&**n, &**v)));
    let stamp = headers.stamp().ok()?;
    if stamp.is_some_and(|stamp| !clock.saw(&stamp)) {
        return None;
    }
    let payload = message.payload();
    Some(match Notification::parse(payload).ok()? {
        Notification::Set(value) => Some(Change::Set {
            value: payload.slice_ref(value),
            version: stamp.as_ref().map(Version::of),
        }),
        Notification::Delete => Some(Change::Deleted),
        Notification::Gap => None,
    })
}

fn lock(all: &Mutex<Listeners>) -> MutexGuard<'_, Listeners> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}
