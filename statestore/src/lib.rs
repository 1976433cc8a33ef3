//! The state store as a deterministic machine: keys with values, versions, fencing tokens and
//! expiry, and who is told of their changes.
//!
//! Everything that it does is a function of its state, the request and the time it is given. It
//! knows nothing of MQTT, of partitions, or that it is replicated; clients are numbers that its
//! owner gives. It never reads a clock and never waits.
//!
//! Start reading at [`StateStore`] (the machine), then [`Request`] (what it is asked), then
//! [`Outbox`] (whom it tells).
//!
//! ```
//! use catena_hlc::Millis;
//! use catena_statestore::{Client, Now, Outbox, Request, Settings, StateStore};
//! use catena_store::{Command, Reply};
//! use catena_types::Moment;
//!
//! let mut store = StateStore::new(Settings::generous(7));
//! let now = Now { time: Moment::ZERO, wall: Millis::new(1_696_374_425_000) };
//! let (mut reply, mut out) = (Vec::new(), Outbox::default());
//!
//! let command = Command::parse(b"*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\nabc\r\n")?;
//! let mut request = Request::new(Client::new(1), command);
//! request.timestamp = Some(b"1696374425000:0:c1");
//! let answer = store.apply(now, &request, &mut reply, &mut out)?;
//! assert_eq!(Reply::parse(&reply)?, Reply::Ok);
//! assert!(answer.version.is_some());
//!
//! reply.clear();
//! let found = store.read(now, &Command::Get { key: b"k1" }, |_| true, &mut reply);
//! assert_eq!(Reply::parse(&reply)?, Reply::Value(b"abc"));
//! assert_eq!(found.version, answer.version);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod fencing;
mod group;
mod limits;
mod log;
mod machine;
mod outbox;
mod read;
mod record;
mod request;
mod scan;
mod settings;
mod snapshot;
mod stats;
mod stop;
mod table;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "validate"))]
mod validate;
mod watch;
mod write;

pub use limits::{
    ANSWERS_MAX, APPROACHED_MAX, CHANGE_OVERHEAD_BYTES, ENTRY_OVERHEAD_BYTES,
    EXPIRIES_PER_TICK_MAX, EXPIRY_OVERHEAD_BYTES, KEY_BYTES_MAX, NOTIFICATIONS_PER_TICK_MAX,
    REGISTRATION_OVERHEAD_BYTES, SCAN_STEPS_MAX, SCAN_STEPS_PER_KEY, WATCHED_OVERHEAD_BYTES,
};
pub use machine::StateStore;
pub use outbox::{Notified, Outbox};
pub use request::{Answer, Client, Identity, Now, Request};
pub use scan::Page;
pub use settings::Settings;
pub use stats::Stats;
