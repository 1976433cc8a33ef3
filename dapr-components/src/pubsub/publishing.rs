//! The way to the broker: what is published is handed in once there is a connection, and is done
//! when the broker has acknowledged it.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use catena_dapr_proto::v1::{BulkPublishRequest, BulkPublishResponseFailedEntry};
use catena_sdk::{Error, Pending, Publish, Published};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::{Code, Status};

use crate::status;

use super::mapping;
use super::opening::{Opening, Openings};
use super::shared::Shared;

/// Publishes for an instance.
#[derive(Debug)]
pub(super) struct Publisher {
    shared: Shared,
    openings: Openings,
    /// When it was seen first that there is a connection.
    connected: OnceLock<Instant>,
}

/// How long a publish waits for a connection before it is handed in: not handed in, it is surely
/// not sent.
const CONNECTION_WITHIN: Duration = Duration::from_secs(5);

/// How long a publish waits at most for subscriptions that were made before it.
const SUBSCRIPTIONS_WITHIN: Duration = Duration::from_secs(2);

/// Between attempts to publish what nobody has subscribed to yet.
const UNHEARD_PAUSE: Duration = Duration::from_millis(100);

impl Publisher {
    pub(super) fn new(shared: Shared) -> Self {
        let publisher = Self {
            shared,
            openings: Openings::new(),
            connected: OnceLock::new(),
        };
        if publisher.shared.client.is_connected() {
            publisher.connected.get_or_init(Instant::now);
        }
        publisher
    }

    /// Says that a stream is being opened: what is published from now on waits for it.
    pub(super) fn begin_stream(&self) -> Opening {
        self.openings.begin()
    }

    /// Publishes, and returns when the broker has acknowledged.
    ///
    /// # Errors
    ///
    /// See [`status::code`].
    pub(super) async fn publish(
        &self,
        topic: &str,
        data: Bytes,
        content_type: &str,
        metadata: HashMap<String, String>,
    ) -> Result<(), Status> {
        let settings = &self.shared.settings;
        let deadline = Instant::now() + settings.publish_within;
        let published = async {
            let publish = mapping::publish(settings, topic, data, content_type, metadata)?;
            self.wait_for_connection().await?;
            let published = self.publish_all(vec![Ok(publish)], deadline).await;
            published.into_iter().collect()
        };
        let published = published.await;
        self.count(&published);
        published
    }

    /// Publishes all entries one behind the other, and tells which make no sense.
    ///
    /// # Errors
    ///
    /// What an entry failed with that makes sense, or all of them: a sidecar takes an answer for a
    /// success, whatever it says of single entries, and what failed would be lost. So all may come
    /// again.
    pub(super) async fn bulk_publish(
        &self,
        request: BulkPublishRequest,
    ) -> Result<Vec<BulkPublishResponseFailedEntry>, Status> {
        let settings = &self.shared.settings;
        let deadline = Instant::now() + settings.publish_within;
        // Each entry says by itself if there is no connection.
        let connected = self.wait_for_connection().await;
        let (mut ids, mut publishes) = (Vec::new(), Vec::new());
        for entry in request.entries {
            let mut metadata = request.metadata.clone();
            metadata.extend(entry.metadata);
            let (topic, content_type) = (&request.topic, &entry.content_type);
            let publish = connected.clone().and_then(|()| {
                let publish =
                    mapping::publish(settings, topic, entry.event, content_type, metadata);
                Ok(publish?)
            });
            ids.push(entry.entry_id);
            publishes.push(publish);
        }
        let published = self.publish_all(publishes, deadline).await;
        published.iter().for_each(|published| self.count(published));
        judge(ids, published)
    }

    async fn wait_for_connection(&self) -> Result<(), Status> {
        let within = CONNECTION_WITHIN.min(self.shared.settings.publish_within);
        match timeout(within, self.shared.client.connected()).await {
            Ok(Ok(())) => {
                self.connected.get_or_init(Instant::now);
                self.openings.settled(SUBSCRIPTIONS_WITHIN).await;
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(self.shared.away()),
        }
    }

    /// Publishes all that make sense, one behind the other, and returns when each is acknowledged
    /// or has failed.
    ///
    /// After the start, what nobody has subscribed to is published again for a while: where all is
    /// started at once, after a power cut perhaps, those that subscribe may be on their way.
    async fn publish_all(
        &self,
        publishes: Vec<Result<Publish, Status>>,
        deadline: Instant,
    ) -> Vec<Result<(), Status>> {
        let mut published = Vec::with_capacity(publishes.len());
        let mut left = Vec::with_capacity(publishes.len());
        for (index, publish) in publishes.into_iter().enumerate() {
            published.push(publish.map(|publish| left.push((index, publish))));
        }
        let began = Instant::now();
        loop {
            let is_early = self.is_early();
            let mut under_way = Vec::with_capacity(left.len());
            for (index, publish) in left.drain(..) {
                // A later one may have replaced what is retained.
                let may_repeat = is_early && !publish.is_retained();
                let again = may_repeat.then(|| publish.clone());
                let publish = aged(publish, began);
                under_way.push((index, again, self.enqueue(publish, deadline).await));
            }
            for (index, again, pending) in under_way {
                let answer = match pending {
                    Ok(pending) => self.acknowledged(pending, deadline).await,
                    Err(status) => Err(status),
                };
                match (answer, again) {
                    (Ok(answer), Some(publish)) if answer.is_unheard() => {
                        left.push((index, publish));
                    }
                    (answer, _) => {
                        if let Some(published) = published.get_mut(index) {
                            *published = answer.map(drop);
                        }
                    }
                }
            }
            if left.is_empty() || !self.is_early() {
                return published;
            }
            sleep(UNHEARD_PAUSE).await;
            left.retain(|(_, publish)| !has_expired(publish, began));
        }
    }

    /// Whether subscribers may be on their way.
    fn is_early(&self) -> bool {
        let time = self.shared.settings.subscribers_first;
        let connected = self.connected.get();
        connected.is_some_and(|connected| connected.elapsed() < time)
    }

    async fn enqueue(&self, publish: Publish, deadline: Instant) -> Result<Pending, Status> {
        let client = &self.shared.client;
        match timeout_at(deadline, client.enqueue(publish)).await {
            Ok(Ok(pending)) => Ok(pending),
            Ok(Err(error)) => Err(status::of(&error, "publish")),
            Err(_) if !client.is_connected() => Err(self.shared.away()),
            Err(_) => Err(Status::resource_exhausted(
                "cannot publish: the queue is full",
            )),
        }
    }

    async fn acknowledged(&self, pending: Pending, deadline: Instant) -> Result<Published, Status> {
        match timeout_at(deadline, pending).await {
            Ok(Ok(published)) => Ok(published),
            Ok(Err(error)) => Err(status::of(&error, "publish")),
            // Also if the broker is away: it may have taken the message before.
            Err(_) => {
                let after = self.shared.settings.publish_within;
                Err(status::of(&Error::TimedOut { after }, "publish"))
            }
        }
    }

    fn count(&self, published: &Result<(), Status>) {
        let metrics = &self.shared.context.metrics;
        match published {
            Ok(()) => metrics.published.add(),
            Err(_) => metrics.publish_errors.add(),
        }
    }
}

/// Whether nobody may get a message any more that was to be published at `began`.
fn has_expired(publish: &Publish, began: Instant) -> bool {
    publish
        .expires_in()
        .is_some_and(|time| time <= began.elapsed())
}

/// With what is left of its time to live.
fn aged(publish: Publish, began: Instant) -> Publish {
    match publish.expires_in() {
        Some(time) => publish.expiry(time.saturating_sub(began.elapsed())),
        None => publish,
    }
}

/// What is said of a bulk, from what became of its entries.
fn judge(
    ids: Vec<String>,
    published: Vec<Result<(), Status>>,
) -> Result<Vec<BulkPublishResponseFailedEntry>, Status> {
    let (all, mut cause) = (ids.len(), None);
    let mut failed = Vec::new();
    for (entry_id, published) in ids.into_iter().zip(published) {
        let Err(status) = published else {
            continue;
        };
        let error = status.message().to_owned();
        failed.push(BulkPublishResponseFailedEntry { entry_id, error });
        if status.code() != Code::InvalidArgument {
            cause.get_or_insert(status);
        } else if failed.len() == all {
            cause = cause.or(Some(status));
        }
    }
    let Some(cause) = cause else {
        for BulkPublishResponseFailedEntry { entry_id, error } in &failed {
            tracing::warn!(entry = entry_id, error, "an entry makes no sense");
        }
        return Ok(failed);
    };
    let text = format!(
        "{} of {all} entries failed: {}",
        failed.len(),
        cause.message()
    );
    Err(Status::new(cause.code(), text))
}
