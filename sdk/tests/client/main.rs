//! The client against brokers: Catena inside the test, mosquitto, and a broker that does as the
//! test says.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test cannot have fails it"
)]

mod closing;
mod mosquitto;
mod overlapping;
mod proxy;
mod publishing;
mod reconnecting;
mod refusing;
mod requests;
mod scripted;
mod store;
mod subscribing;

use std::time::Duration;

use catena_sdk::{Builder, Client, Event, Events};

/// A client that comes back quickly.
fn builder(url: &str) -> Builder {
    Client::builder(url).backoff(Duration::from_millis(5), Duration::from_millis(50))
}

/// Waits for something that has to come.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .expect("it comes in time")
}

/// Waits for the next connection, and tells whether the session was there.
async fn connected(events: &mut Events) -> bool {
    soon(async {
        loop {
            match events.next().await {
                Some(Event::Connected { session_present }) => return session_present,
                Some(_) => {}
                None => panic!("the client has ended"),
            }
        }
    })
    .await
}
