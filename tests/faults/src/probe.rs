//! A well-behaved client beside all the others: it must get its answers about as fast as ever.

use std::time::Duration;

use catena_conformance::{Client, Options, QOS1, unique};
use catena_mqtt::Version;

use crate::broker::Broker;
use crate::wait::now;

/// How much slower an exchange may become, as a ratio. Far from what users would bear, but these
/// tests share few cores with the broker, with each other and with who knows what else.
const SLOWDOWN_MAX: u32 = 60;

/// Exchanges whose median is told.
const EXCHANGES: usize = 51;

/// A client that publishes to itself.
pub struct Probe {
    client: Client,
    topic: String,
    median: Duration,
}

impl Probe {
    /// Connects and measures what is usual.
    #[must_use]
    #[track_caller]
    pub fn start(broker: &Broker) -> Self {
        Self::with(broker, &Options::clean(Version::V5))
    }

    /// The same with credentials and whatever else.
    #[must_use]
    #[track_caller]
    pub fn with(broker: &Broker, options: &Options) -> Self {
        let topic = unique("probe");
        let mut client = broker.connect(options);
        client.subscribe(&topic, QOS1);
        let mut probe = Self {
            client,
            topic,
            median: Duration::ZERO,
        };
        // The first exchanges find nothing in caches.
        probe.measure();
        probe.median = probe.measure();
        probe
    }

    /// Sends a message to itself at QoS 1, acknowledged both ways.
    #[track_caller]
    pub fn exchange(&mut self) {
        let id = self.client.send_publish(&self.topic, "is all well?", QOS1);
        let message = self.client.receive_meant(is_publish);
        let message = message.message().map(|one| (one.topic.clone(), one));
        match message {
            Some((topic, message)) if topic == self.topic => self.client.acknowledge(&message),
            other => panic!("{other:?} for the probe"),
        }
        let reason = self.client.expect_puback(id);
        assert!(!reason.is_error(), "the probe is refused: {reason}");
    }

    /// Expects exchanges to be about as fast as at the start.
    #[track_caller]
    pub fn expect_quality(&mut self) {
        let median = self.measure();
        assert!(
            median <= self.median * SLOWDOWN_MAX,
            "an exchange takes {median:?}, before it took {:?}",
            self.median
        );
    }

    #[track_caller]
    fn measure(&mut self) -> Duration {
        let mut all: Vec<Duration> = (0..EXCHANGES)
            .map(|_| {
                let start = now();
                self.exchange();
                now() - start
            })
            .collect();
        all.sort_unstable();
        all[EXCHANGES / 2]
    }
}

fn is_publish(packet: &catena_mqtt::Packet<'_>) -> bool {
    matches!(packet, catena_mqtt::Packet::Publish(_))
}
