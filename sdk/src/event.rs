//! What happens to a client's connection, for those who want to know.

use tokio::sync::broadcast;

use crate::{Error, Reason};

/// Something that happened to the connection or session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A connection was made.
    Connected {
        /// Whether the broker still had the session. If not, all subscriptions are made anew, and
        /// messages that were queued for the session are gone.
        session_present: bool,
    },
    /// The connection is gone. The client connects again by itself, unless
    /// [`Ended`](Self::Ended) follows.
    Disconnected {
        /// Why.
        error: Error,
    },
    /// A lost session was made anew, and the broker refused a subscription that it had granted
    /// before. Its stream has ended.
    SubscriptionLost {
        /// The filter.
        filter: String,
        /// The refusal.
        reason: Reason,
    },
    /// Messages came that no stream wanted; they were acknowledged and dropped. See
    /// [`Builder::claim_within`](crate::Builder::claim_within).
    Unclaimed {
        /// How many.
        count: usize,
    },
    /// The client is closed, or the broker refused it for good. Nothing follows.
    Ended {
        /// Why, if nobody closed it here.
        error: Option<Error>,
    },
}

/// A stream of [`Event`]s, from the moment when it was asked for: see
/// [`Client::events`](crate::Client::events).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::Event;
///
/// let mut events = client.events();
/// # client.close().await;
/// while let Some(event) = events.next().await {
///     match event {
///         Event::Disconnected { error } => eprintln!("offline: {error}"),
///         Event::Connected { session_present: false } => eprintln!("online, with a new session"),
///         Event::Ended { .. } => break,
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Events {
    pub(crate) receiver: broadcast::Receiver<Event>,
}

impl Events {
    /// The next event; `None` when the client has ended. Whoever asks too rarely misses the oldest.
    ///
    /// Cancel safe: no event is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
