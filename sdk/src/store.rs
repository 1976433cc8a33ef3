//! The state store of a Catena broker: a key-value store reached by request and response.

mod calls;
mod group;
mod hub;
mod json;
mod observer;
mod scan;
mod state_store;
mod version;
mod write;

pub use group::{Group, GroupOutcome, Written};
pub use observer::{Change, Observer};
pub use scan::Keys;
pub use state_store::{Entry, StateStore, TimeToLive};
pub use version::Version;
pub use write::{Condition, Delete, Set};
