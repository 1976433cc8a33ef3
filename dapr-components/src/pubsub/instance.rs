//! One Component resource of a publish/subscribe type: its client, and its topics.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use catena_dapr_proto::v1::{BulkPublishRequest, BulkPublishResponseFailedEntry};
use catena_sdk::{Error, Pending, Publish};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::{Code, Status};

use crate::context::{Context, Owner};
use crate::instances::{Component, Init};
use crate::metadata::Properties;
use crate::{link, rivals, status};

use super::deliveries::StreamNumber;
use super::mapping;
use super::opening::{Opening, Openings};
use super::settings::Settings;
use super::topic::{Command, Opened, Sender, Shared, Topic};

/// One Component resource of a publish/subscribe type.
#[derive(Debug)]
pub struct Instance {
    settings: Settings,
    shared: Shared,
    topics: Mutex<BTreeMap<String, Handle>>,
    openings: Openings,
    paused: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    next_stream: AtomicU64,
}

#[derive(Debug)]
struct Handle {
    commands: mpsc::Sender<Command>,
    unanswered: Arc<AtomicUsize>,
}

/// A stream of a topic. It has to be [ended](Self::end).
pub(super) struct Stream {
    number: StreamNumber,
    commands: mpsc::Sender<Command>,
}

/// Answers that wait for a topic.
const COMMANDS_MAX: usize = 256;

/// How long a publish waits for a connection before it is handed in: not handed in, it is surely
/// not sent.
const CONNECTION_WITHIN: Duration = Duration::from_secs(5);

/// How long a publish waits at most for subscriptions that were made before it.
const SUBSCRIPTIONS_WITHIN: Duration = Duration::from_secs(2);

/// Larger packets are not wanted: up to here, messages that are too large for a sidecar can be
/// counted and go to a dead-letter topic.
const PACKET_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// What replicas do that take one another's client ID.
const REMEDY: &str = "give each replica its own, such as clientId \"{podName}\" or \"{uuid}\", \
                      with shareGroup to compete for messages";

/// How long messages of an earlier session wait for a stream after the latest one was opened.
const CLAIM_WITHIN: Duration = Duration::from_secs(60);

impl Component for Instance {
    const KIND: &'static str = "pubsub";

    async fn open(init: Init, context: &Context) -> Result<Self, Status> {
        let settings = Settings::read(&init.properties, init.flavour)?;
        let client = link::connect(&settings.connection, |builder| {
            let builder = match &settings.client_id {
                Some(client_id) => builder.client_id(client_id),
                None => builder,
            };
            builder
                .clean_start(settings.clean_session)
                .session_expiry(match settings.clean_session {
                    true => Duration::ZERO,
                    false => settings.session_expiry,
                })
                .receive_max(settings.receive_max)
                .in_flight_max(256)
                .queue_len_max(256)
                .packet_bytes_max(PACKET_BYTES_MAX)
                .claim_within(CLAIM_WITHIN)
                .claim_from_subscribe()
                .subscribers_first(settings.subscribers_first)
        });
        let client = client.await?;
        let (paused, paused_seen) = watch::channel(false);
        let (closing, closing_seen) = watch::channel(false);
        let watched = rivals::Watched {
            kind: Self::KIND,
            name: init.name,
            keeps_session: !settings.clean_session && !settings.session_expiry.is_zero(),
            remedy: REMEDY,
        };
        context.start(rivals::watch_over(&client, watched));
        Ok(Self {
            settings,
            shared: Shared {
                client,
                context: context.clone(),
                paused: paused_seen,
                closing: closing_seen,
                streams: Arc::default(),
            },
            topics: Mutex::default(),
            openings: Openings::new(),
            paused,
            closing,
            next_stream: AtomicU64::new(1),
        })
    }

    fn identity(init: &Init) -> Option<String> {
        let settings = Settings::read(&init.properties, init.flavour).ok()?;
        let client_id = settings.client_id.as_ref()?;
        Some(settings.connection.identity(client_id))
    }

    fn taken(owner: &Owner) -> Status {
        Status::invalid_argument(format!(
            "metadata `consumerID`: {owner} has the same MQTT client ID, and two connections \
             cannot share one: set `consumerID` or `clientId` of one of them"
        ))
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        self.shared.client.close().await;
    }

    fn is_connected(&self) -> bool {
        self.shared.client.is_connected()
    }

    fn is_in_use(&self) -> bool {
        self.shared.streams.load(Ordering::Relaxed) > 0
    }
}

impl Instance {
    /// Gives nothing new to applications until [`resume`](Self::resume).
    pub fn hold_back(&self) {
        self.paused.send_replace(true);
    }

    /// Goes on giving messages to applications.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// How many messages applications have and have not answered.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        let topics = self.topics();
        topics
            .values()
            .map(|topic| topic.unanswered.load(Ordering::Relaxed))
            .sum()
    }

    /// Whether the broker is there.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, with the reason why it is not.
    pub(super) fn ping(&self) -> Result<(), Status> {
        if self.is_connected() {
            return Ok(());
        }
        Err(self.away())
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
        let began = Instant::now();
        let published = async {
            let publish = mapping::publish(&self.settings, topic, data, content_type, metadata)?;
            self.wait_for_connection().await?;
            let deadline = began + self.settings.publish_within;
            let pending = self.enqueue(publish, deadline).await?;
            self.acknowledged(pending, deadline).await
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
        let deadline = Instant::now() + self.settings.publish_within;
        // Each entry says by itself if there is no connection.
        let connected = self.wait_for_connection().await;
        let mut under_way = Vec::with_capacity(request.entries.len());
        for entry in request.entries {
            let mut metadata = request.metadata.clone();
            metadata.extend(entry.metadata);
            let topic = &request.topic;
            let handed_in = async {
                connected.clone()?;
                let content_type = &entry.content_type;
                let publish =
                    mapping::publish(&self.settings, topic, entry.event, content_type, metadata)?;
                self.enqueue(publish, deadline).await
            };
            under_way.push((entry.entry_id, handed_in.await));
        }
        let mut failed = Vec::new();
        let (all, mut cause) = (under_way.len(), None);
        for (entry_id, pending) in under_way {
            let published = match pending {
                Ok(pending) => self.acknowledged(pending, deadline).await,
                Err(status) => Err(status),
            };
            self.count(&published);
            if let Err(status) = published {
                let error = status.message().to_owned();
                failed.push(BulkPublishResponseFailedEntry { entry_id, error });
                if status.code() != Code::InvalidArgument {
                    cause.get_or_insert(status);
                } else if failed.len() == all {
                    cause = cause.or(Some(status));
                }
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

    /// Says that a stream is being opened: what is published from now on waits for it.
    pub(super) fn begin_stream(&self) -> Opening {
        self.openings.begin()
    }

    /// Opens a stream for a topic; its messages go to the sender.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for metadata that makes no sense, `UNAVAILABLE` when the instance closes.
    pub(super) async fn open_stream(
        &self,
        topic: &str,
        metadata: HashMap<String, String>,
        (sender, opening): (Sender, Opening),
    ) -> Result<Stream, Status> {
        if topic.is_empty() {
            return Err(Status::invalid_argument("the topic is empty"));
        }
        let filter = self.settings.filter(topic);
        let delivery = self
            .settings
            .delivery
            .overlaid(&Properties::new(metadata))?;
        let opened = Opened {
            sender,
            topic: topic.to_owned(),
            delivery: delivery.clone(),
        };
        let commands = {
            let mut topics = self.topics();
            let topic = topics.entry(filter).or_insert_with_key(|filter| {
                let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
                let unanswered = Arc::<AtomicUsize>::default();
                let shared = self.shared.clone();
                let counted = Arc::clone(&unanswered);
                let task = Topic::new(filter.clone(), delivery, shared, receiver, counted);
                self.shared.context.start(task.run());
                Handle {
                    commands,
                    unanswered,
                }
            });
            topic.commands.clone()
        };
        let number = self.next_stream.fetch_add(1, Ordering::Relaxed);
        let sent = commands.send(Command::Open {
            stream: number,
            opened,
            opening,
        });
        let closed = |_| Status::unavailable("the component instance is closed");
        sent.await.map_err(closed)?;
        Ok(Stream { number, commands })
    }

    async fn wait_for_connection(&self) -> Result<(), Status> {
        let within = CONNECTION_WITHIN.min(self.settings.publish_within);
        match timeout(within, self.shared.client.connected()).await {
            Ok(Ok(())) => {
                self.openings.settled(SUBSCRIPTIONS_WITHIN).await;
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(self.away()),
        }
    }

    async fn enqueue(&self, publish: Publish, deadline: Instant) -> Result<Pending, Status> {
        match timeout_at(deadline, self.shared.client.enqueue(publish)).await {
            Ok(Ok(pending)) => Ok(pending),
            Ok(Err(error)) => Err(status::of(&error, "publish")),
            Err(_) if !self.is_connected() => Err(self.away()),
            Err(_) => Err(Status::resource_exhausted(
                "cannot publish: the queue is full",
            )),
        }
    }

    async fn acknowledged(&self, pending: Pending, deadline: Instant) -> Result<(), Status> {
        match timeout_at(deadline, pending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(status::of(&error, "publish")),
            // Also if the broker is away: it may have taken the message before.
            Err(_) => {
                let after = self.settings.publish_within;
                Err(status::of(&Error::TimedOut { after }, "publish"))
            }
        }
    }

    fn away(&self) -> Status {
        let connection = &self.settings.connection;
        let error = self
            .shared
            .client
            .trouble()
            .unwrap_or(Error::ConnectionLost);
        let why = link::explain(connection, &error);
        Status::unavailable(format!("the broker is away: {}", why.message()))
    }

    fn count(&self, published: &Result<(), Status>) {
        let metrics = &self.shared.context.metrics;
        match published {
            Ok(()) => metrics.published.add(),
            Err(_) => metrics.publish_errors.add(),
        }
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<String, Handle>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// The application has answered. `false` if the instance is closed.
    pub(super) async fn answer(&self, id: &str, error: Option<String>) -> bool {
        let Ok(number) = id.parse() else {
            tracing::debug!("answer to a message that there never was");
            return true;
        };
        let answer = Command::Answer {
            stream: self.number,
            number,
            error,
        };
        self.commands.send(answer).await.is_ok()
    }

    /// It is over.
    pub(super) async fn end(self) {
        let stream = self.number;
        // An instance that is closed has ended it.
        let _ = self.commands.send(Command::End { stream }).await;
    }
}
