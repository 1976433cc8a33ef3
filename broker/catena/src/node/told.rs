//! Tells the numbers on: keeps those of the workers fresh, and publishes `$SYS/broker/...`.

use std::sync::Arc;
use std::time::Duration;

use catena_backend::Backend;
use catena_frontend::{Handle, Refusal};
use catena_mqtt::Qos;
use catena_partition::Publish;
use catena_resources::SystemTopics;
use catena_telemetry::Clock;
use catena_telemetry::health::Component;
use catena_telemetry::metrics::ProcessSource;
use catena_telemetry::sys_topics::{Snapshot, SysTopics};
use catena_types::SessionId;
use tokio::time::{Interval, MissedTickBehavior};

use super::numbers::{Frontend, Numbers};

/// Who is asked, and who is told.
pub(super) struct Teller {
    pub(super) backend: Arc<Backend>,
    pub(super) frontend: Handle,
    pub(super) numbers: Arc<Numbers>,
    pub(super) process: Arc<ProcessSource>,
    pub(super) clock: Clock,
    pub(super) topics: SystemTopics,
    /// Ready once every worker has answered.
    pub(super) serving: Component,
}

impl Teller {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        self.refresh().await;
        self.serving.set_ready();
        let mut fresh = interval(REFRESH);
        let every = match self.topics {
            SystemTopics::Disabled => None,
            SystemTopics::Every(seconds) => Some(Duration::from_secs(seconds.to_u64())),
        };
        let mut topics = SysTopics::new(self.clock.now());
        let mut publish = every.map(interval);
        loop {
            tokio::select! {
                _ = fresh.tick() => self.refresh().await,
                () = tick(&mut publish) => {
                    self.refresh().await;
                    self.publish(&mut topics);
                }
            }
        }
    }

    async fn refresh(&self) {
        let workers = self.frontend.stats().await;
        self.numbers.tell(Frontend {
            told: self.clock.now(),
            workers,
            listeners: self.frontend.listeners(),
            refused: Refusal::ALL
                .map(|reason| (reason, self.frontend.refused(reason)))
                .to_vec(),
            most_connections_per_address: self.frontend.most_connections_per_address(),
            handshakes: self.frontend.handshakes(),
            handshakes_delayed: self.frontend.handshakes_delayed(),
        });
    }

    fn publish(&self, topics: &mut SysTopics) {
        let now = self.clock.now();
        let snapshot = Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: self.clock.uptime(),
            heap_bytes: self.process.resident_bytes(),
            ..self.numbers.snapshot()
        };
        for message in topics.handle_snapshot(now, &snapshot) {
            let publish = Publish {
                topic: &message.topic,
                qos: Qos::AtMostOnce,
                retain: true,
                expiry_seconds: None,
                properties: [b""; 3],
                payload: message.payload.as_bytes(),
                // No session has this number: nobody is left out by No Local.
                publisher: SessionId::from_packed(u64::MAX),
                random: 0,
            };
            self.backend.publish(&publish, now);
        }
    }
}

/// The first tick is at once.
fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// How old the workers' numbers may be.
const REFRESH: Duration = Duration::from_secs(1);
