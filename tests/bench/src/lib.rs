//! Measures Catena and other brokers in one sitting, in turns, and tells how they compare.
//!
//! What it is: the program `catena-bench`. It starts each broker anew for each run, has
//! `catena bench` load it, and sets the medians beside each other. Broker and generator have a
//! processor each. How to use it, and what came of it, is in `docs/reference/performance.md`.
//!
//! Stores of others, beside which it sets the state store, have loads of their own in [`store`].
//!
//! What it never does: measure a broker itself, or leave a process behind, however it ends.
//!
//! Components of Dapr are measured by [`dapr`], in processes and with a load of its own.
//!
//! Start reading at [`scenario`], the table of what is measured; [`sitting`] is the loop.
//!
//! ```
//! use catena_bench::median::median;
//!
//! assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
//! ```

pub mod arguments;
pub mod broker;
pub mod child;
pub mod dapr;
pub mod median;
pub mod processors;
pub mod record;
pub mod report;
pub mod scenario;
pub mod sitting;
pub mod store;

mod clock;
mod progress;
mod table;
