//! Dapr pluggable components on an MQTT broker: publish/subscribe, and state.
//!
//! What it is: the process beside a Dapr sidecar. The sidecar speaks gRPC over a Unix socket; this
//! speaks MQTT 5 to the broker, by way of the SDK. Applications never see MQTT.
//!
//! What it never does: know the broker from inside, acknowledge what an application has not
//! answered, or end a stream because the broker is away: a sidecar never opens one again.
//!
//! # How it is put together
//!
//! | module | what |
//! | --- | --- |
//! | [`options`], [`program`] | the command line, and what runs until a signal |
//! | [`sockets`] | socket files that appear when ready and are gone afterwards |
//! | [`server`] | the services of one socket, with reflection and health |
//! | [`discovery`] | what a sidecar does at its start, for `catena-dapr check` |
//! | [`instances`] | one instance for each `x-component-instance` and kind of service |
//! | [`metadata`] | `spec.metadata`, with all its spellings, as settings that cannot be wrong |
//! | [`link`] | from settings to a client of the SDK, within the time that Init has |
//! | [`pubsub`], [`state`] | the two kinds of components |
//!
//! A kind of component is a type that implements [`instances::Component`]: it owns its client of
//! the broker, is made by Init and closed by the next one. Its gRPC services stand over an
//! [`instances::Instances`] of it, and are put onto a socket by its function `serve`, given a
//! [`server::Served`].

pub mod context;
pub mod discovery;
mod health;
pub mod instances;
mod limits;
pub mod link;
pub mod logging;
pub mod metadata;
pub mod metrics;
pub mod options;
pub mod peer;
pub mod program;
pub mod pubsub;
mod remembered;
mod rivals;
pub mod server;
pub mod sockets;
pub mod state;
pub mod status;
mod tasks;
