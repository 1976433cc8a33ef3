//! `catena bench`: an open- and closed-loop load generator for any MQTT broker.
//!
//! All connections live on one thread with one readiness loop. Messages are copies of a template
//! in which time, publisher, sequence number and packet identifier are patched. Every payload
//! carries these, so that loss, duplicates and reordering are counted, not assumed. In an open
//! loop, latency runs from the moment at which a message was due, not at which it left.
//!
//! Start reading at `traffic`, the loop of all scenarios in which publishers and subscribers meet,
//! and `state`, the loop of those that ask the state store; `fleet` has the connections, `tally`
//! the counting.

mod args;
mod connect;
mod fleet;
mod offline;
mod peer;
mod plan;
mod process;
mod progress;
mod receiver;
mod report;
mod retained;
mod run;
mod state;
mod stored;
mod tally;
mod traffic;
mod wire;

pub use args::{BenchArgs, Scenario};
pub use run::run;
