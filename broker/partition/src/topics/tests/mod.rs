//! Tests of the topics side through the whole machine: entries in, deliveries out.

mod ack;
mod full;
pub(crate) mod harness;
mod held;
mod publish;
mod queue_limit;
mod retained;
mod share;
mod snapshot;
