//! Observers of keys, through broken connections and lost sessions.

use bytes::Bytes;
use catena_sdk::{Change, Observer, Version};
use catena_sdk_testing::Broker;

use super::store;
use crate::proxy::Proxy;
use crate::{connected, soon};

async fn next(observer: &mut Observer) -> Change {
    soon(observer.next()).await.unwrap().unwrap()
}

fn set(value: impl Into<Bytes>, version: Version) -> Change {
    Change::Set {
        value: value.into(),
        version: Some(version),
    }
}

#[tokio::test]
async fn an_observer_misses_nothing_while_its_connection_is_broken() {
    let broker = Broker::start().unwrap();
    let proxy = Proxy::start(broker.address()).await;
    let (observing, other) = (store(&proxy.url()).await, store(&broker.url()).await);
    let mut observer = observing.observe("k").await.unwrap();
    let mut second = observing.observe("k").await.unwrap();
    let mut events = observing.client().events();
    let first = other.set("k", "0").await.unwrap();
    assert_eq!(next(&mut observer).await, set("0", first.clone()));
    let mut known = first.clone();
    let mut told = vec![set("0", first)];
    for round in 1..4 {
        proxy.cut();
        for step in 0..5 {
            let value = format!("{round}.{step}");
            let version = other.set("k", value.clone()).await.unwrap();
            assert_eq!(
                next(&mut observer).await,
                set(value.clone(), version.clone())
            );
            told.push(set(value, version));
        }
        assert!(other.delete("k").await.unwrap());
        let deleted = next(&mut observer).await;
        let Change::Deleted {
            version: Some(version),
        } = &deleted
        else {
            panic!("{deleted:?}");
        };
        assert!(*version > known);
        known = version.clone();
        told.push(deleted);
        assert!(connected(&mut events).await);
    }
    for change in told {
        assert_eq!(next(&mut second).await, change);
    }
}

#[tokio::test]
async fn a_gap_is_told_when_the_broker_has_lost_its_state() {
    let (old, new) = (Broker::start().unwrap(), Broker::start().unwrap());
    let proxy = Proxy::start(old.address()).await;
    let (observing, other) = (store(&proxy.url()).await, store(&new.url()).await);
    let mut known = observing.observe("known").await.unwrap();
    let mut fresh = observing.observe("fresh").await.unwrap();
    let version = observing.set("known", "1").await.unwrap();
    assert_eq!(next(&mut known).await, set("1", version));

    let versions = (other.set("known", "2").await, other.set("fresh", "3").await);
    proxy.redirect(new.address());
    proxy.cut();
    assert_eq!(next(&mut known).await, Change::Gap);
    assert_eq!(next(&mut known).await, set("2", versions.0.unwrap()));
    assert_eq!(next(&mut fresh).await, Change::Gap);
    assert_eq!(next(&mut fresh).await, set("3", versions.1.unwrap()));
    // And goes on.
    let version = other.set("fresh", "4").await.unwrap();
    assert_eq!(next(&mut fresh).await, set("4", version));
}

#[tokio::test]
async fn whoever_reads_too_slowly_is_told_so_and_ends_with_the_present() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let mut slow = store.observe("k").await.unwrap();
    let mut quick = store.observe("k").await.unwrap();
    let mut last = None;
    for n in 0..200 {
        let version = store.set("k", n.to_string()).await.unwrap();
        let change = set(n.to_string(), version);
        assert_eq!(next(&mut quick).await, change);
        last = Some(change);
    }
    while next(&mut slow).await != Change::Gap {}
    assert_eq!(next(&mut slow).await, last.unwrap());
    let version = store.set("k", "on").await.unwrap();
    assert_eq!(next(&mut slow).await, set("on", version));
}

#[tokio::test]
async fn an_observer_that_is_gone_leaves_others_and_itself_a_new_start() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let mut one = store.observe("k").await.unwrap();
    drop(store.observe("k").await.unwrap());
    let version = store.set("k", "1").await.unwrap();
    assert_eq!(next(&mut one).await, set("1", version));
    drop(one);
    store.set("k", "2").await.unwrap();
    let mut again = store.observe("k").await.unwrap();
    let version = store.set("k", "3").await.unwrap();
    assert_eq!(next(&mut again).await, set("3", version));
}
