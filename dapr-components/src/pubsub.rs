//! Publish and subscribe.
//!
//! What it is: `mapping` is between Dapr's messages and MQTT's, and `held` is one on its way;
//! `deliveries` decides which message goes to which stream and when once more, and knows neither
//! clock nor network; `topic` is the task that serves the `stream`s of one subscription, `line` the
//! connection of that, and `letters` what becomes of messages that are given up; `opening` lets
//! what is published behind an opened stream wait until the broker knows of it; `publishing` is
//! the way to the broker; `instance` owns all of these; `service` is gRPC.
//!
//! What it never does: acknowledge a message that no application has answered, publish a failed
//! message to its own topic, or drop a connection that a stream needs to see a message again.

mod deliveries;
mod held;
mod instance;
mod letters;
mod line;
mod mapping;
mod opening;
mod publishing;
mod service;
mod settings;
mod shared;
mod stream;
mod topic;

pub use instance::Instance;
pub use service::{FEATURES, serve};
pub use settings::{Delivery, OnFailure, Settings};
