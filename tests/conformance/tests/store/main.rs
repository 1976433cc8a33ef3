//! The state store over real connections, as `docs/reference/state-store.md` describes it: what
//! clients send and get, packet by packet, and what concurrent clients see together.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod almost;
mod caller;
mod cases;
mod errors;
mod extensions;
mod histories;
mod improper;
mod notifications;
mod packets;
mod repeated;
mod reserved;
mod responses;
mod scans;
mod sessions;
mod vectors;

use catena_conformance::Broker;

/// The broker of most tests.
fn shared() -> &'static Broker {
    Broker::shared()
}
