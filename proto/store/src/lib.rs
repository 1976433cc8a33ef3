//! The payload language of the state store, in both directions: the broker reads requests and
//! writes replies and notifications, a client does the reverse.
//!
//! What is read borrows from the payload; nothing is allocated in proportion to a number that a
//! payload claims. It holds no state, checks no rights, and knows neither topics nor headers.
//! `docs/reference/state-store.md` is the reference of the language.
//!
//! Start reading at [`Command`], then [`Reply`] and [`Notification`], then [`Refusal`].
//!
//! ```
//! use catena_store::{Command, Refusal, Reply, reply};
//!
//! let payload = b"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n";
//! assert_eq!(Command::parse(payload), Ok(Command::Get { key: b"k1" }));
//! assert_eq!(Command::parse(b"GET k1"), Err(Refusal::Syntax));
//!
//! let mut out = Vec::new();
//! reply::value(&mut out, b"abc");
//! assert_eq!(Reply::parse(&out), Ok(Reply::Value(b"abc")));
//! ```

pub mod glob;
pub mod limits;
pub mod reply;
pub mod resp3;

mod command;
mod encode;
mod error;
mod group;
mod key;
mod notification;
mod parse;
mod results;

pub use command::{
    Access, Command, Delete, DeleteCondition, Increment, KeyNotify, Lifetime, Registration, Scan,
    Set, SetCondition, Write,
};
pub use encode::{encode_get_many, encode_group};
pub use error::Refusal;
pub use group::{Group, Keys};
pub use key::placement_text;
pub use notification::Notification;
pub use reply::Reply;
pub use resp3::Malformed;
pub use results::{Answer, GroupResult, Living, Page, Results};

/// The node of every version that the state store gives. Clients compare it with their own.
pub const NODE: &str = "StateStore";
