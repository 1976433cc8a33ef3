//! An application without a port: it opens a stream of events at its sidecar, keeps what it gets,
//! and answers as it is told, at once or later.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Status, Streaming};

use super::wire::dapr_client::DaprClient;
use super::wire::subscribe_topic_events_request_alpha1::SubscribeTopicEventsRequestType as Asked;
use super::wire::subscribe_topic_events_response_alpha1::SubscribeTopicEventsResponseType as Told;
use super::wire::topic_event_response::TopicEventResponseStatus;
use super::wire::{
    SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsRequestInitialAlpha1,
    SubscribeTopicEventsRequestProcessedAlpha1, SubscribeTopicEventsResponseAlpha1,
    TopicEventRequest, TopicEventResponse,
};
use crate::clock;

/// What the application answers to an event; none leaves it unanswered.
type Answer = dyn Fn(&TopicEventRequest) -> Option<TopicEventResponseStatus> + Send;

/// An open stream, which is cancelled with this value.
pub struct EventStream {
    requests: mpsc::Sender<SubscribeTopicEventsRequestAlpha1>,
    inbox: Arc<Inbox>,
    end: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Inbox {
    events: Mutex<Vec<TopicEventRequest>>,
    /// How it has ended, unless by this side.
    ended: Mutex<Option<String>>,
}

impl EventStream {
    /// Opens a stream at the gRPC port of a sidecar, and waits until the sidecar says that it has
    /// subscribed. Events are answered with a function.
    ///
    /// # Errors
    ///
    /// That the sidecar refuses.
    pub fn open(
        port: u16,
        initial: SubscribeTopicEventsRequestInitialAlpha1,
        answer: impl Fn(&TopicEventRequest) -> Option<TopicEventResponseStatus> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        requests.try_send(request(Asked::InitialRequest(initial)))?;
        let opened = runtime.block_on(async { timeout(PATIENCE, begin(port, asked)).await });
        let mut events = opened.context("no answer to a new stream")??;
        let inbox = Arc::new(Inbox::default());
        let (keeping, answering) = (Arc::clone(&inbox), requests.clone());
        let (end, mut ended) = mpsc::channel(1);
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                let receiving = receive(&mut events, &keeping, &answering, &answer);
                let how = tokio::select! {
                    how = receiving => how,
                    _ = ended.recv() => return,
                };
                *lock(&keeping.ended) = Some(how);
            });
        });
        Ok(Self {
            requests,
            inbox,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// All events that have come, in order.
    #[must_use]
    pub fn events(&self) -> Vec<TopicEventRequest> {
        lock(&self.inbox.events).clone()
    }

    /// Waits until `count` events have come, and gives all there are.
    ///
    /// # Errors
    ///
    /// That there are fewer in time, or the stream has ended.
    pub fn wait(&self, count: usize, patience: Duration) -> anyhow::Result<Vec<TopicEventRequest>> {
        clock::until(&format!("{count} events on a stream"), patience, || {
            // Asked first: what came before the end counts.
            let ended = lock(&self.inbox.ended).clone();
            let events = self.events();
            match ended {
                _ if events.len() >= count => Ok(Some(events)),
                Some(how) => bail!("the stream ends after {} events: {how}", events.len()),
                None => Ok(None),
            }
        })
    }

    /// Waits until the sidecar ends the stream.
    ///
    /// # Errors
    ///
    /// That it does not.
    pub fn wait_end(&self, patience: Duration) -> anyhow::Result<String> {
        clock::until("the end of a stream", patience, || {
            Ok(lock(&self.inbox.ended).clone())
        })
    }

    /// Whether the sidecar has not ended it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        lock(&self.inbox.ended).is_none()
    }

    /// Answers to an event that was left unanswered.
    ///
    /// # Errors
    ///
    /// That the stream has ended, or is full of answers.
    pub fn answer(
        &self,
        event: &TopicEventRequest,
        status: TopicEventResponseStatus,
    ) -> anyhow::Result<()> {
        let sent = self.requests.try_send(answered(event, status));
        sent.context("nobody takes an answer")
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // The sidecar is told before this returns. A panic has told of itself.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

/// Opens the stream, and takes the sidecar's first word from it.
async fn begin(
    port: u16,
    asked: mpsc::Receiver<SubscribeTopicEventsRequestAlpha1>,
) -> anyhow::Result<Streaming<SubscribeTopicEventsResponseAlpha1>> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
    let connected = endpoint.connect().await;
    let channel = connected.with_context(|| format!("cannot connect to port {port}"))?;
    let requests = ReceiverStream::new(asked);
    let mut client = DaprClient::new(channel);
    let mut events = client
        .subscribe_topic_events_alpha1(requests)
        .await?
        .into_inner();
    match events.message().await?.and_then(told) {
        Some(Told::InitialResponse(_)) => Ok(events),
        other => bail!("a stream begins with {other:?}"),
    }
}

/// Takes events until there are no more, and says how it ends.
async fn receive(
    events: &mut Streaming<SubscribeTopicEventsResponseAlpha1>,
    inbox: &Inbox,
    requests: &mpsc::Sender<SubscribeTopicEventsRequestAlpha1>,
    answer: &Answer,
) -> String {
    let how: Result<(), Status> = loop {
        match events.message().await {
            Ok(Some(response)) => {
                let Some(Told::EventMessage(event)) = told(response) else {
                    continue;
                };
                let status = answer(&event);
                // Kept first: who has seen an answer's consequences finds the event.
                lock(&inbox.events).push(event.clone());
                if let Some(status) = status {
                    // As it ends, nobody wants answers.
                    let _ = requests.send(answered(&event, status)).await;
                }
            }
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        }
    };
    format!("{how:?}")
}

fn told(response: SubscribeTopicEventsResponseAlpha1) -> Option<Told> {
    response.subscribe_topic_events_response_type
}

fn answered(
    event: &TopicEventRequest,
    status: TopicEventResponseStatus,
) -> SubscribeTopicEventsRequestAlpha1 {
    request(Asked::EventProcessed(
        SubscribeTopicEventsRequestProcessedAlpha1 {
            id: event.id.clone(),
            status: Some(TopicEventResponse {
                status: status.into(),
            }),
        },
    ))
}

fn request(asked: Asked) -> SubscribeTopicEventsRequestAlpha1 {
    SubscribeTopicEventsRequestAlpha1 {
        subscribe_topic_events_request_type: Some(asked),
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests that wait to be sent.
const REQUESTS_MAX: usize = 64;

/// For a sidecar on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);
