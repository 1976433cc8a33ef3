//! The state store: Dapr's entries as entries of the broker's own store.
//!
//! What it is: one round trip to the store for an operation, with nothing kept in between. ETags
//! are the store's versions, transactions its groups, and values its values, byte for byte.
//!
//! What it never does: repeat a write of unknown outcome, or let a call wait for longer than it
//! may.
//!
//! Start reading at `keys` (under which name an entry is kept), then `operations` (what is asked of
//! the store), `failure` (how a sidecar learns of errors) and `service` (the calls themselves).
//! `docs/reference/dapr-state.md` is the reference for users.

mod access;
mod bulk;
mod clock;
mod etag;
mod failure;
mod instance;
mod keys;
mod operations;
mod request;
mod room;
mod service;
mod settings;
mod transaction;
mod ttl;

pub use instance::Instance;
pub(crate) use service::serve;
