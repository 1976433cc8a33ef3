//! Sends requests, and finds the response to each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::{Client, Error, Message, Messages, Publish, Reason, Subscribe, random};

/// Sends requests and waits for their responses. Cloning is cheap; all clones share one
/// subscription to the topic of responses.
///
/// The other side takes [requests](Client::requests), and [replies](crate::Request::reply) to each.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use std::time::Duration;
/// use catena_sdk::Requester;
///
/// let mut requests = client.requests("plant/line-1/start").await?;
/// let answering = async {
///     let request = requests.next().await.ok_or("the client has ended")?;
///     request.reply("started").await?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// };
///
/// let requester = Requester::new(&client).await?;
/// let asking = requester.request(("plant/line-1/start", ""), Duration::from_secs(5));
///
/// let (response, answered) = tokio::join!(asking, answering);
/// answered?;
/// assert_eq!(response?.payload(), "started");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Requester {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    topic: String,
    waiting: Arc<Waiting>,
    /// Ends when this is dropped.
    _reader: JoinSet<()>,
}

/// Who waits for which response. Bounded by the calls that are under way; none when the
/// subscription has ended.
#[derive(Debug)]
struct Waiting {
    calls: Mutex<Option<HashMap<Bytes, oneshot::Sender<Message>>>>,
}

/// Forgets a call that is over, however it ended.
struct Call<'a> {
    waiting: &'a Waiting,
    correlation: Bytes,
}

impl Requester {
    /// Subscribes to a topic for responses that nobody else has: `clients/ID/responses/RANDOM`.
    ///
    /// # Errors
    ///
    /// See [`Client::subscribe`].
    pub async fn new(client: &Client) -> Result<Self, Error> {
        let prefix = format!("clients/{}/responses/", client.client_id());
        Self::with_topic(client, random::name(&prefix)).await
    }

    /// Subscribes to a topic of one's own for responses.
    ///
    /// # Errors
    ///
    /// See [`Client::subscribe`].
    pub async fn with_topic(client: &Client, topic: impl Into<String>) -> Result<Self, Error> {
        let topic = topic.into();
        let messages = client.subscribe(Subscribe::to(topic.as_str())).await?;
        let waiting = Arc::new(Waiting {
            calls: Mutex::new(Some(HashMap::new())),
        });
        let mut reader = JoinSet::new();
        reader.spawn(read(messages, Arc::clone(&waiting)));
        let inner = Inner {
            client: client.clone(),
            topic,
            waiting,
            _reader: reader,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The client that requests go through.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Publishes a request, and returns the response. Response topic, correlation data and, unless
    /// it is shorter, the message expiry of the request are set here: nobody gets a request that is
    /// not waited for any more.
    ///
    /// Cancel safe in the sense that nothing is left behind; the request may have been sent.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]; [`Error::Refused`] with the reason
    /// [`NO_MATCHING_SUBSCRIBERS`](Reason::NO_MATCHING_SUBSCRIBERS) if the broker says that nobody
    /// can answer; else as [`Client::publish`].
    pub async fn request(
        &self,
        request: impl Into<Publish>,
        timeout: Duration,
    ) -> Result<Message, Error> {
        let mut request = request.into();
        let correlation = self.address(&mut request);
        let properties = &mut request.properties;
        properties.expiry = Some(properties.expiry.map_or(timeout, |own| own.min(timeout)));
        let (answer, answered) = oneshot::channel();
        let waiting = &*self.inner.waiting;
        match &mut *waiting.calls() {
            Some(calls) => calls.insert(correlation.clone(), answer),
            None => return Err(Error::Closed),
        };
        let _call = Call {
            waiting,
            correlation,
        };
        let asking = async {
            let published = self.inner.client.publish(request).await?;
            if published.is_unheard() {
                let reason = Reason::NO_MATCHING_SUBSCRIBERS;
                return Err(Error::Refused { reason, text: None });
            }
            answered.await.map_err(|_| Error::ClosedUnanswered)
        };
        let asked = tokio::time::timeout(timeout, asking).await;
        asked.unwrap_or(Err(Error::TimedOut { after: timeout }))
    }

    /// Sends a request whose response nobody waits for.
    pub(crate) fn tell(&self, mut request: Publish) -> Result<(), Error> {
        self.address(&mut request);
        self.inner.client.try_enqueue(request).map(drop)
    }

    /// Where the response goes, and what it is known by.
    fn address(&self, request: &mut Publish) -> Bytes {
        let correlation = Bytes::copy_from_slice(&random::bytes());
        let properties = &mut request.properties;
        properties.response_topic = Some(self.inner.topic.clone());
        properties.correlation_data = Some(correlation.clone());
        correlation
    }
}

impl Message {
    /// The response to this request: to its response topic, with its correlation data, at its
    /// quality of service, and not longer of interest than the request.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it asks for no response.
    pub fn response(&self, payload: impl Into<Bytes>) -> Result<Publish, Error> {
        let Some(topic) = &self.properties.response_topic else {
            return Err(Error::invalid("request", "it has no response topic"));
        };
        let mut response = Publish::new(topic.as_str(), payload).qos(self.qos);
        response.properties.correlation_data = self.properties.correlation_data.clone();
        response.properties.expiry = self.properties.expiry;
        Ok(response)
    }
}

async fn read(mut messages: Messages, waiting: Arc<Waiting>) {
    while let Some(message) = messages.next().await {
        let correlation = message.properties.correlation_data.as_ref();
        let call = correlation.and_then(|data| waiting.calls().as_mut()?.remove(data));
        match call {
            Some(call) => {
                // Whoever asked may have stopped waiting.
                let _ = call.send(message);
            }
            None => tracing::debug!("a response came that nobody waits for"),
        }
    }
    // Nobody gets a response any more.
    waiting.calls().take();
}

impl Waiting {
    fn calls(&self) -> MutexGuard<'_, Option<HashMap<Bytes, oneshot::Sender<Message>>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(calls) = &mut *self.waiting.calls() {
            calls.remove(&self.correlation);
        }
    }
}
