//! The sessions whose client IDs hash to this partition: which exist, which connection has each,
//! their wills, their half-finished inbound QoS 2 exchanges and their ranges of packet IDs. What
//! they are subscribed to stands in the routing table, what is queued for them with the topics.
//!
//! Start reading at [`Sessions`], then `connect.rs` and `disconnect.rs`: everything that ends or
//! resumes a session goes through those two.

mod connect;
mod disconnect;
mod done;
mod range;
mod receive;
mod record;
mod snapshot;
mod state;
mod subscribe;
mod table;
mod tick;
#[cfg(any(test, feature = "validate"))]
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use disconnect::ConnectionEnd;
pub(crate) use receive::Inbound;
pub(crate) use state::Sessions;
