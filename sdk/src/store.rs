//! The state store of a Catena broker: a key-value store reached by request and response.

mod observer;
mod state_store;
mod version;

pub use observer::{Change, Observer};
pub use state_store::{Condition, Entry, Set, StateStore};
pub use version::Version;
