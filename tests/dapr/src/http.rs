//! As much of HTTP/1.1 as sidecars and applications say to each other.

mod client;
mod message;
mod server;

pub use client::request;
pub use message::{Request, Response};
pub use server::{Handler, Server};
