//! Whether a history of the state store is linearizable: whether there is an order in which all
//! operations can have happened one after the other, each between its beginning and its end, so
//! that everybody saw what they saw.
//!
//! It knows what the operations mean and nothing of how they travel. An operation without an
//! answer may have happened at any time after its beginning, until its end if it has one, or never.
//! Nothing here expires.
//!
//! ```
//! use catena_linear::{Answer, Operation, Step, check};
//!
//! let set = Operation::single(0, (1, Some(4)), "k", Step::Set(b"a".to_vec()))
//!     .answered(Answer::Set((7, 0)));
//! let missed = Operation::single(1, (2, Some(3)), "k", Step::Get).answered(Answer::Value(None));
//! assert!(check(&[set.clone(), missed]).is_ok());
//!
//! let late = Operation::single(1, (5, Some(6)), "k", Step::Get).answered(Answer::Value(None));
//! assert!(check(&[set, late]).is_err());
//! ```

mod cell;
mod operation;
mod search;

#[cfg(test)]
mod tests;

pub use operation::{Answer, Operation, Step, Version};
pub use search::{Violation, check, check_within};
