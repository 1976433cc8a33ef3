//! What other threads send to a worker.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::admission::Permit;
use super::listener::Listener;
use super::ready::{Signal, lock};
use super::stream::{Fresh, Layers};
use crate::worker::{Authentication, Stats, Verdict};

/// New connections on their way to one worker; beyond, accepting waits. Metric: none, as it only
/// delays.
const ARRIVALS_MAX: usize = 1_024;

/// A connection that is ready to speak MQTT.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) socket: Fresh,
    pub(crate) layers: Option<Box<Layers>>,
    /// Plain bytes that came with the handshake.
    pub(crate) early: Vec<u8>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) permit: Permit,
}

/// One message. Bounded: arrivals by their permits, verdicts by the authentication queue, the
/// others by their rarity.
#[derive(Debug)]
pub(crate) enum Message {
    Arrival(Box<Arrival>, OwnedSemaphorePermit),
    Verdict(Authentication, Verdict),
    Listen(Arc<Listener>),
    Stats(oneshot::Sender<Stats>),
    ShutDown,
}

/// A worker's mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// `None` when the worker has ended.
    messages: Mutex<Option<VecDeque<Message>>>,
    arrivals: Arc<Semaphore>,
    pub(crate) signal: Arc<Signal>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self {
            messages: Mutex::new(Some(VecDeque::new())),
            arrivals: Arc::new(Semaphore::new(ARRIVALS_MAX)),
            signal: Arc::default(),
        }
    }

    /// Sends a message; it is dropped if the worker has ended.
    pub(crate) fn send(&self, message: Message) {
        if let Some(messages) = lock(&self.messages).as_mut() {
            messages.push_back(message);
        }
        self.signal.raise();
    }

    /// The worker has ended.
    pub(crate) fn close(&self) {
        drop(lock(&self.messages).take());
    }

    /// Sends a new connection; waits while there are too many on their way.
    pub(crate) async fn send_arrival(&self, arrival: Box<Arrival>) {
        // The semaphore is never closed.
        if let Ok(permit) = Arc::clone(&self.arrivals).acquire_owned().await {
            self.send(Message::Arrival(arrival, permit));
        }
    }

    /// The next message.
    pub(crate) fn take(&self) -> Option<Message> {
        lock(&self.messages).as_mut()?.pop_front()
    }
}
