//! The admin port: metrics, health and version over a minimal HTTP/1.1.
//!
//! Read-only by construction: it answers GET and HEAD, one request per connection, and reads no
//! body. Whoever can reach the port can read it, so it listens on loopback unless told otherwise.
//!
//! The request is parsed by plain functions (`request`), answered by plain functions (`pages`), and
//! only `service` touches sockets.

mod error;
mod limits;
mod pages;
mod request;
mod response;
mod service;

pub use error::Error;
pub use limits::Limits;
pub use pages::Version;
pub use service::{Address, Handle, Options, Service};
