//! The command line clients, run as their users run them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bench;
mod help;
mod messages;
mod mosquitto;
