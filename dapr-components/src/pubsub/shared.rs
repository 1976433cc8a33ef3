//! What the parts of an instance share.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catena_sdk::{Client, Error};
use tokio::sync::watch;
use tonic::Status;

use crate::context::Context;
use crate::instances::InstanceName;
use crate::{link, rivals};

use super::settings::Settings;

/// What an instance and its topics share. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) name: InstanceName,
    pub(super) settings: Arc<Settings>,
    /// The connection of the instance.
    pub(super) client: Client,
    /// Those of single subscriptions, by client ID.
    lines: Arc<Mutex<BTreeMap<String, Client>>>,
    pub(super) context: Context,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) closing: watch::Receiver<bool>,
    /// Open streams of all topics.
    pub(super) streams: Arc<AtomicUsize>,
}

/// The name of the kind of component.
pub(super) const KIND: &str = "pubsub";

/// The first and the longest pause between attempts to subscribe, or to bury a message.
pub(super) const RETRY: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(30));

/// What replicas do that take one another's client ID.
const REMEDY: &str = "give each replica its own, such as clientId \"{podName}\" or \"{uuid}\", \
                      with shareGroup to compete for messages";

impl Shared {
    /// For an instance that has no streams yet.
    pub(super) fn new(
        init: (InstanceName, Settings),
        client: Client,
        context: Context,
        (paused, closing): (watch::Receiver<bool>, watch::Receiver<bool>),
    ) -> Self {
        let (name, settings) = init;
        let shared = Self {
            name,
            settings: Arc::new(settings),
            client,
            lines: Arc::default(),
            context,
            paused,
            closing,
            streams: Arc::default(),
        };
        shared.watch_over(&shared.client);
        shared
    }

    /// A subscription has a connection of its own from now on.
    pub(super) fn add_line(&self, client: &Client) {
        self.watch_over(client);
        let client_id = client.client_id().to_owned();
        self.lines().insert(client_id, client.clone());
    }

    /// It has none any more.
    pub(super) fn remove_line(&self, client: &Client) {
        self.lines().remove(client.client_id());
    }

    /// Whether all connections are there.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, with the reason why one is not.
    pub(super) fn ping(&self) -> Result<(), Status> {
        if !self.client.is_connected() {
            return Err(self.away());
        }
        // One that is just being made is not missed yet.
        let trouble = self.lines().values().find_map(Client::trouble);
        trouble.map_or(Ok(()), |error| Err(self.explain(&error)))
    }

    /// Why the connection of the instance is not there.
    pub(super) fn away(&self) -> Status {
        let error = self.client.trouble().unwrap_or(Error::ConnectionLost);
        self.explain(&error)
    }

    fn explain(&self, error: &Error) -> Status {
        let why = link::explain(&self.settings.connection, error);
        Status::unavailable(format!("the broker is away: {}", why.message()))
    }

    /// Tells in the log what happens to a connection.
    fn watch_over(&self, client: &Client) {
        let watched = rivals::Watched {
            kind: KIND,
            name: self.name.clone(),
            keeps_session: self.settings.keeps_session(),
            remedy: REMEDY,
            metrics: Arc::clone(&self.context.metrics),
        };
        self.context.start(rivals::watch_over(client, watched));
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<String, Client>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
