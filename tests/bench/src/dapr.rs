//! Dapr's building blocks through `catena-dapr`, beside those that Dapr brings itself and beside
//! MQTT without Dapr.
//!
//! What it is: `catena-bench --dapr`. One broker, one Redis, `catena-dapr`, and a sidecar for each
//! kind of component run side by side; each [`case`](cases) is run with one after the other, so
//! that they find the machine in the same state. The load is in this process, and the same for all.
//!
//! What it never does: speak to a component of Dapr's own without Dapr, which cannot be done.
//!
//! Start reading at [`cases`]; [`sitting`] is the loop.

pub mod cases;
pub mod report;
pub mod sitting;
pub mod tally;

mod api;
mod arrivals;
mod door;
mod load;
mod measure;
mod stage;
