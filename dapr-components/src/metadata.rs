//! `spec.metadata` of a Component resource, as settings that cannot be wrong.
//!
//! Names are told apart without regard to case. A setting may have several names, since Azure's
//! components and Dapr's own `pubsub.mqtt3` have names for the same things; two that say different
//! things are refused. Names that mean nothing are told, and not refused: a sidecar passes on all
//! there are.

mod connection;
pub(crate) mod names;
mod properties;

pub use connection::{Connection, Credentials, Endpoint, Material, Policy, Security};
pub use properties::{Field, Invalid, Properties, go_duration};
