//! The state store as a sidecar uses it, over a socket, on a broker inside the test.
//!
//! The cases of Dapr's own conformance suite are here as tests of the same meaning, and beside them
//! what the suite does not look at: faults, several instances, names.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "what a test cannot have fails it; expiry is told in wall time"
)]

mod etags;
mod faults;
mod fixture;
mod identities;
mod instances;
mod refusals;
mod store;
mod transactions;
mod ttl;
mod values;
