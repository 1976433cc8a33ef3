//! Who is subscribed to what: the replicated routing table and its matcher.
//!
//! [`Routing`] is a deterministic machine: it changes only by applying a [`Command`], and equal
//! logs give equal tables. It reads no clock, draws no random number and does no input or output;
//! it keeps no messages and knows no connections. Start reading at [`machine`](Routing), then
//! `trie.rs` for how a topic finds its filters.
//!
//! ```
//! use catena_routing::{Command, FilterRequest, Matches, Qos, Routing, SubscriptionOptions};
//! use catena_types::{PartitionId, SessionId};
//!
//! let session = SessionId::new(PartitionId::new(0), 1, 1);
//! let options = SubscriptionOptions {
//!     qos: Qos::AtLeastOnce,
//!     no_local: false,
//!     retain_as_published: false,
//! };
//! let mut routing = Routing::new(0x5EED);
//! let filters = [FilterRequest { filter: "plant/+/temperature", options }];
//! let subscribe = Command::Subscribe { session, subscription_id: Some(7), filters: &filters };
//! routing.apply_command(subscribe).unwrap();
//!
//! let mut matches = Matches::default();
//! routing.matching("plant/line-1/temperature", &mut matches);
//! let recipient = matches.recipients().next().unwrap();
//! assert_eq!((recipient.session, recipient.subscription_ids), (session, &[7][..]));
//! ```

mod command;
mod filter;
mod filters;
mod limits;
mod machine;
mod matches;
mod sessions;
mod share;
mod slab;
mod snapshot;
mod subscribers;
mod text_hash;
mod trie;
#[cfg(any(test, feature = "validate"))]
mod validate;

#[cfg(test)]
mod tests;

pub use catena_mqtt::Qos;
pub use command::{
    Change, Command, FilterOutcome, FilterRequest, Outcome, Reach, Refusal, SubscriptionOptions,
};
pub use limits::{SUBSCRIPTION_ID_MAX, SUBSCRIPTIONS_MAX};
pub use machine::{Routing, Stats};
pub use matches::{Matches, Member, Own, Recipient, Recipients, SharedMatch};
pub use share::GroupId;
