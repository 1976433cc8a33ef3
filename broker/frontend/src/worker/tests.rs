//! Tests of the worker with partitions that do as they are told.

mod deliveries;
mod endings;
mod fake;
mod requests;
mod rounds;
