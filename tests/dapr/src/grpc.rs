//! Dapr's gRPC API, and an application that a sidecar calls by gRPC.

mod app;
mod client;

pub use app::GrpcApp;
pub use client::Grpc;

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
