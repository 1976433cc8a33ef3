//! Takes requests, and answers them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::{Client, Error, Message, Messages, Published, Subscribe};

/// The requests that come to a topic, in the order in which they came: the responder's side of a
/// [`Requester`](crate::Requester), from [`Client::requests`]. Also a
/// [`Stream`](futures_core::Stream).
///
/// A request is acknowledged when it has been answered. One that is dropped before, or whose
/// responder dies, comes again with the next connection of the session: what is done for it should
/// do no harm twice. Messages without a response topic are no requests: they are acknowledged and
/// left out.
///
/// Several responders share the work by a filter `$share/GROUP/FILTER`.
#[derive(Debug)]
pub struct Requests {
    messages: Messages,
    client: Client,
}

/// A request, which has to be [answered](Self::reply).
#[derive(Debug)]
#[must_use = "a request that is dropped comes again"]
pub struct Request {
    message: Message,
    client: Client,
}

impl Client {
    /// Subscribes to requests, and returns the stream of them when the broker has granted it.
    ///
    /// What counts against [`receive_max`](crate::Builder::receive_max) are the requests that are
    /// not answered yet: so many can be worked on at once.
    ///
    /// # Errors
    ///
    /// See [`Client::subscribe`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let client = catena_sdk::Client::connect(&broker.url()).await?;
    /// use std::time::Duration;
    /// use catena_sdk::Requester;
    ///
    /// let mut requests = client.requests("plant/+/start").await?;
    /// tokio::spawn(async move {
    ///     while let Some(request) = requests.next().await {
    ///         let line = request.message().topic().to_owned();
    ///         if let Err(error) = request.reply(format!("{line} done")).await {
    ///             eprintln!("{line}: {error}");
    ///         }
    ///     }
    /// });
    ///
    /// let requester = Requester::new(&client).await?;
    /// let request = ("plant/line-1/start", "now");
    /// let response = requester.request(request, Duration::from_secs(5)).await?;
    /// assert_eq!(response.payload(), "plant/line-1/start done");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn requests(&self, subscribe: impl Into<Subscribe>) -> Result<Requests, Error> {
        let subscribe = subscribe.into().acknowledge_manually();
        let messages = self.subscribe(subscribe).await?;
        let client = self.clone();
        Ok(Requests { messages, client })
    }
}

impl Requests {
    /// The next request; `None` at the end of the stream, which is that of
    /// [`Messages`](crate::Messages).
    ///
    /// Cancel safe: no request is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Request> {
        loop {
            let message = self.messages.next().await?;
            if let Some(request) = self.hand_out(message) {
                return Some(request);
            }
        }
    }

    fn hand_out(&self, message: Message) -> Option<Request> {
        if message.properties().response_topic.is_none() {
            tracing::debug!(topic = message.topic(), "a message that is no request");
            message.acknowledge();
            return None;
        }
        let client = self.client.clone();
        Some(Request { message, client })
    }
}

impl Stream for Requests {
    type Item = Request;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            let Some(message) = ready!(Pin::new(&mut self.messages).poll_next(context)) else {
                return Poll::Ready(None);
            };
            if let Some(request) = self.hand_out(message) {
                return Poll::Ready(Some(request));
            }
        }
    }
}

impl Request {
    /// What was asked, with topic and properties.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The payload of what was asked.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        self.message.payload()
    }

    /// Publishes the [response](Message::response), and acknowledges the request when the broker
    /// has that. [`Published::is_unheard`] tells that nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`]. If the same may succeed later, the request comes again with the next
    /// connection; else it counts as answered.
    pub async fn reply(self, payload: impl Into<Bytes>) -> Result<Published, Error> {
        let response = self.message.response(payload)?;
        let answered = self.client.publish(response).await;
        let comes_again = answered.as_ref().is_err_and(Error::is_retryable);
        if !comes_again {
            self.message.acknowledge();
        }
        answered
    }

    /// Acknowledges the request without a response: whoever asks will have waited in vain.
    pub fn ignore(self) {
        self.message.acknowledge();
    }
}
