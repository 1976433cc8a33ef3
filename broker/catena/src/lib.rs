//! The Catena broker and its command line.
//!
//! What it is: the program `catena`, which reads flags, environment, documents and secrets and
//! plays the role that its first word names. Programs alone read the environment and files; what
//! they hand down is checked.
//!
//! What it never does: decide anything about MQTT. It starts those who do.
//!
//! Start reading at [`cli`]; `run` starts a broker, `load` reads what it is started with;
//! [`client`] and [`mod@bench`] talk to any broker.

pub mod bench;
pub mod cli;
pub mod client;

mod check;
mod clock;
mod completions;
mod config;
mod exit;
mod flags;
mod load;
mod man;
mod node;
mod passwd;
mod run;
mod start;
mod store;

pub use exit::{Exit, UsageError};
pub use start::{Running, start};
