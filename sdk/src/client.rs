//! The handle of a client.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::builder::Options;
use crate::driver::{Control, Driver, Ends, Status};
use crate::publish::Pending;
use crate::session::{Outgoing, Shared};
use crate::{Builder, Error, Event, Events, Messages, Publish, Published, Subscribe, tasks};

/// A client of a broker. Cloning is cheap, and all clones are the same client: one connection, one
/// session.
///
/// The client connects again by itself whenever the connection breaks. What was published at QoS 1
/// or 2 and not answered is then sent again; subscriptions are made again only if the broker has
/// lost the session.
///
/// When the last handle has gone ([`Client`] or [`Messages`]), the client waits for the answers to
/// what was published, for a [limited time](Builder::close_within), and disconnects.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let url = broker.url();
/// use catena_sdk::{Client, Publish, Subscribe};
/// use std::time::Duration;
///
/// let client = Client::builder(&url)
///     .client_id("line-1")
///     .session_expiry(Duration::from_secs(3600))
///     .will(("line-1/alive", "no"), Duration::from_secs(5))
///     .connect()
///     .await?;
/// client.publish(Publish::new("line-1/alive", "yes").retain()).await?;
///
/// // Each part of the program has a handle of its own.
/// let commands = client.clone();
/// let stop = tokio::spawn(async move {
///     let mut stop = commands.subscribe(Subscribe::to("line-1/stop")).await?;
///     Ok::<_, catena_sdk::Error>(stop.next().await)
/// });
/// # client.connected().await?;
/// # while client.publish(("line-1/stop", "now")).await?.is_unheard() {}
/// assert!(stop.await??.is_some());
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client_id: String,
    publishes: mpsc::Sender<Outgoing>,
    control: mpsc::Sender<Control>,
    events: broadcast::Sender<Event>,
    status: watch::Receiver<Status>,
    ended: Arc<OnceLock<Error>>,
    driver: Mutex<Option<JoinHandle<()>>>,
}

/// Subscriptions and the like that may wait for the driver. They are few, and it is quick.
const CONTROL_LEN_MAX: usize = 16;

/// Events that a slow listener may be behind.
const EVENTS_LEN_MAX: usize = 64;

impl Client {
    /// Options for a client of the broker at `url`: `mqtt://HOST[:1883]`, `mqtts://HOST[:8883]`,
    /// `ws://HOST[:80]/PATH`, `wss://HOST[:443]/PATH`, or `unix:///PATH`.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    /// Connects with the default options.
    ///
    /// # Errors
    ///
    /// See [`Builder::connect`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let url = broker.url();
    /// use catena_sdk::Client;
    ///
    /// let client = Client::connect(&url).await?;
    /// client.publish(("plant/line-1", "21.5")).await?;
    /// client.close().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    pub(crate) async fn connect_with(options: Options) -> Result<Self, Error> {
        let (first, connected) = oneshot::channel();
        let client = Self::drive(options, Some(first));
        match connected.await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::Closed),
        }
    }

    pub(crate) fn start_with(options: Options) -> Self {
        Self::drive(options, None)
    }

    fn drive(options: Options, first: Option<oneshot::Sender<Result<(), Error>>>) -> Self {
        let (publishes, publishes_taken) = mpsc::channel(options.queue_len_max);
        let (control, control_taken) = mpsc::channel(CONTROL_LEN_MAX);
        let (events, _) = broadcast::channel(EVENTS_LEN_MAX);
        let (status, status_seen) = watch::channel(Status::Connecting);
        let ended = Arc::new(OnceLock::new());
        let client_id = options.client_id.clone();
        let ends = Ends {
            publishes: publishes_taken,
            control: control_taken,
            events: events.clone(),
            status,
            ended: Arc::clone(&ended),
            first,
        };
        let driver = Driver::new(Arc::new(options), Arc::new(Shared::new()), ends);
        let driver = tasks::start(driver);
        let inner = Inner {
            client_id,
            publishes,
            control,
            events,
            status: status_seen,
            ended,
            driver: Mutex::new(Some(driver)),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The client ID, given or made up.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.inner.client_id
    }

    /// Publishes a message, and returns when the broker has answered: with PUBACK at QoS 1, with
    /// PUBCOMP at QoS 2. At QoS 0, when the message has been given to the network.
    ///
    /// Publishes of one client arrive in the order in which this was called, per QoS.
    ///
    /// Waits while the queue is full, and for as long as there is no connection. Not cancel safe in
    /// the sense that the message may or may not be sent if the future is dropped; nothing else is
    /// affected. To send surely and wait later, or never, use [`enqueue`](Self::enqueue).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by the broker, with its reason; [`Error::SessionLost`] at QoS 2 and
    /// [`Error::ConnectionLost`] at QoS 0; [`Error::Invalid`]; [`Error::Closed`] and
    /// [`Error::ClosedUnanswered`]; what [ended](Event::Ended) the client.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let client = catena_sdk::Client::connect(&broker.url()).await?;
    /// use catena_sdk::{Publish, Qos};
    ///
    /// let published = client
    ///     .publish(Publish::new("plant/alarm", "stop").qos(Qos::ExactlyOnce).retain())
    ///     .await?;
    /// assert!(!published.reason().is_refusal());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish(&self, publish: impl Into<Publish>) -> Result<Published, Error> {
        self.enqueue(publish).await?.await
    }

    /// Puts a message into the queue, and returns the future of the broker's answer. Waits while
    /// the queue is full: [`queue_len_max`](Builder::queue_len_max) bounds it, and
    /// [`in_flight_max`](Builder::in_flight_max) what is on its way.
    ///
    /// Cancel safe: if the future is dropped, the message is not sent.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]; what ended the client.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let client = catena_sdk::Client::connect(&broker.url()).await?;
    /// let mut pending = Vec::new();
    /// for value in ["1", "2", "3"] {
    ///     pending.push(client.enqueue(("plant/count", value)).await?);
    /// }
    /// for answer in pending {
    ///     answer.await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn enqueue(&self, publish: impl Into<Publish>) -> Result<Pending, Error> {
        let (outgoing, pending) = outgoing(publish.into())?;
        let sent = self.inner.publishes.send(outgoing).await;
        sent.map_err(|_| self.inner.why_ended())?;
        Ok(pending)
    }

    /// As [`enqueue`](Self::enqueue), without waiting.
    ///
    /// # Errors
    ///
    /// Also [`Error::Full`].
    pub fn try_enqueue(&self, publish: impl Into<Publish>) -> Result<Pending, Error> {
        let (outgoing, pending) = outgoing(publish.into())?;
        match self.inner.publishes.try_send(outgoing) {
            Ok(()) => Ok(pending),
            Err(TrySendError::Full(_)) => Err(Error::Full),
            Err(TrySendError::Closed(_)) => Err(self.inner.why_ended()),
        }
    }

    /// Subscribes, and returns the stream of messages when the broker has granted it.
    ///
    /// Filters of one client may overlap: a message goes to every stream whose filter matches.
    /// Brokers that send a copy of it for each subscription, as mosquitto does, cannot be told from
    /// those that send one for all, as Catena does: with them, streams that overlap may get it more
    /// than once. A client for each such stream avoids that.
    ///
    /// Waits for as long as there is no connection. Cancel safe: if the future is dropped, the
    /// subscription is taken back.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by the broker, with its reason; [`Error::Invalid`], also for a filter
    /// that this client has a stream of already; what ended the client.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let client = catena_sdk::Client::connect(&broker.url()).await?;
    /// use catena_sdk::Subscribe;
    ///
    /// let mut messages = client
    ///     .subscribe(Subscribe::to("plant/#").acknowledge_manually())
    ///     .await?;
    /// client.publish(("plant/line-1", "21.5")).await?;
    ///
    /// let message = messages.next().await.ok_or("the client has ended")?;
    /// assert_eq!(message.topic(), "plant/line-1");
    /// message.acknowledge();
    /// # Ok(())
    /// # }
    /// ```
    pub async fn subscribe(&self, subscribe: impl Into<Subscribe>) -> Result<Messages, Error> {
        let subscribe = subscribe.into();
        subscribe.check()?;
        let manual = subscribe.manual;
        let lost = Arc::new(AtomicU64::new(0));
        let (answer, answered) = oneshot::channel();
        let control = Control::Subscribe {
            subscribe,
            lost: Arc::clone(&lost),
            answer,
        };
        let sent = self.inner.control.send(control).await;
        sent.map_err(|_| self.inner.why_ended())?;
        let answer = answered.await.map_err(|_| self.inner.why_ended())?;
        Ok(Messages::new(answer?, manual, lost, self.clone()))
    }

    /// Whether there is a connection now. It may break at any moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(*self.inner.status.borrow(), Status::Up)
    }

    /// Why there is no connection now: how the last one, or the last attempt at one, has ended.
    /// `None` while there is one, and before the first attempt has failed.
    #[must_use]
    pub fn trouble(&self) -> Option<Error> {
        match &*self.inner.status.borrow() {
            Status::Connecting | Status::Up => None,
            Status::Down(error) => Some(error.clone()),
        }
    }

    /// Returns when there is a connection; at once if there is one. Cancel safe.
    ///
    /// # Errors
    ///
    /// What ended the client.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let url = broker.url();
    /// use catena_sdk::Client;
    ///
    /// let client = Client::builder(&url).start()?;
    /// client.connected().await?;
    /// assert!(client.is_connected() && client.trouble().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connected(&self) -> Result<(), Error> {
        let mut status = self.inner.status.clone();
        let up = status.wait_for(|status| matches!(status, Status::Up)).await;
        up.map(|_| ()).map_err(|_| self.inner.why_ended())
    }

    /// What happens to the connection from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events {
            receiver: self.inner.events.subscribe(),
        }
    }

    /// Waits for the answers to what was published, for a [limited time](Builder::close_within),
    /// disconnects, and returns when that is done. Streams end; further calls fail.
    ///
    /// The session stays with the broker until it expires.
    ///
    /// Cancel safe: if the future is dropped, the client closes all the same, unless it was dropped
    /// at once.
    pub async fn close(&self) {
        // It has ended, or ends by itself.
        let _ = self.inner.control.send(Control::Close).await;
        // Whoever is first waits for the task; for others, its channel closes.
        let driver = self.inner.driver.lock();
        let driver = driver.unwrap_or_else(PoisonError::into_inner).take();
        match driver {
            Some(driver) => {
                // A panic has been told where it happened.
                let _ = driver.await;
            }
            None => self.inner.publishes.closed().await,
        }
    }
}

impl Inner {
    fn why_ended(&self) -> Error {
        self.ended.get().cloned().unwrap_or(Error::Closed)
    }
}

fn outgoing(publish: Publish) -> Result<(Outgoing, Pending), Error> {
    publish.check()?;
    let (answer, receiver) = oneshot::channel();
    let pending = Pending { answer: receiver };
    Ok((Outgoing { publish, answer }, pending))
}
