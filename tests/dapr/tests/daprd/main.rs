//! `catena-dapr` as applications see it: through Dapr's own sidecar.

mod actors;
mod azure;
mod builtin;
mod conformance;
mod discovery;
mod faults;
mod mistakes;
mod outages;
mod pubsub;
mod setting;
mod state;
mod streams;
