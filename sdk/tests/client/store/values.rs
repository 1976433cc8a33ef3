//! Values, conditions and observers.

use std::time::Duration;

use catena_sdk::{Change, Error, Outcome, Set};
use catena_sdk_testing::Broker;

use super::responder::Responder;
use super::store;
use crate::proxy::Proxy;
use crate::soon;

#[tokio::test]
async fn values_are_set_read_and_removed() {
    let broker = Broker::start().unwrap();
    let _responder = Responder::start(&broker.url()).await;
    let store = store(&broker.url()).await;
    assert_eq!(store.get("k").await.unwrap(), None);
    let first = store.set("k", "1").await.unwrap();
    let entry = store.get("k").await.unwrap().unwrap();
    assert_eq!(
        (&*entry.value, entry.version),
        (&b"1"[..], Some(first.clone()))
    );

    let once = Set::new("k", "2").if_absent();
    assert_eq!(store.set_with(once.clone()).await.unwrap(), None);
    assert!(!store.delete_if("k", "2").await.unwrap());
    assert!(store.delete("k").await.unwrap() && !store.delete("k").await.unwrap());
    assert!(store.set_with(once).await.unwrap().unwrap() > first);
    assert!(store.delete_if("k", "2").await.unwrap());
}

#[tokio::test]
async fn refusals_are_told_in_the_store_s_words() {
    let broker = Broker::start().unwrap();
    let _responder = Responder::start(&broker.url()).await;
    let store = store(&broker.url()).await;
    let error = store.set("", "1").await.unwrap_err();
    assert!(!error.is_retryable() && error.outcome() == Outcome::NotApplied);
    let Error::StoreRefused { text } = error else {
        panic!("{error:?}");
    };
    assert_eq!(text, "the key length is zero");
    let error = store.set_with(Set::new("k", "1").lifetime(Duration::ZERO));
    assert!(matches!(
        error.await,
        Err(Error::Invalid {
            what: "lifetime",
            ..
        })
    ));
}

#[tokio::test]
async fn an_observer_follows_a_key_through_broken_connections() {
    let broker = Broker::start().unwrap();
    let proxy = Proxy::start(broker.address()).await;
    let responder = Responder::start(&broker.url()).await;
    let (observing, other) = (store(&proxy.url()).await, store(&broker.url()).await);
    let mut observer = observing.observe("k").await.unwrap();
    let version = other.set("k", "1").await.unwrap();
    let change = soon(observer.next()).await.unwrap().unwrap();
    let version = Some(version);
    let value = "1".into();
    assert_eq!(change, Change::Set { value, version });
    other.delete("k").await.unwrap();
    let change = soon(observer.next()).await.unwrap().unwrap();
    assert_eq!(change, Change::Deleted);

    responder.forget_observers();
    let version = Some(other.set("k", "2").await.unwrap());
    proxy.cut();
    let change = soon(observer.next()).await.unwrap().unwrap();
    let value = "2".into();
    assert_eq!(change, Change::Set { value, version });
    // Registered again.
    other.delete("k").await.unwrap();
    let change = soon(observer.next()).await.unwrap().unwrap();
    assert_eq!(change, Change::Deleted);
}
