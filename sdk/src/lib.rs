//! An MQTT 5 client for Rust programs on [tokio](https://tokio.rs), made for the Catena broker;
//! what is in the standard works with any broker.
//!
//! What it is: one [`Client`], cloned wherever it is needed, that keeps a connection and a session.
//! It publishes and waits for the broker's answer, subscribes and gives back streams, and comes
//! back by itself when the connection breaks.
//!
//! What it never does: grow without a limit, lose what the broker has acknowledged, acknowledge out
//! of order, or panic.
//!
//! This program is [`samples/hello`], and runs as it stands here against a broker that `catena run`
//! has started:
//!
//! ```no_run
//! use catena_sdk::Client;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), catena_sdk::Error> {
//!     let url = std::env::args().nth(1);
//!     let url = url.as_deref().unwrap_or("mqtt://localhost:1883");
//!
//!     let client = Client::connect(url).await?;
//!     let mut messages = client.subscribe("plant/+/temperature").await?;
//!
//!     client.publish(("plant/line-1/temperature", "21.5")).await?;
//!
//!     if let Some(message) = messages.next().await {
//!         let payload = String::from_utf8_lossy(message.payload());
//!         println!("{}: {payload}", message.topic());
//!     }
//!     client.close().await;
//!     Ok(())
//! }
//! ```
//!
//! [`samples/hello`]: https://github.com/catena-mqtt/catena/tree/main/samples
//!
//! # What survives what
//!
//! | | the connection breaks | the broker loses the session |
//! | --- | --- | --- |
//! | publish at QoS 0 | [`Error::ConnectionLost`], or lost unnoticed | the same |
//! | publish at QoS 1 | sent again | published again |
//! | publish at QoS 2 | sent again, once in the end | [`Error::SessionLost`] if unanswered |
//! | subscription | stays | made again, and its stream goes on |
//! | unacknowledged message | comes again, unless the program still has it | is lost |
//! | observed key | each change is told afterwards | [`Change::Gap`], then the present value |
//!
//! # Where to start reading
//!
//! [`Client`] is the way in, [`Builder`] has the options, [`Error`] tells what to do when something
//! fails. [`Requester`] sends requests and waits for their responses,
//! [`Client::requests`] answers them; [`StateStore`], [`Lock`] and [`LeaderElection`] build
//! on the broker's key-value store. Inside, `session` is the bookkeeping, `connection` is
//! `rumqttc`, and `driver` the task that joins them.

mod backoff;
mod builder;
mod client;
mod clock;
mod connection;
mod driver;
mod election;
mod error;
mod event;
mod lease;
mod lock;
mod message;
mod messages;
mod publish;
mod qos;
mod random;
mod reason;
mod rpc;
mod session;
mod store;
mod subscribe;
mod tasks;
mod text;
mod tls;
mod topic;
mod url;

pub use builder::Builder;
pub use client::Client;
pub use election::{LeaderElection, Leadership};
pub use error::{Error, Outcome};
pub use event::{Event, Events};
pub use lease::{Held, Lease, Lost};
pub use lock::Lock;
pub use message::Message;
pub use messages::Messages;
pub use publish::{Pending, Properties, Publish, Published};
pub use qos::Qos;
pub use reason::Reason;
pub use rpc::{Request, Requester, Requests};
pub use store::{
    Change, Condition, Delete, Entry, Group, GroupOutcome, Keys, Observer, Set, StateStore,
    TimeToLive, Version, Written,
};
pub use subscribe::{RetainHandling, Subscribe};
pub use tls::Tls;
