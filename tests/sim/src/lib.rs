//! Deterministic simulation of clients, frontends and partitions.
//!
//! The cores are the real ones: `Worker` with its connections, and all partitions behind the
//! in-process port. Around them everything is simulated: clients of both versions, byte streams,
//! time, and the order in which workers get their turn. Everything follows from a seed. What
//! clients do and see goes into a model, and `invariants` says what must hold of it.
//!
//! It reads no clock, opens no sockets and draws no numbers but from its seed.
//!
//! The same clients, model and invariants also judge a broker that is not simulated: [`Crowd`].
//!
//! Start reading at [`run`], then `world/mod.rs` and `invariants/mod.rs`.
//!
//! ```
//! let run = catena_sim::Run { seed: 1, store: true, mutation: None, traces: false };
//! assert_eq!(catena_sim::run(run).violation, None);
//! ```

mod client;
mod crowd;
mod invariants;
mod model;
mod mutations;
mod network;
mod port;
mod rng;
mod store;
mod time;
mod trace;
mod violation;
mod workload;
mod world;

#[cfg(test)]
mod tests;

pub use crowd::{Crowd, LinkNumber, Order, Tally};
pub use mutations::Mutation;
pub use trace::Trace;
pub use violation::Violation;
pub use world::{Outcome, Run, Summary, run};
