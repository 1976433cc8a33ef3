//! One state store: the client of one Component resource.

use tokio::time::Instant;
use tonic::Status;

use super::access::Access;
use super::client;
use super::failure::Failure;
use super::keys::PartitionBy;
use super::operations::Operations;
use super::settings::Settings;
use crate::context::Context;
use crate::instances::{Component, Init};
use crate::metadata::{Connection, Policy};

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

    async fn open(init: Init, context: &Context) -> Result<Self, Status> {
        let settings = Settings::read(&init.properties, init.flavour)?;
        let connection = Connection::read(&init.properties, init.flavour)?;
        let until = Instant::now() + connection.connect_within;
        let policy = connection.policy;
        let client = client::open(&connection).await?;
        let access = Access::start(client, settings.timeout, context);
        if policy == Policy::Fail
            && let Err(failure) = access.ready(until).await
        {
            access.close().await;
            return Err(failure.into_status());
        }
        Ok(Self { access, settings })
    }

    async fn close(&self) {
        self.access.close().await;
    }

    fn is_connected(&self) -> bool {
        self.access.why_down().is_none()
    }
}
