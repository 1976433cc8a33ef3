//! Logs, metrics, health and the admin port of one node.
//!
//! What it is: the registry that turns counters into the Prometheus text form, the small HTTP
//! server that shows them beside the health of the node, the set-up of `tracing`, and the numbers
//! behind `$SYS/broker/...`.
//!
//! What it never does: read the environment or the command line (programs do), know MQTT packets,
//! or put a client's identifier or a topic name into a label.
//!
//! Where to start reading: [`metrics`], then [`http`].
//!
//! ```
//! use std::sync::Arc;
//! use catena_telemetry::metrics::{Registry, RegistryOptions, Samples, table};
//!
//! let registry = Registry::new(RegistryOptions::new("node-1"));
//! registry.register(Arc::new(|samples: &mut Samples| {
//!     samples.add(&table::TOTAL_SESSIONS, [], 3);
//! }));
//!
//! let line = r#"aio_broker_total_sessions{hostname="node-1"} 3"#;
//! assert!(registry.render().contains(line));
//! ```

pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod sys_topics;

mod clock;

pub use clock::Clock;
