//! `catena-dapr` as applications see it: through Dapr's own sidecar.

mod actors;
mod azure;
mod builtin;
mod conformance;
mod credentials;
mod discovery;
mod ends;
mod faults;
mod full;
mod grpc;
mod identities;
mod mistakes;
mod outages;
mod pubsub;
mod refusals;
mod sample;
mod setting;
mod state;
mod streaming;
mod streams;
mod ttl;
