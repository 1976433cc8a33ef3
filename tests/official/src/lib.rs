//! The published state store clients against a running broker.
//!
//! [`Broker`] is the program in a process of its own, [`Proxy`] stands between a client and it and
//! cuts connections, [`Member`] is a client with all that it needs. Start reading at `tests/`; the
//! tests that the clients come with are run by the script `published`.

mod broker;
mod member;
mod proxy;

pub use broker::Broker;
pub use member::{Member, PATIENCE, in_time};
pub use proxy::Proxy;
