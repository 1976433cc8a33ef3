//! Leases, locks and elections.

use std::time::Duration;

use catena_sdk::{Error, LeaderElection, Lease, Lock};
use catena_sdk_testing::Broker;

use super::store;
use crate::soon;

const TIME: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_lease_has_one_holder_and_growing_tokens() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let [a, b] = ["a", "b"].map(|holder| Lease::new(&store, "k", holder, TIME));
    let first = a.try_acquire().await.unwrap().unwrap();
    assert!(b.try_acquire().await.unwrap().is_none());
    assert_eq!(a.holder().await.unwrap().unwrap(), "a");
    let renewed = a.try_acquire().await.unwrap().unwrap();
    assert!(renewed.fencing_token() > first.fencing_token());
    assert!(!b.release().await.unwrap() && a.release().await.unwrap());
    assert_eq!(a.holder().await.unwrap(), None);
    let next = soon(b.acquire()).await.unwrap();
    assert!(next.fencing_token() > renewed.fencing_token());
}

#[tokio::test]
async fn a_lock_is_held_by_one_at_a_time() {
    let broker = Broker::start().unwrap();
    let (one, other) = (store(&broker.url()).await, store(&broker.url()).await);
    let [one, other] =
        [(&one, "a"), (&other, "b")].map(|(it, name)| Lock::new(it, "k", name, TIME));
    let inside = std::sync::atomic::AtomicU32::new(0);
    let work = async |lock: &Lock| {
        let mut tokens = Vec::new();
        for _ in 0..5 {
            let done = lock.run(async |token| {
                assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                token
            });
            tokens.push(done.await.unwrap());
        }
        tokens
    };
    let (tokens, others) = soon(async { tokio::join!(work(&one), work(&other)) }).await;
    assert!(tokens.is_sorted() && others.is_sorted());
}

#[tokio::test]
async fn work_ends_when_its_lock_is_lost() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let lock = Lock::new(&store, "k", "a", Duration::from_millis(600));
    let lost = lock.run(async |_| {
        // Somebody overrules it; the next renewal tells.
        store.set("k", "b").await.unwrap();
        std::future::pending::<()>().await;
    });
    assert!(matches!(soon(lost).await, Err(Error::LeaseLost)));
    // What is not its own is not released.
    assert_eq!(store.get("k").await.unwrap().unwrap().value, "b");
}

#[tokio::test]
async fn the_next_leader_is_elected_when_one_resigns_or_vanishes() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let short = Duration::from_millis(300);
    let [a, b] = [("a", TIME), ("b", short)];
    let [a, b] = [a, b].map(|(name, time)| LeaderElection::new(&store, "k", name, time));
    let leader = soon(a.campaign()).await.unwrap();
    let resign = async {
        assert_eq!(b.leader().await.unwrap().unwrap(), "a");
        leader.resign().await.unwrap();
    };
    let (next, ()) = soon(async { tokio::join!(b.campaign(), resign) }).await;
    let next = next.unwrap();
    assert!(next.fencing_token() > leader.fencing_token());
    // Nobody keeps it: it passes on when its time is over.
    let last = soon(a.campaign()).await.unwrap();
    assert!(last.fencing_token() > next.fencing_token());
    soon(next.lost()).await;
}
