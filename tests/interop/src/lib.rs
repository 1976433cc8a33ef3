//! Real clients from the package registries against a running broker.
//!
//! [`Broker`] starts the program with a listener for each [`Transport`]; [`Client`] runs a client
//! program from `clients/` against it and collects what came of each [`Scenario`]. The matrix of
//! clients, transports and versions is in `tests/clients/`. Start reading at `clients/README.md`,
//! which says what the scenarios demand.

mod broker;
mod certificate;
mod client;
mod folder;
mod lines;
mod program;
mod scenario;
mod tools;

pub use broker::{Broker, Listener, Transport};
pub use certificate::Certificate;
pub use client::{Client, Outcome};
pub use program::Program;
pub use scenario::{Scenario, Version};
