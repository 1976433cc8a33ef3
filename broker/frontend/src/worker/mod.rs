//! One worker's share of the frontend, without IO: clients in a pool, bytes in, requests to
//! partitions, replies and deliveries straight into the clients' output. It reads no clock, has no
//! sockets and draws no random numbers of its own.
//!
//! Start reading at [`Worker`], then `turn.rs` (what comes back from a partition).

mod batch;
mod buffers;
mod client;
mod dispatch;
mod drive;
mod ending;
mod feed;
mod ledger;
mod limits;
mod opening;
mod output;
mod round;
mod stalled;
mod state;
mod stats;
mod store_rpc;
mod timers;
mod turn;

#[cfg(test)]
mod tests;

pub use client::{Closing, Rules, Urgency};
pub use drive::Worker;
pub use opening::{Authentication, Epoch, Verdict};
pub use stats::Stats;
