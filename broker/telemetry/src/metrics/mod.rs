//! Metrics: definitions, counters, and the registry that collects them at scrape time.
//!
//! Nothing is added up while messages flow: a worker counts for itself. A scrape asks every
//! registered [`Collect`] source for its samples, adds up those of the same name and labels, and
//! renders them. Every name is a constant of [`table`].
//!
//! The registry is our own because the compatible names (`aio_broker_publishes_received`) are
//! counters without `_total`, which libraries in the OpenMetrics tradition append, and because a
//! source here is a plain loop over numbers that exist already.

mod definition;
mod exposition;
mod labels;
mod process;
mod registry;
mod samples;
pub mod table;
mod totals;

pub use definition::{Definition, Kind, Metric, Namespace};
pub use labels::{
    Direction, DisconnectReason, DropReason, LABEL_SETS, LabelSet, Limit, MqttVersion, PacketType,
    RefusalReason,
};
pub use process::ProcessSource;
pub use registry::{Collect, Prefix, Registry, RegistryOptions};
pub use samples::{Samples, Value};
pub use totals::Totals;
