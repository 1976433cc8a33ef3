//! The command line clients `catena pub`, `sub`, `rr` and `state`, with the letters of
//! mosquitto's clients, for any broker that speaks MQTT 3.1, 3.1.1 or 5.0.
//!
//! Start reading at [`publish`], [`subscribe`] and [`request`], then at `connection`, which they
//! share. `channel` puts TLS and WebSocket between MQTT and a socket without touching either, so
//! that `catena bench` uses it as well.

mod calendar;
mod channel;
mod connection;
mod failure;
mod format;
mod incoming;
mod message;
mod output;
mod payload;
mod properties;
pub mod publish;
pub mod request;
mod runtime;
mod session;
mod socket;
pub mod state;
pub mod subscribe;
mod target;
mod tls;

pub use output::OutputArgs;
pub use payload::PayloadArgs;
pub use properties::PropertyArgs;
pub use publish::PubArgs;
pub use request::RrArgs;
pub use session::SessionArgs;
pub use state::StateArgs;
pub use subscribe::SubArgs;
pub use target::TargetArgs;
pub use tls::TlsArgs;

pub(crate) use channel::Channel;
pub(crate) use failure::Failure;
pub(crate) use publish::seconds;
pub(crate) use session::{qos, version};
pub(crate) use socket::cannot_connect;
pub(crate) use target::{Place, Target};
