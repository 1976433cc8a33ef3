//! A subscription as a stream of messages.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::session::Stream as Parts;
use crate::{Client, Message, Qos};

/// The messages of one subscription, in the order in which they came. Also a
/// [`Stream`](futures_core::Stream).
///
/// The stream goes on across connections and lost sessions. It ends when the client does, or when
/// the broker refuses to make the subscription anew ([`Event::SubscriptionLost`]). It keeps the
/// client running, as any handle does.
///
/// **Acknowledgement.** A message counts as taken when the stream hands it out, unless the
/// subscription [acknowledges manually](crate::Subscribe::acknowledge_manually). A message that is
/// dropped unacknowledged comes again with the next connection; when so many are that none could
/// come any more, the client makes that connection.
///
/// **Back-pressure.** The broker sends no more unacknowledged messages than
/// [`receive_max`](crate::Builder::receive_max), over all streams of the client: a stream that
/// nobody reads holds up the others, in the end. Messages at QoS 0 that find no room are dropped
/// and [counted](Self::lost).
///
/// Dropping the stream unsubscribes, and acknowledges what was not handed out.
///
/// [`Event::SubscriptionLost`]: crate::Event::SubscriptionLost
#[derive(Debug)]
pub struct Messages {
    parts: Parts,
    manual: bool,
    lost: Arc<AtomicU64>,
    /// Keeps the driver running.
    _client: Client,
}

impl Messages {
    pub(crate) fn new(parts: Parts, manual: bool, lost: Arc<AtomicU64>, client: Client) -> Self {
        Self {
            parts,
            manual,
            lost,
            _client: client,
        }
    }

    /// The next message; `None` at the end of the stream.
    ///
    /// Cancel safe: no message is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        let message = self.parts.receiver.recv().await?;
        Some(self.hand_out(message))
    }

    /// A message that has come already.
    pub fn try_next(&mut self) -> Option<Message> {
        let message = self.parts.receiver.try_recv().ok()?;
        Some(self.hand_out(message))
    }

    /// The highest quality of service that the broker granted at first.
    #[must_use]
    pub fn granted(&self) -> Qos {
        self.parts.granted
    }

    /// How many messages at QoS 0 were dropped because the stream was read too slowly.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn hand_out(&self, message: Message) -> Message {
        if !self.manual {
            message.acknowledge();
        }
        message
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = ready!(self.parts.receiver.poll_recv(context));
        Poll::Ready(message.map(|message| self.hand_out(message)))
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        drain(&mut self.parts.receiver);
    }
}

/// Acknowledges what nobody will read: held back, it would hold up all later acknowledgements.
pub(crate) fn drain(receiver: &mut mpsc::Receiver<Message>) {
    receiver.close();
    while let Ok(message) = receiver.try_recv() {
        message.acknowledge();
    }
}
