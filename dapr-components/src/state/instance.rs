//! One state store: the client of one Component resource.

use std::sync::Arc;
use std::time::Duration;

use catena_sdk::Builder;
use tokio::time::Instant;
use tonic::Status;

use super::access::Access;
use super::failure::Failure;
use super::keys::PartitionBy;
use super::operations::Operations;
use super::settings::Settings;
use crate::context::{Context, Owner};
use crate::instances::{Component, Init};
use crate::metadata::{Connection, Policy};
use crate::{link, rivals};

/// A session is of use while requests are under way, and for nothing else.
const SESSION_EXPIRY: Duration = Duration::from_secs(60);

/// One state store.
#[derive(Debug)]
pub struct Instance {
    access: Access,
    settings: Settings,
}

impl Instance {
    /// When a call that comes now has to have ended.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }

    /// The operations of a call.
    pub(super) fn operations(&self, deadline: Instant) -> Operations<'_> {
        Operations::new(&self.access, deadline)
    }

    pub(super) fn partition_by(&self) -> PartitionBy {
        self.settings.partition_by
    }

    /// Why the store cannot be asked right now, if so.
    pub(super) fn why_down(&self) -> Option<Failure> {
        self.access.why_down()
    }

    /// What a sidecar may rely on.
    pub(super) fn features(&self) -> impl Iterator<Item = &'static str> {
        let abilities = self.access.abilities();
        let all = [
            ("ETAG", abilities.compares),
            ("TRANSACTIONAL", abilities.groups),
            ("TTL", true),
            ("PARTITION_KEY", true),
        ];
        all.into_iter()
            .filter(|(_, is_there)| *is_there)
            .map(|(name, _)| name)
    }
}

impl Component for Instance {
    const KIND: &'static str = "state";
    const NAMES: &[&'static str] = super::settings::NAMES;

    async fn open(init: Init, context: &Context) -> Result<Self, Status> {
        let settings = Settings::read(&init.properties, init.flavour)?;
        let connection = Connection::read(&init.properties, init.flavour)?;
        let until = Instant::now() + connection.connect_within;
        let policy = connection.policy;
        let client = link::connect(&connection, |builder| tuned(builder, &connection)).await?;
        let watched = rivals::Watched {
            kind: Self::KIND,
            name: init.name,
            keeps_session: true,
            remedy: "leave clientId out: a state store does not need one",
            metrics: Arc::clone(&context.metrics),
        };
        context.start(rivals::watch_over(&client, watched));
        let access = Access::start(client, connection, settings.timeout, context);
        if policy == Policy::Fail
            && let Err(failure) = access.ready(until).await
        {
            access.close().await;
            return Err(failure.into_status());
        }
        Ok(Self { access, settings })
    }

    fn identity(init: &Init) -> Option<String> {
        let connection = Connection::read(&init.properties, init.flavour).ok()?;
        let client_id = connection.client_id.as_ref()?;
        Some(connection.identity(client_id))
    }

    fn taken(owner: &Owner) -> Status {
        Status::invalid_argument(format!(
            "metadata `clientId`: {owner} has the same MQTT client ID, and two connections cannot \
             share one: set another `clientId`, or none, since a state store does not need one"
        ))
    }

    async fn close(&self) {
        self.access.close().await;
    }

    fn is_connected(&self) -> bool {
        self.access.why_down().is_none()
    }
}

fn tuned(builder: Builder, connection: &Connection) -> Builder {
    // Callers wait: a broker that is back is found sooner than where messages flow.
    let builder = builder
        .session_expiry(SESSION_EXPIRY)
        .close_within(Duration::from_millis(500))
        .backoff(Duration::from_millis(50), Duration::from_secs(2));
    match &connection.client_id {
        Some(client_id) => builder.client_id(client_id.as_str()),
        None => builder,
    }
}
