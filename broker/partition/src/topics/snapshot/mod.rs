//! Snapshots of the topics side, in an order that does not depend on how the state came about:
//! equal states give equal bytes, on every replica, also on one that was restored.
//!
//! Order of sections: epoch, attached sessions, share groups, recipient sets, topics, messages,
//! waiting messages of groups, replays, queues. Each refers only to sections before it.

mod read;
mod write;
