//! Logs: `tracing` events as text or JSON, filtered by part of the program, reloadable.
//!
//! The program decides where lines go and whether colours fit there (a terminal, no `NO_COLOR`);
//! this module reads no environment.
//!
//! What a client chose is logged as a string value (`client_id = name`) or with `?`: both escape
//! line breaks and control characters. With `%` a client could forge lines.

mod filter;
mod start;
mod throttle;

pub use filter::{Filter, Problem, UsageError};
pub use start::{Error, Format, Handle, Options, Output, start, subscriber};
pub use throttle::{Decision, Throttle};
