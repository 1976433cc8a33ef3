//! Hybrid logical clocks: stamps that follow wall time and still order what one millisecond holds.
//!
//! A stamp is a wall time, a counter and the node that gave it. Nothing here reads a clock: wall
//! time is an argument, always.
//!
//! Start reading at [`Stamp`] (what goes over the wire), then [`Version`] (eight bytes, for the
//! stamps of one node), then [`Clock`] (how the next one is found).
//!
//! ```
//! use catena_hlc::{Clock, Millis, Stamp};
//!
//! let mut clock = Clock::default();
//! let request = Stamp::parse("1696374425000:0:Client1")?;
//! let version = clock.merge(Millis::new(1_696_374_425_000), &request);
//! let answer = version.stamp("StateStore");
//! assert_eq!(answer.to_string(), "001696374425000:00001:StateStore");
//! assert!(answer > request);
//! # Ok::<(), catena_hlc::Malformed>(())
//! ```

mod clock;
mod digits;
mod stamp;
mod text;
mod version;

pub use clock::{AHEAD_MAX, Clock, DRIFT_MAX};
pub use stamp::{Millis, NODE_BYTES_MAX, Stamp};
pub use text::Malformed;
pub use version::Version;
