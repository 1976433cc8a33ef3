//! The `$SYS/broker/...` topics that users of mosquitto expect: names, payloads, load averages.
//!
//! Pure: numbers and the moment go in, topics and payloads come out. The program asks every ten
//! seconds and publishes what came out as retained messages.

mod load;
mod topics;

pub use load::{Activity, Load, LoadAverages};
pub use topics::{Snapshot, SysMessage, SysTopics};
