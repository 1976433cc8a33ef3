//! The numbers of frontend and backend, as metrics and as what `$SYS` topics are made from.

mod clients;
mod limits;
mod state_store;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use catena_backend::Backend;
use catena_frontend::worker::Stats;
use catena_frontend::{ListenerStatus, Refusal};
use catena_resources::BrokerSettings;
use catena_telemetry::metrics::{Collect, Samples, Totals, table};
use catena_telemetry::sys_topics::Snapshot;
use catena_types::Moment;

/// What the frontend's workers told last. They are asked once a second: a scrape must not wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontend {
    /// When they told it.
    pub(super) told: Moment,
    pub(super) workers: Vec<Stats>,
    pub(super) listeners: Vec<ListenerStatus>,
    /// Connections refused before MQTT, by reason.
    pub(super) refused: Vec<(Refusal, u64)>,
    pub(super) most_connections_per_address: u32,
    pub(super) handshakes: u32,
    pub(super) handshakes_delayed: u64,
}

impl Frontend {
    fn sum(&self, of: impl Fn(&Stats) -> u64) -> u64 {
        self.workers.iter().map(of).sum()
    }

    fn publishes_received(&self) -> u64 {
        self.sum(|stats| stats.connection.publishes_received.iter().sum())
    }

    fn publishes_sent(&self) -> u64 {
        self.sum(|stats| stats.connection.publishes_sent.iter().sum())
    }

    /// QoS 0 deliveries that were dropped, expired or were too large for their receiver.
    fn dropped(&self) -> u64 {
        self.sum(|stats| {
            let connection = &stats.connection;
            let unfit = connection.deliveries_expired + connection.deliveries_too_large;
            stats.deliveries_dropped + unfit
        })
    }
}

/// How many publishes came and went in a second, lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rates {
    received: f64,
    sent: f64,
}

impl Rates {
    /// Between two times that the workers told.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is shown, not counted on"
    )]
    fn between(before: &Frontend, after: &Frontend) -> Option<Self> {
        let seconds = after.told.since(before.told).as_secs_f64();
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        (seconds > 0.0).then(|| Self {
            received: rate(before.publishes_received(), after.publishes_received()),
            sent: rate(before.publishes_sent(), after.publishes_sent()),
        })
    }
}

/// What may change while numbers are asked for.
#[derive(Debug)]
struct Told {
    frontend: Frontend,
    rates: Rates,
    /// Sessions that have ended.
    removed: u64,
    settings: BrokerSettings,
}

/// A source of samples: the backend as it is, the frontend as it was told last.
pub(crate) struct Numbers {
    backend: Arc<Backend>,
    told: Mutex<Told>,
}

impl Numbers {
    pub(super) fn new(backend: Arc<Backend>, settings: BrokerSettings) -> Self {
        Self {
            backend,
            told: Mutex::new(Told {
                frontend: Frontend::default(),
                rates: Rates::default(),
                removed: 0,
                settings,
            }),
        }
    }

    /// The workers have told their numbers.
    pub(super) fn tell(&self, frontend: Frontend) {
        let sessions = self.backend.stats().partitions.sessions;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Sessions that began since the workers told are among those of now: never too many.
        let created = frontend.sum(|stats| stats.sessions_created);
        told.removed = told.removed.max(created.saturating_sub(sessions));
        if let Some(rates) = Rates::between(&told.frontend, &frontend) {
            told.rates = rates;
        }
        told.frontend = frontend;
    }

    /// The limits are these from now on.
    pub(crate) fn set_settings(&self, settings: BrokerSettings) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.settings = settings;
    }

    /// What `$SYS` topics are made from, but for what the process knows of itself.
    pub(super) fn snapshot(&self) -> Snapshot {
        let stats = self.backend.stats();
        let (store, routing) = (&stats.partitions, &stats.routing);
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let frontend = &told.frontend;
        let store_dropped = store.dropped_oldest + store.dropped_expired + store.dropped_memory;
        Snapshot {
            totals: Totals {
                connects_received: frontend.sum(|stats| stats.connection.packets_received[1]),
                packets_received: frontend
                    .sum(|stats| stats.connection.packets_received.iter().sum()),
                packets_sent: frontend.sum(|stats| stats.connection.packets_sent.iter().sum()),
                bytes_received: frontend.sum(|stats| stats.bytes_received),
                bytes_sent: frontend.sum(|stats| stats.bytes_sent),
                publishes_received: frontend.publishes_received(),
                publishes_sent: frontend.publishes_sent(),
                payload_bytes_received: frontend
                    .sum(|stats| stats.connection.payload_bytes_received),
                payload_bytes_sent: frontend.sum(|stats| stats.connection.payload_bytes_sent),
                messages_dropped: frontend.dropped() + store_dropped,
            },
            sockets_opened: frontend.sum(|stats| stats.connections_opened),
            clients_connected: store.connected,
            clients_total: store.sessions,
            clients_expired: store.sessions_expired,
            stored_messages: store.messages,
            stored_bytes: store.bytes,
            retained_messages: store.retained,
            subscriptions: routing.subscriptions as u64,
            shared_subscriptions: routing.shared_subscriptions as u64,
            ..Snapshot::default()
        }
    }
}

impl Collect for Numbers {
    fn collect(&self, samples: &mut Samples) {
        let stats = self.backend.stats();
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        clients::collect(&told.frontend, told.rates, samples);
        samples.add(&table::CLIENT_REMOVED, [], told.removed);
        store::collect(&stats, &told.settings, samples);
        state_store::collect(
            &stats.partitions.store,
            &told.frontend,
            &told.settings,
            samples,
        );
        limits::collect(&stats, &told.frontend, &told.settings, samples);
    }
}

/// One process is one chain, as far as those who read the compatible metrics can tell.
const CHAIN: &str = "1";

/// Clients are not told apart by category.
const CATEGORY: &str = "uncategorized";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_those_of_the_time_between() {
        let at = |seconds, received, sent| {
            let mut stats = Stats::default();
            stats.connection.publishes_received = [received, 0, 0];
            stats.connection.publishes_sent = [0, sent, 0];
            Frontend {
                told: Moment::ZERO.plus(Duration::from_secs(seconds)),
                workers: vec![stats],
                ..Frontend::default()
            }
        };
        let rates = Rates::between(&at(1, 10, 0), &at(3, 30, 1)).unwrap();
        assert_eq!((rates.received, rates.sent), (10.0, 0.5));
        assert_eq!(Rates::between(&at(1, 10, 0), &at(1, 30, 1)), None);
    }
}
