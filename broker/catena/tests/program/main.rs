//! The built program from the outside, as its users meet it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod command_line;
mod documents;
mod guides;
mod limits;
mod load;
mod lock;
mod metrics;
mod passwords;
mod process;
mod reference;
mod serving;
mod signals;
mod silence;
mod state;
mod transfer;
