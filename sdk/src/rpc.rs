//! Request and response over MQTT 5 [section 4.10 of the standard].

mod requester;

pub use requester::Requester;
