//! The frontend over real sockets on loopback, with a partition that only knows exact topics.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod hub;
mod layers;
mod limits;
mod plain;
mod running;
