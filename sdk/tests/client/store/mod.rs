//! What stands on request and response: the state store, locks, elections.

mod foreign;
mod leases;
mod observers;
mod values;

use catena_sdk::StateStore;

use crate::builder;

/// A client of its own, and its store.
async fn store(url: &str) -> StateStore {
    let client = builder(url).connect().await.unwrap();
    StateStore::new(&client).await.unwrap()
}
