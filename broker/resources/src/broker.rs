//! The `Broker` resource: what holds for the process as a whole.

mod clients;
mod diagnostics;
mod extension;
mod limits;
mod read;
mod settings;
mod storage;

pub use limits::{Limits, MaximumQos, StateStoreLimits};
pub(crate) use read::read;
pub use settings::{
    Admin, AnonymousAccess, BrokerSettings, Cardinality, DiskBuffer, Log, LogFilter, LogFormat,
    MemoryProfile, Partitions, Persistence, QueueStrategy, SelfCheck, SharedSubscriptionStrategy,
    SubscriberQueue, SystemTopics, Traces, Workers,
};
