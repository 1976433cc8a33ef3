//! Dapr's gRPC API, an application that a sidecar calls by gRPC, and one that asks for a stream of
//! events.

mod app;
mod client;
mod stream;

pub use app::GrpcApp;
pub use client::Grpc;
pub use stream::EventStream;

/// Messages and services of Dapr's API, as far as tests use them.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod wire {
    tonic::include_proto!("dapr.proto.runtime.v1");
}
