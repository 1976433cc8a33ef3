//! The publish/subscribe component between a sidecar and a broker: a sidecar that does what daprd
//! does, and a broker inside the test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "what a test cannot have fails it; its tasks end with it"
)]

mod finding;
mod groups;
mod health;
mod instances;
mod outages;
mod publishing;
mod pulling;
mod sidecar;
