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
//! use catena_telemetry::metrics::{Categories, Registry, RegistryOptions, WorkerCounters};
//!
//! let categories = Arc::new(Categories::new());
//! let worker = Arc::new(WorkerCounters::new(Arc::clone(&categories)));
//! let registry = Registry::new(RegistryOptions::new("node-1"));
//! registry.register(Arc::clone(&worker) as _);
//!
//! worker.publish_received(categories.intern("telemetry"), 20);
//! let line = r#"aio_broker_publishes_received{hostname="node-1",category="telemetry"} 1"#;
//! assert!(registry.render().contains(line));
//! ```

pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod sys_topics;

mod clock;

pub use clock::Clock;
