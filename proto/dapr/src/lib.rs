//! The protocol between a Dapr sidecar and its pluggable components: messages, servers and clients
//! of `dapr.proto.components.v1`, as of Dapr 1.18.
//!
//! What it is: generated code, and nothing else. Older sidecars never call what is newer than they
//! are, so one copy serves them all.
//!
//! What it never does: decide anything, or convert to types of ours.
//!
//! ```
//! use catena_dapr_proto::v1::PublishRequest;
//!
//! let request = PublishRequest {
//!     topic: "orders".to_owned(),
//!     ..PublishRequest::default()
//! };
//! assert!(request.data.is_empty());
//! ```

/// Version 1 of the protocol.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub mod v1 {
    tonic::include_proto!("dapr.proto.components.v1");
}

/// The protocol's own description, as an encoded `google.protobuf.FileDescriptorSet`: what server
/// reflection answers from.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("components");
