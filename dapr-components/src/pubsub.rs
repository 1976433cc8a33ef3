//! Publish and subscribe.
//!
//! What it is: `mapping` is between Dapr's messages and MQTT's; `deliveries` decides which message
//! goes to which stream and when once more, and knows neither clock nor network; `topic` is the
//! task that serves the streams of one subscription; `opening` lets what is published behind an
//! opened stream wait until the broker knows of it; `instance` owns the client; `service` is gRPC.
//!
//! What it never does: acknowledge a message that no application has answered, publish a failed
//! message to its own topic, or drop a connection to see a message again.

mod deliveries;
mod instance;
mod mapping;
mod opening;
mod service;
mod settings;
mod topic;

pub use instance::Instance;
pub use service::{FEATURES, serve};
pub use settings::{Delivery, OnFailure, Settings};
