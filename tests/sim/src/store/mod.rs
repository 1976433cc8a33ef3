//! A simulated client's use of the state store: what it asks, in which words, and what the words
//! of a response mean. How it travels is the client's own business.

mod player;
mod words;

pub(crate) use player::Player;
pub(crate) use words::{Response, payload, properties};
