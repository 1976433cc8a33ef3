//! Sockets, threads and tasks around [`crate::worker`]. They decide nothing about MQTT.

mod accept;
mod admission;
mod doorway;
mod flush;
mod handle;
mod listener;
pub(crate) mod mailbox;
mod notes;
mod parting;
mod read;
pub(crate) mod ready;
mod service;
mod stream;
mod table;
mod turn;

pub use admission::Refusal;
pub use handle::{Handle, ListenerStatus};
pub use service::{Service, Wake};
