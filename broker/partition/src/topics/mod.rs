//! The topics that hash to this partition: messages, queues, retained messages, share groups.
//!
//! ```text
//! names ──set──▶ sets ──attachment──▶ attached ──queue──▶ queues ──message──▶ messages
//!   └──retained──────────────────────────────────────────────────────────────▲
//! ```
//! A message is stored once; queue entries are eight bytes that refer to it. Everything under
//! `outward` is the tail's own: what frontends have been lent, in no digest and no snapshot.

mod ack;
mod attached;
mod groups;
mod limits;
mod messages;
mod names;
mod outward;
mod publish;
mod push;
mod queue;
mod replay;
mod retained;
mod routing;
mod sets;
mod share;
mod snapshot;
mod state;
mod take;
mod tell;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(any(test, feature = "validate"))]
mod validate;

pub(crate) use ack::AckRun;
pub(crate) use state::Topics;
