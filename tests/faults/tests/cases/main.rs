//! The cases of `docs/reference/faults.md`, each by its ID, against a broker as a process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod connects;
mod flows;
mod hostile;
mod lengths;
mod mutation;
mod publishes;
mod retained;
mod settings;
mod soak;
mod storms;
mod subscriptions;
mod support;
mod tls;
mod websocket;
