//! The task that serves the streams of one subscription. It lives as long as its instance: the
//! subscription at the broker is made for the first stream, and kept when the last one ends, so
//! that the next one finds what came in between.
//!
//! What has come and is unanswered when the last stream ends waits here for the next one, but for
//! share groups: there, it is for the others, and the [line](super::line) is hung up.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use catena_sdk::{Client, Error, Message, Messages, Qos, Subscribe};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use crate::status;

use super::deliveries::{Deliveries, Number, Rules, StreamNumber};
use super::held::Held;
use super::letters;
use super::line::Line;
use super::opening::Opening;
use super::settings::Delivery;
use super::shared::{RETRY, Shared};
use super::stream::{Command, End, Opened};

/// The task.
pub(super) struct Topic {
    filter: String,
    /// That of the latest stream.
    delivery: Delivery,
    shared: Shared,
    line: Line,
    commands: mpsc::Receiver<Command>,
    streams: BTreeMap<StreamNumber, Opened>,
    /// How the last stream ended.
    end: End,
    deliveries: Deliveries<Held>,
    unanswered: Arc<AtomicUsize>,
    messages: Option<Messages>,
    /// Streams that wait for the broker's first answer.
    openings: Vec<Opening>,
    subscribing: Option<Subscribing>,
    subscribe_at: Option<Instant>,
    retry: Duration,
    orphaned: Option<Orphaned>,
}

/// There is no stream, and something may wait for one.
struct Orphaned {
    /// When to give it up, if other subscriptions need the window.
    until: Instant,
    /// Others were in use all the time: if not, those of an application that is back are just
    /// being opened.
    beside_others: bool,
}

type Subscribing = Pin<Box<dyn Future<Output = Result<Messages, Error>> + Send>>;

enum Step {
    Command(Option<Command>),
    Message(Option<Message>),
    Subscribed(Result<Messages, Error>),
    Paused,
    /// A line that is to be hung up is connected again.
    Connected,
    Closing,
    Due,
}

impl Topic {
    pub(super) fn new(
        filter: String,
        delivery: Delivery,
        shared: Shared,
        commands: mpsc::Receiver<Command>,
        unanswered: Arc<AtomicUsize>,
    ) -> Self {
        let rules = Rules::of(&delivery);
        Self {
            line: Line::of(&filter, &shared),
            filter,
            delivery,
            shared,
            commands,
            streams: BTreeMap::new(),
            end: End::Closed,
            deliveries: Deliveries::new(rules),
            unanswered,
            messages: None,
            openings: Vec::new(),
            subscribing: None,
            subscribe_at: None,
            retry: RETRY.0,
            orphaned: None,
        }
    }

    /// Runs until the instance closes.
    pub(super) async fn run(mut self) {
        let paused = *self.shared.paused.borrow_and_update();
        self.deliveries.set_paused(paused);
        loop {
            if self.is_idle().is_some_and(Client::is_connected) {
                self.hang_up().await;
            }
            self.deliver();
            self.unanswered
                .store(self.deliveries.unanswered(), Ordering::Relaxed);
            match self.step().await {
                Step::Command(Some(command)) => self.handle_command(command),
                Step::Message(Some(message)) => self.handle_message(message),
                Step::Message(None) => {
                    self.messages = None;
                    self.subscribe_later();
                }
                Step::Subscribed(result) => self.handle_subscribed(result),
                Step::Paused => {
                    let paused = *self.shared.paused.borrow_and_update();
                    self.deliveries.set_paused(paused);
                }
                Step::Due => self.handle_timeout(Instant::now()),
                Step::Connected => {}
                Step::Command(None) | Step::Closing => break,
            }
        }
        self.close().await;
    }

    async fn step(&mut self) -> Step {
        let due = { self.deliveries.next_deadline().into_iter() }
            .chain(self.subscribe_at)
            .chain(self.orphaned.as_ref().map(|orphaned| orphaned.until))
            .min();
        let wants_more = self.deliveries.wants_more();
        let idle = self.is_idle().cloned();
        let connected = async {
            match idle {
                Some(client) if client.connected().await.is_ok() => {}
                _ => std::future::pending().await,
            }
        };
        let Self {
            commands,
            messages,
            subscribing,
            shared,
            ..
        } = self;
        let message = async {
            match messages {
                Some(messages) if wants_more => messages.next().await,
                _ => std::future::pending().await,
            }
        };
        let subscribed = async {
            match subscribing {
                Some(subscribing) => subscribing.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = shared.closing.wait_for(|closing| *closing) => Step::Closing,
            command = commands.recv() => Step::Command(command),
            _ = shared.paused.changed() => Step::Paused,
            message = message => Step::Message(message),
            subscribed = subscribed => Step::Subscribed(subscribed),
            () = connected => Step::Connected,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Step::Due,
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Open {
                stream,
                opened,
                opening,
            } => {
                // A subscription that is changed is opened anew, perhaps before its end is seen.
                self.deliveries.set_rules(Rules::of(&opened.delivery));
                self.delivery = opened.delivery.clone();
                self.streams.insert(stream, opened);
                self.deliveries.add_stream(stream);
                self.shared.streams.fetch_add(1, Ordering::Relaxed);
                self.orphaned = None;
                if self.messages.is_none() {
                    self.openings.push(opening);
                    if self.subscribing.is_none() {
                        self.subscribe();
                    }
                }
            }
            Command::Answer {
                stream,
                number,
                error: None,
            } => match self.deliveries.acknowledge(stream, number) {
                Some(held) => {
                    held.message.acknowledge();
                    self.shared.context.metrics.acknowledged.add();
                }
                None => tracing::debug!(number, "answer to a message that the stream has not"),
            },
            Command::Answer {
                stream,
                number,
                error: Some(error),
            } => self.handle_failure(stream, number, &error),
            Command::End { stream, end } => self.end_stream(stream, end),
        }
    }

    fn handle_failure(&mut self, stream: StreamNumber, number: Number, error: &str) {
        if !self.deliveries.fail(Instant::now(), stream, number) {
            tracing::debug!(number, "answer to a message that the stream has not");
            return;
        }
        self.shared.context.metrics.failed.add();
        tracing::debug!(number, error, "application failed on a message");
    }

    /// Publishes a message to the dead-letter topic if there is one, and acknowledges it.
    fn give_up(&self, held: Held, dropped: &crate::metrics::Counter, why: &str) {
        let bytes = held.message.payload().len();
        let Some(topic) = self.delivery.dead_letter_topic.clone() else {
            tracing::warn!(
                component = %self.shared.name,
                filter = self.filter,
                bytes,
                error = why,
                "message dropped: there is no dead-letter topic"
            );
            dropped.add();
            held.message.acknowledge();
            return;
        };
        let buried = letters::bury(self.shared.clone(), topic, held.message);
        self.shared.context.start(buried);
    }

    fn handle_message(&mut self, message: Message) {
        let held = Held::new(message, self.delivery.raw);
        if held.is_too_large() {
            let metrics = &self.shared.context.metrics;
            self.give_up(
                held,
                &metrics.dropped_large,
                "it is too large for a sidecar",
            );
        } else {
            self.deliveries.take(held);
        }
    }

    fn handle_subscribed(&mut self, result: Result<Messages, Error>) {
        self.subscribing = None;
        self.openings.clear();
        match result {
            Ok(messages) => {
                self.messages = Some(messages);
                self.retry = RETRY.0;
            }
            Err(error @ Error::Invalid { .. }) => {
                let over = status::of(&error, &format!("subscribe to {}", self.filter));
                self.end_streams(&over);
            }
            Err(error) => {
                // A sidecar never opens a stream again: it stays open until this is mended.
                tracing::warn!(component = %self.shared.name, filter = self.filter, %error,
                    "the broker does not grant a subscription; trying again");
                self.subscribe_later();
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        for held in self.deliveries.handle_timeout(now) {
            let dropped = &self.shared.context.metrics.dropped_failed;
            self.give_up(held, dropped, "the application failed on it too often");
        }
        if self.subscribe_at.is_some_and(|at| at <= now) {
            self.subscribe_at = None;
            if !self.streams.is_empty() && self.messages.is_none() {
                self.subscribe();
            }
        }
        let due = self.orphaned.take_if(|orphaned| orphaned.until <= now);
        if let Some(orphaned) = due {
            if orphaned.beside_others && self.are_others_in_use() {
                self.unsubscribe();
            } else {
                self.orphan(now);
            }
        }
    }

    fn subscribe(&mut self) {
        let delivery = &self.delivery;
        let mut subscribe = Subscribe::to(&self.filter)
            .qos(delivery.qos)
            .retained(delivery.retained)
            .acknowledge_manually();
        if delivery.no_local {
            subscribe = subscribe.no_local();
        }
        if delivery.retain_as_published {
            subscribe = subscribe.retain_as_published();
        }
        match self.line.client(&self.shared) {
            Ok(client) => {
                let subscribing = async move { client.subscribe(subscribe).await };
                self.subscribing = Some(Box::pin(subscribing));
            }
            Err(status) => {
                let error = status.message();
                tracing::warn!(component = %self.shared.name, filter = self.filter, error,
                    "cannot subscribe; trying again");
                self.openings.clear();
                self.subscribe_later();
            }
        }
    }

    fn subscribe_later(&mut self) {
        self.subscribe_at = Some(Instant::now() + self.retry);
        self.retry = (self.retry * 2).min(RETRY.1);
    }

    /// Gives streams what they have room for.
    fn deliver(&mut self) {
        let metrics = Arc::clone(&self.shared.context.metrics);
        while let Some((stream, number, failures, held)) = self.deliveries.deliver() {
            if held.message.is_expired() {
                // What the broker would have done with it.
                if let Some(held) = self.deliveries.acknowledge(stream, number) {
                    held.message.acknowledge();
                    metrics.dropped_expired.add();
                }
                continue;
            }
            let opened = self.streams.get(&stream);
            let is_given = opened.is_some_and(|opened| {
                let mut response = held.response(opened);
                response.id = number.to_string();
                opened.sender.try_send(Ok(response)).is_ok()
            });
            if is_given {
                metrics.delivered.add();
                if failures > 0 {
                    metrics.redelivered.add();
                }
            } else {
                // It is over, and how will be told.
                self.deliveries.remove_stream(Instant::now(), stream);
            }
        }
    }

    fn end_stream(&mut self, stream: StreamNumber, end: End) {
        if self.streams.remove(&stream).is_none() {
            return;
        }
        let now = Instant::now();
        self.deliveries.remove_stream(now, stream);
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
        self.end = end;
        if !self.streams.is_empty() || self.line.is_own() {
            return;
        }
        // A sidecar that was killed has not said that it wants no more.
        if self.delivery.unsubscribe_on_close && end == End::Closed {
            self.unsubscribe();
        } else {
            self.orphan(now);
        }
    }

    fn orphan(&mut self, now: Instant) {
        let wait = self.delivery.orphans_wait;
        self.orphaned = (!wait.is_zero()).then(|| Orphaned {
            until: now + wait,
            beside_others: self.are_others_in_use(),
        });
    }

    /// Whether other subscriptions need the window.
    fn are_others_in_use(&self) -> bool {
        self.shared.streams.load(Ordering::Relaxed) > 0
    }

    fn end_streams(&mut self, over: &Status) {
        for (stream, opened) in std::mem::take(&mut self.streams) {
            // It may be full or gone, and ends all the same.
            let _ = opened.sender.try_send(Err(over.clone()));
            self.deliveries.remove_stream(Instant::now(), stream);
            self.shared.streams.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends the subscription at the broker, with what nobody has taken: unacknowledged, it would
    /// hold up all other subscriptions.
    fn unsubscribe(&mut self) {
        self.orphaned = None;
        self.subscribing = None;
        let mut given_up: Vec<_> = { self.deliveries.clear().into_iter() }
            .map(|held| held.message)
            .collect();
        if let Some(mut messages) = self.messages.take() {
            given_up.extend(std::iter::from_fn(|| messages.try_next()));
        }
        for message in &given_up {
            message.acknowledge();
        }
        self.drop_orphans(given_up.len());
    }

    /// Counts what is dropped since no stream was there for it.
    fn drop_orphans(&self, count: usize) {
        if count == 0 {
            return;
        }
        let dropped = &self.shared.context.metrics.dropped_orphaned;
        dropped.add_many(u64::try_from(count).unwrap_or_default());
        tracing::warn!(component = %self.shared.name, filter = self.filter, count,
            "subscription ended with messages that nobody took");
    }

    /// The line, if it is one of its own that no stream needs. One whose subscription is not there
    /// yet is kept: given up half-way, it might be unsubscribed.
    fn is_idle(&self) -> Option<&Client> {
        let is_needed = !self.streams.is_empty() || self.subscribing.is_some();
        self.line.own_client().filter(|_| !is_needed)
    }

    /// Leaves the messages to the others of the share group until there is a stream again; but for
    /// those that the broker knows nothing of any more, since it was restarted: they stay here.
    /// While the broker is away, nobody can tell.
    async fn hang_up(&mut self) {
        self.take_in();
        let of_broker = self.deliveries.extract(|held| held.message.is_owed());
        let is_over = self.delivery.unsubscribe_on_close && self.end == End::Closed;
        if is_over {
            let ours = self.deliveries.clear();
            self.drop_orphans(ours.len());
        }
        self.line.hang_up(&self.shared, is_over).await;
        // Not before: the SDK might connect anew for them, or acknowledge them.
        drop(of_broker);
        self.messages = None;
        self.subscribe_at = None;
    }

    /// Takes what has come already, whether or not a stream has room.
    fn take_in(&mut self) {
        while let Some(message) = self.messages.as_mut().and_then(Messages::try_next) {
            self.handle_message(message);
        }
    }

    /// Ends with the instance. The broker sends again what it knows of; of the rest, nobody will
    /// hear.
    async fn close(mut self) {
        let over = Status::unavailable("the component instance is closed or initialised anew");
        self.end_streams(&over);
        self.unanswered.store(0, Ordering::Relaxed);
        self.take_in();
        let of_broker = self.deliveries.extract(|held| held.message.is_owed());
        let is_lost = |held: &Held| held.message.qos() != Qos::AtMostOnce;
        let lost = self.deliveries.extract(is_lost);
        self.drop_orphans(lost.len());
        // Before that, dropping the messages would acknowledge them.
        self.line.hang_up(&self.shared, false).await;
        drop((of_broker, lost));
    }
}
