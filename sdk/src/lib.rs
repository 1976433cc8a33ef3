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
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let broker = catena_sdk_testing::Broker::start()?;
//! # let url = broker.url();
//! use catena_sdk::Client;
//!
//! let client = Client::connect(&url).await?;
//! let mut messages = client.subscribe("plant/+/temperature").await?;
//!
//! client.publish(("plant/line-1/temperature", "21.5")).await?;
//!
//! let message = messages.next().await.ok_or("the client has ended")?;
//! assert_eq!(message.payload().as_ref(), b"21.5");
//! client.close().await;
//! # Ok(())
//! # }
//! ```
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
//!
//! # Where to start reading
//!
//! [`Client`] is the way in, [`Builder`] has the options, [`Error`] tells what to do when something
//! fails. [`Requester`] waits for responses; [`StateStore`], [`Lock`] and [`LeaderElection`] build
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
pub use rpc::Requester;
pub use store::{
    Change, Condition, Delete, Entry, Group, GroupOutcome, Keys, Observer, Set, StateStore,
    TimeToLive, Version, Written,
};
pub use subscribe::{RetainHandling, Subscribe};
pub use tls::Tls;
