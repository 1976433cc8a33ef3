//! The command line clients, run as their users run them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod help;
mod messages;
mod mosquitto;
