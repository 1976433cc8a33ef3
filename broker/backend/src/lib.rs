//! The replicas of this node. Partitions are run inline by whoever has work for them: no thread of
//! their own, one lock per batch, never two at once.
//!
//! Start reading at [`Backend`], the in-process port; then `replica.rs`, a chain of one.

mod backend;
mod carry_out;
mod memory;
mod replica;
mod routes;
mod stats;
#[cfg(test)]
mod tests;

pub use backend::{Backend, Options, Wake, WallClock};
pub use stats::Stats;
