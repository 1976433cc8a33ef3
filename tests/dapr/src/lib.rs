//! Dapr's own programs against `catena-dapr` and a running broker.
//!
//! [`Broker`], [`Components`], [`Sidecar`] and [`Control`] say how processes are started, each at
//! ports of its own on 127.0.0.1; starting one gives a value with which it ends, so that a test can
//! kill what it likes and start it again. [`App`] is the application beside a sidecar, and
//! [`grpc::GrpcApp`] one that is called by gRPC, as [`grpc::Grpc`] calls a sidecar. A test plays
//! in a [`Scene`], which tells the logs of all of them when it fails. Tests speak to Dapr's API
//! alone, never to the components: those are in `tests/daprd/`. Start reading there.

mod app;
mod broker;
pub mod clock;
mod component;
mod control;
pub mod grpc;
pub mod http;
mod log;
mod mqtt;
mod ports;
mod process;
mod resources;
mod sample;
mod scene;
mod sidecar;
mod tools;

pub use app::{Answer, App, Delivery, Subscription};
pub use broker::{Broker, RunningBroker, is_open};
pub use component::Components;
pub use control::Control;
pub use log::{Log, Mark};
pub use mqtt::Mqtt;
pub use ports::free as free_port;
pub use process::Process;
pub use resources::{Component, of_samples};
pub use sample::Sample;
pub use scene::Scene;
pub use sidecar::{Release, Sidecar};
pub use tools::{dapr, project};
