//! A message that came in, and its acknowledgement.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::session::{Receipt, Shared};
use crate::{Properties, Qos};

/// A message that a subscription brought.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::{Publish, Qos, Subscribe};
///
/// let orders = Subscribe::to("orders/#").qos(Qos::ExactlyOnce).acknowledge_manually();
/// let mut orders = client.subscribe(orders).await?;
/// # client.publish(Publish::new("orders/4711", "2 gears").user_property("tenant", "a")).await?;
///
/// let order = orders.next().await.ok_or("the client has ended")?;
/// assert_eq!(order.topic(), "orders/4711");
/// assert_eq!(order.payload(), "2 gears");
/// assert_eq!(order.properties().user("tenant"), Some("a"));
/// // Written down first: until this, the message comes again after a crash.
/// order.acknowledge();
/// # Ok(())
/// # }
/// ```
pub struct Message {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    pub(crate) properties: Arc<Properties>,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) ticket: Option<Ticket>,
}

impl Message {
    /// The topic that it was published to.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What was published.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The quality of service with which it came: the lower one of publish and subscription.
    #[must_use]
    pub fn qos(&self) -> Qos {
        self.qos
    }

    /// Whether it was retained before the subscription was made.
    #[must_use]
    pub fn is_retained(&self) -> bool {
        self.retain
    }

    /// Whether the broker says that it has sent it before. It may be new all the same, to this
    /// process.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// Its properties.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Whether its Message Expiry Interval has passed since it came: nobody may want it any more.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_at.is_some_and(|at| at <= Instant::now())
    }

    /// What is left of its Message Expiry Interval.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        let at = self.expires_at?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Tells the broker that this message has been taken care of. Needed for subscriptions that
    /// [acknowledge manually](crate::Subscribe::acknowledge_manually); without effect for others,
    /// at QoS 0, and a second time.
    ///
    /// Messages may be acknowledged in any order. The acknowledgements leave in the order in which
    /// the messages came, as MQTT demands [MQTT-4.6.0-2], [MQTT-4.6.0-3]: one that is missing holds
    /// back all later ones, and with them, in the end, further messages.
    pub fn acknowledge(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.settle();
        }
    }

    /// Whether the broker waits for its acknowledgement, and sends it again without one. Not so at
    /// QoS 0, once it is acknowledged, and if the broker has lost the session that it came in.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_owed)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

/// One stream's share of a message's acknowledgement.
pub(crate) struct Ticket {
    shared: Arc<Shared>,
    receipt: Receipt,
    settled: AtomicBool,
}

impl Ticket {
    pub(crate) fn new(shared: Arc<Shared>, receipt: Receipt) -> Self {
        Self {
            shared,
            receipt,
            settled: AtomicBool::new(false),
        }
    }

    fn is_owed(&self) -> bool {
        let is_settled = self.settled.load(Ordering::Relaxed);
        !is_settled && self.shared.ledger().contains(self.receipt)
    }

    fn settle(&self) {
        if !self.settled.swap(true, Ordering::Relaxed) {
            self.shared.acknowledge(self.receipt);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !*self.settled.get_mut() {
            self.shared.abandon(self.receipt);
        }
    }
}
