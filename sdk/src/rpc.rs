//! Request and response over MQTT 5 [section 4.10 of the standard].

mod requester;
mod requests;

pub use requester::Requester;
pub use requests::{Request, Requests};
