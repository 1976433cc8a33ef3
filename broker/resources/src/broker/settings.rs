//! The parsed `Broker`: every value is in its range, every name is a variant.

use std::fmt;

use core::net::SocketAddr;

use crate::bounded::Bounded;
use crate::broker::limits::Limits;
use crate::choice::choice;
use crate::names::ResourceName;

/// What holds for the process as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// The resource's name; `default` where no document says another.
    pub name: ResourceName,
    /// How much memory messages may take (`spec.memoryProfile`).
    pub memory_profile: MemoryProfile,
    /// The shape of a cluster (`spec.cardinality`); a single process takes from it only what
    /// `workers` and `partitions` say.
    pub cardinality: Option<Cardinality>,
    /// Number of partitions, fixed for the life of the state (`spec.catena.partitions`; else
    /// partitions × workers of the backend chain; else a default).
    pub partitions: Partitions,
    /// Number of worker threads (`spec.catena.workers`; else `spec.cardinality.frontend.workers`;
    /// else one per core).
    pub workers: Workers,
    /// Limits on clients and memory.
    pub limits: Limits,
    /// The queue of one subscriber (`spec.advanced.clients.subscriberQueueLimit`).
    pub subscriber_queue: SubscriberQueue,
    /// Who of a share group gets a message (`spec.catena.sharedSubscriptionStrategy`).
    pub shared_subscription_strategy: SharedSubscriptionStrategy,
    /// Topic filters that nobody may subscribe to, as clients would write them, without
    /// `$share/…/` (`spec.catena.refusedFilters`).
    pub refused_filters: Vec<String>,
    /// Whether refusals are explained in a Reason String (`spec.catena.reasonStrings`).
    pub reason_strings: bool,
    /// Topics under `$SYS` (`spec.catena.systemTopics`).
    pub system_topics: SystemTopics,
    /// Where clients may connect without authentication (`spec.catena.anonymous`).
    pub anonymous: AnonymousAccess,
    /// Logging (`spec.diagnostics.logs`, `spec.catena.logFormat`).
    pub log: Log,
    /// Where metrics and health are served (`spec.diagnostics.metrics.prometheusPort`,
    /// `spec.catena.adminAddress`).
    pub admin: Admin,
    /// The self-check (`spec.diagnostics.selfCheck`); `None` if it is off.
    pub self_check: Option<SelfCheck>,
    /// Traces (`spec.diagnostics.traces`); `None` if they are off.
    pub traces: Option<Traces>,
    /// The disk-backed message buffer (`spec.diskBackedMessageBuffer`); `None` if it is off.
    pub disk_buffer: Option<DiskBuffer>,
    /// Persistence (`spec.persistence`); `None` if it is off.
    pub persistence: Option<Persistence>,
}

/// Number of partitions.
pub type Partitions = Bounded<1, 256>;

choice! {
    /// How much memory messages may take, and how large one may be.
    pub MemoryProfile {
        /// 16 MiB of messages, packets up to 4 MiB.
        Tiny = "Tiny",
        /// 64 MiB of messages, packets up to 16 MiB.
        Low = "Low",
        /// 576 MiB of messages, packets up to 64 MiB.
        Medium = "Medium",
        /// 2 GiB of messages, packets up to what the protocol allows.
        High = "High",
    }
}

/// The shape of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cardinality {
    /// Frontend processes.
    pub frontend_replicas: Bounded<1, 16>,
    /// Worker threads of one frontend.
    pub frontend_workers: Bounded<1, 16>,
    /// Chains of backends.
    pub backend_partitions: Bounded<1, 16>,
    /// Copies of each partition.
    pub redundancy_factor: Bounded<1, 5>,
    /// Worker threads of one backend.
    pub backend_workers: Bounded<1, 16>,
}

/// Number of worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// As many as the process may use cores.
    PerCore,
    /// This many.
    Exactly(Bounded<1, 256>),
}

/// How long the queue of one subscriber may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberQueue {
    /// What happens at `length` or `bytes`.
    pub strategy: QueueStrategy,
    /// Messages, not counting those in flight.
    pub length: Option<Bounded<1, 9_223_372_036_854_775_807>>,
    /// Bytes of these messages (`spec.catena.limits.queueBytes`).
    pub bytes: Option<Bounded<1, { 1 << 50 }>>,
}

choice! {
    /// What happens when a subscriber's queue is full.
    pub QueueStrategy {
        /// It is never full: it grows until the session expires or memory as a whole is full.
        None = "None",
        /// The oldest message makes room for the new one, and is counted.
        DropOldest = "DropOldest",
    }
}

choice! {
    /// Which member of a share group gets a message.
    pub SharedSubscriptionStrategy {
        /// Each connected member in turn.
        RoundRobin = "RoundRobin",
        /// Any connected member.
        Random = "Random",
        /// The same member as long as it stays connected.
        Sticky = "Sticky",
        /// By a hash of the topic name.
        HashTopic = "HashTopic",
        /// By a hash of the publisher's client ID.
        HashClient = "HashClient",
    }
}

/// The topics under `$SYS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemTopics {
    /// None.
    Disabled,
    /// Published at this interval in seconds.
    Every(Bounded<1, 3_600>),
}

choice! {
    /// Where clients may connect without authentication: on ports without an
    /// `authenticationRef`.
    pub AnonymousAccess {
        /// Nowhere: every port needs authentication.
        Refused = "Refused",
        /// On loopback addresses and Unix sockets, and where a port says so itself.
        Loopback = "Loopback",
        /// Everywhere.
        Allowed = "Allowed",
    }
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which events are logged.
    pub level: LogFilter,
    /// How a line looks.
    pub format: LogFormat,
}

/// A log level, or a list of levels per target such as `debug,hyper=off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    const LEVELS: [&'static str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

    /// The filter, if each part of it is a level or `target=level`.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let valid = parts.iter().all(|part| {
            let (target, level) = part.split_once('=').unwrap_or(("all", part));
            let named = |c: char| c.is_ascii_alphanumeric() || "_:-".contains(c);
            !target.is_empty()
                && target.chars().all(named)
                && Self::LEVELS
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(level))
        });
        valid.then(|| Self(parts.join(",").to_lowercase()))
    }

    /// What is logged where nothing says more or less.
    pub(crate) fn info() -> Self {
        Self("info".to_owned())
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

choice! {
    /// How a line of the log looks.
    pub LogFormat {
        /// For people.
        Text = "Text",
        /// One JSON object a line.
        Json = "Json",
    }
}

/// Where metrics and health are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Nowhere.
    Off,
    /// At this address; port 0 (from a flag only) lets the system choose.
    At(SocketAddr),
}

/// The probe that publishes to and receives from the broker itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfCheck {
    /// Seconds between two checks.
    pub interval_seconds: Bounded<30, 300>,
    /// Seconds after which a check has failed.
    pub timeout_seconds: Bounded<5, 120>,
}

/// Traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traces {
    /// Megabytes of traces kept.
    pub cache_megabytes: Bounded<1, 128>,
    /// Seconds between traces that the broker starts itself; `None` if it starts none.
    pub self_tracing_interval_seconds: Option<Bounded<1, 300>>,
    /// Spans waiting to be taken up.
    pub span_channel_capacity: Bounded<1_000, 100_000>,
}

/// The disk-backed message buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskBuffer {
    /// Bytes on disk at most.
    pub bytes: Bounded<1, { 1 << 60 }>,
}

/// Persistence on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Bytes on disk at most.
    pub bytes: Bounded<100_000_000, { 1 << 60 }>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_filters() {
        let parse = |text| LogFilter::parse(text).map(|filter| filter.0);
        assert_eq!(parse("INFO"), Some("info".into()));
        assert_eq!(parse("debug, hyper=off"), Some("debug,hyper=off".into()));
        assert_eq!(
            parse("catena_frontend::accept=trace"),
            Some("catena_frontend::accept=trace".into())
        );
        for wrong in ["", "loud", "hyper=", "=info", "info,,warn", "a b=info"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
