//! Registers with the store for all observers of a client, and passes on what it tells.
//!
//! For each key there is one registration that lasts as long as the session, and one version up to
//! which everything was passed on. With each connection the hub asks for what came after that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use catena_rpc::topics;
use catena_store::{Command, KeyNotify, Notification, Registration, Reply};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinSet;

use super::calls::{Calls, headers, parse, unexpected};
use super::observer::Change;
use super::state_store::TIMEOUT;
use crate::backoff::Backoff;
use crate::{Error, Event, Events, Message, Messages, Version};

/// Ends what it does when it is dropped.
#[derive(Debug)]
pub(super) struct Hub {
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    calls: Arc<Calls>,
    /// Bounded by the observers that live. Empty for good when the client has ended.
    keys: Mutex<BTreeMap<Bytes, Watched>>,
}

/// A key that somebody observes.
#[derive(Debug, Default)]
struct Watched {
    listeners: Vec<mpsc::Sender<Told>>,
    /// Up to here everything was passed on; `None` before the first change.
    last: Option<Version>,
    /// The next change is the present state, whatever its version.
    after_gap: bool,
    /// The session was lost, and with it what happened since the registration.
    unsure: bool,
}

/// What an observer is told.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Change(Change),
    /// Something is missing, and nobody tells what: whoever wants to know the present asks.
    Missed,
    /// The store refuses to tell more.
    Failed(Error),
}

/// Changes that an observer may be behind.
pub(super) const CHANGES_LEN_MAX: usize = 64;

/// Pauses between attempts to register again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

impl Hub {
    pub(super) async fn start(calls: Arc<Calls>) -> Result<Self, Error> {
        let client = calls.client();
        let filter = topics::notification_filter(client.client_id());
        let events = client.events();
        let messages = client.subscribe(filter).await?;
        let shared = Arc::new(Shared {
            calls,
            keys: Mutex::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(run(Arc::clone(&shared), messages, events));
        Ok(Self {
            shared,
            _task: task,
        })
    }

    /// One more observer of a key; it is told as soon as the store knows.
    pub(super) fn listen(&self, key: Bytes) -> mpsc::Receiver<Told> {
        let (sender, changes) = mpsc::channel(CHANGES_LEN_MAX);
        let mut keys = self.shared.keys();
        keys.entry(key).or_default().listeners.push(sender);
        changes
    }

    /// An observer of the key has closed its end. The last one ends the registration.
    pub(super) fn unlisten(&self, key: &Bytes) {
        let mut keys = self.shared.keys();
        let Some(watched) = keys.get_mut(key) else {
            return;
        };
        watched.listeners.retain(|listener| !listener.is_closed());
        if !watched.listeners.is_empty() {
            return;
        }
        keys.remove(key);
        // Still under the lock: a new observer's request comes after this one.
        let registration = Registration::Stop;
        let stop = Command::KeyNotify(KeyNotify { key, registration });
        if !self.shared.calls.tell(&stop) {
            tracing::debug!("a key stays registered until the session ends");
        }
    }

    /// Asks the store to tell what happens to a key from now on, or since what it told last.
    pub(super) async fn register(&self, key: &[u8], timeout: Duration) -> Result<(), Error> {
        self.shared.register(key, timeout).await
    }
}

async fn run(shared: Arc<Shared>, mut messages: Messages, mut events: Events) {
    let mut resuming = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Event::Connected { session_present }) => {
                    shared.connected(session_present);
                    resuming.abort_all();
                    resuming.spawn(resume(Arc::clone(&shared)));
                }
                Some(_) => {}
                None => break,
            },
            message = messages.next() => match message {
                Some(message) => shared.pass_on(&message),
                None => break,
            },
            Some(_) = resuming.join_next() => {}
        }
    }
    shared.keys().clear();
}

/// Registers for all keys again.
async fn resume(shared: Arc<Shared>) {
    let keys: Vec<Bytes> = shared.keys().keys().cloned().collect();
    for key in keys {
        let mut pause = Backoff::new(PAUSE_MIN, PAUSE_MAX);
        let registered = loop {
            if !shared.keys().contains_key(&key) {
                break Ok(());
            }
            match shared.register(&key, TIMEOUT).await {
                Err(error) if error.is_retryable() => tokio::time::sleep(pause.next()).await,
                done => break done,
            }
        };
        shared.registered(&key, registered);
    }
}

impl Shared {
    fn keys(&self) -> MutexGuard<'_, BTreeMap<Bytes, Watched>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn register(&self, key: &[u8], timeout: Duration) -> Result<(), Error> {
        let last = self.keys().get(key).and_then(|it| it.last.clone());
        let after = last.map(|version| version.in_store()).transpose()?;
        let registration = Registration::Resume { after };
        let command = Command::KeyNotify(KeyNotify { key, registration });
        match parse(&self.calls.ask(&command, timeout).await?.payload)? {
            Reply::Ok => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Without a version to name, nobody can tell what a lost session has missed.
    fn connected(&self, session_present: bool) {
        if !session_present {
            for watched in self.keys().values_mut() {
                watched.unsure |= watched.last.is_none();
            }
        }
    }

    fn registered(&self, key: &[u8], registered: Result<(), Error>) {
        let mut keys = self.keys();
        let Some(watched) = keys.get_mut(key) else {
            return;
        };
        match registered {
            Err(error) => watched.tell(&Told::Failed(error)),
            Ok(()) if watched.unsure => {
                watched.unsure = false;
                watched.tell(&Told::Missed);
            }
            Ok(()) => {}
        }
    }

    fn pass_on(&self, message: &Message) {
        let key = topics::notified_key(message.topic());
        let Some((key, change)) = key.zip(self.change(message)) else {
            tracing::debug!("a key notification cannot be understood");
            return;
        };
        if let Some(watched) = self.keys().get_mut(key.as_slice())
            && watched.is_news(&change)
        {
            watched.tell(&Told::Change(change));
        }
    }

    fn change(&self, message: &Message) -> Option<Change> {
        let version = self.calls.version(&headers(message)).ok()?;
        let payload = message.payload();
        Some(match Notification::parse(payload).ok()? {
            Notification::Set(value) => Change::Set {
                value: payload.slice_ref(value),
                version,
            },
            Notification::Delete => Change::Deleted { version },
            Notification::Gap => Change::Gap,
        })
    }
}

impl Watched {
    /// Messages come again, and changes that another request of this client asked for as well.
    fn is_news(&mut self, change: &Change) -> bool {
        let (Change::Set { version, .. } | Change::Deleted { version }) = change else {
            self.after_gap = true;
            return true;
        };
        let is_known = version.is_some() && *version <= self.last;
        if is_known && !self.after_gap {
            return false;
        }
        self.after_gap = false;
        self.last.clone_from(version);
        true
    }

    /// Leaves room for one word that says that there was more.
    fn tell(&self, told: &Told) {
        for listener in &self.listeners {
            let told = match listener.capacity() {
                0 => continue,
                1 => Told::Missed,
                _ => told.clone(),
            };
            match listener.try_send(told) {
                // Whoever closes its end cleans up.
                Ok(()) | Err(TrySendError::Closed(_) | TrySendError::Full(_)) => {}
            }
        }
    }
}
