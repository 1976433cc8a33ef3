//! Identifiers, time and the replicated-machine trait: the ground that every core stands on.
//!
//! This crate knows nothing of MQTT, sockets or clocks. Start reading at [`Machine`]: what a
//! replicated state machine owes its chain.
//!
//! ```
//! use catena_types::{Placement, PartitionId};
//!
//! let placement = Placement::new(8, 0xC47E_4A11).unwrap();
//! assert!(placement.partition_of("plant/line-1/temperature") < PartitionId::new(8));
//! ```

mod codec;
mod digest;
mod fault;
mod ids;
mod machine;
mod moment;
mod placement;
mod pool;

pub use codec::{Reader, Truncated, Writer};
pub use digest::{Digest, Digester};
pub use fault::Fault;
pub use ids::{
    FrontendId, Generation, PartitionId, PartitionSet, PartitionSetIter, Position, RoutingVersion,
    Seq, SessionId,
};
pub use machine::{Entry, Machine};
pub use moment::{Moment, Stamp};
pub use placement::{PARTITIONS_MAX, Placement, siphash};
pub use pool::Pool;
