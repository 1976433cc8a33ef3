//! What the tests of the standards talk to a running broker with: the broker as a process, and a
//! client that can also break every rule.
//!
//! It never decides what is right; the tests under `tests/` do. Start reading at [`Broker`], then
//! [`Client`].
//!
//! ```
//! use catena_conformance::{raw, unique};
//!
//! // A PUBLISH with a wildcard in its topic name, which the codec would not write.
//! let bytes = raw::packet(0x30, &[&raw::string("a/#"), b"payload"]);
//! assert_eq!(bytes[..2], [0x30, 12]);
//! assert_ne!(unique("topic"), unique("topic"));
//! ```
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "all of this serves tests, which fail by panicking"
)]

mod broker;
mod client;
mod exchange;
mod expectations;
mod names;
mod options;
pub mod raw;
mod received;

pub use broker::{Broker, free_port};
pub use client::{Client, Link};
pub use exchange::subscription;
pub use names::{Folder, unique};
pub use options::{Options, WillMessage, id, post, properties};
pub use received::{Message, Received};

use catena_mqtt::Qos;

/// At most once.
pub const QOS0: Qos = Qos::AtMostOnce;
/// At least once.
pub const QOS1: Qos = Qos::AtLeastOnce;
/// Exactly once.
pub const QOS2: Qos = Qos::ExactlyOnce;
/// Each QoS, in order.
pub const EVERY_QOS: [Qos; 3] = [QOS0, QOS1, QOS2];
