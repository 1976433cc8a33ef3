//! What the parts of an instance share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

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
    pub(super) context: Context,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) closing: watch::Receiver<bool>,
    /// Open streams of all topics.
    pub(super) streams: Arc<AtomicUsize>,
}

/// The name of the kind of component.
pub(super) const KIND: &str = "pubsub";

/// What replicas do that take one another's client ID.
const REMEDY: &str = "give each replica its own, such as clientId \"{podName}\" or \"{uuid}\", \
                      with shareGroup to compete for messages";

impl Shared {
    /// Tells in the log what happens to a connection.
    pub(super) fn watch_over(&self, client: &Client) {
        let watched = rivals::Watched {
            kind: KIND,
            name: self.name.clone(),
            keeps_session: self.settings.keeps_session(),
            remedy: REMEDY,
        };
        self.context.start(rivals::watch_over(client, watched));
    }

    /// Whether the broker is there.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, with the reason why it is not.
    pub(super) fn ping(&self) -> Result<(), Status> {
        match self.client.is_connected() {
            true => Ok(()),
            false => Err(self.away()),
        }
    }

    /// Why there is no connection.
    pub(super) fn away(&self) -> Status {
        let error = self.client.trouble().unwrap_or(Error::ConnectionLost);
        let why = link::explain(&self.settings.connection, &error);
        Status::unavailable(format!("the broker is away: {}", why.message()))
    }
}
