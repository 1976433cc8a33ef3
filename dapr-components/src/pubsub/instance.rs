//! One Component resource of a publish/subscribe type: its client, and its topics.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tonic::Status;

use crate::context::{Context, Owner};
use crate::instances::{Component, Init};
use crate::link;
use crate::metadata::Properties;

use super::opening::Opening;
use super::publishing::Publisher;
use super::settings::{self, Settings};
use super::shared::{KIND, Shared};
use super::stream::{Command, Opened, Sender, Stream};
use super::topic::Topic;

/// One Component resource of a publish/subscribe type.
#[derive(Debug)]
pub struct Instance {
    shared: Shared,
    publisher: Publisher,
    topics: Mutex<BTreeMap<String, Handle>>,
    paused: watch::Sender<bool>,
    closing: watch::Sender<bool>,
    next_stream: AtomicU64,
}

#[derive(Debug)]
struct Handle {
    commands: mpsc::Sender<Command>,
    unanswered: Arc<AtomicUsize>,
}

/// Answers that wait for a topic.
const COMMANDS_MAX: usize = 256;

impl Component for Instance {
    const KIND: &'static str = KIND;
    const NAMES: &[&'static str] = settings::NAMES;

    async fn open(init: Init, context: &Context) -> Result<Self, Status> {
        let settings = Settings::read(&init.properties, init.flavour)?;
        let client = link::connect(&settings.connection, |builder| {
            let builder = settings.tune(builder);
            match &settings.client_id {
                Some(client_id) => builder.client_id(client_id),
                None => builder,
            }
        });
        let client = client.await?;
        let (paused, paused_seen) = watch::channel(false);
        let (closing, closing_seen) = watch::channel(false);
        let seen = (paused_seen, closing_seen);
        let shared = Shared::new((init.name, settings), client, context.clone(), seen);
        Ok(Self {
            publisher: Publisher::new(shared.clone()),
            shared,
            topics: Mutex::default(),
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
        // Some have a connection of their own, and the next instance may want its client ID.
        let topics: Vec<_> = { self.topics() }
            .values()
            .map(|topic| topic.commands.clone())
            .collect();
        for topic in topics {
            topic.closed().await;
        }
    }

    fn is_connected(&self) -> bool {
        self.shared.ping().is_ok()
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

    /// Whether the broker is there, for all that the instance needs it for.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE`, with the reason why it is not.
    pub(super) fn ping(&self) -> Result<(), Status> {
        self.shared.ping()
    }

    /// What publishes.
    pub(super) fn publisher(&self) -> &Publisher {
        &self.publisher
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
        let settings = &self.shared.settings;
        let filter = settings.filter(topic);
        let delivery = settings.delivery.overlaid(&Properties::new(metadata))?;
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
        Ok(Stream::new(number, commands))
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<String, Handle>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
