//! A broker inside a test.
//!
//! What it is: a whole Catena broker on a thread of its own and a free port of the loopback
//! interface, there within milliseconds. Any number runs at once; each has its own memory, and
//! nothing is left when it is dropped. It needs no program and no container, and touches neither
//! signals nor the environment.
//!
//! What it never does: write to disk, but for the password file of a broker that has users.
//!
//! ```
//! use catena_sdk_testing::Broker;
//!
//! let broker = Broker::start()?;
//! assert!(broker.url().starts_with("mqtt://127.0.0.1:"));
//! # Ok::<(), catena_sdk_testing::StartError>(())
//! ```

mod broker;
mod passwords;

pub use broker::{Broker, Builder, StartError};
