//! What hostile clients and the tests that play them need: a broker whose memory, open files and
//! log can be watched, clients by the thousand, and one well-behaved client that notices when the
//! others are in its way.
//!
//! It never decides what is right; the cases under `tests/` do. Start reading at [`Broker`], then
//! [`Probe`]. The cases are described in `docs/reference/faults.md`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "all of this serves tests, which fail by panicking"
)]

mod broker;
mod crowd;
mod probe;
mod soak;
mod wait;

pub use broker::{Broker, Setup, program};
pub use crowd::{Crowd, allow_files};
pub use probe::Probe;
pub use soak::{Failure, Figures, GROWTH_BYTES_MAX, Gauges, Round, SHOWING_ROUNDS, Soak};
pub use wait::{Waiting, now};

/// A mebibyte, in bytes.
pub const MIB: u64 = 1 << 20;
