//! Entries that live for a time: the case `ttl` of Dapr's conformance suite.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use catena_dapr_proto::v1::SetRequest;

use crate::fixture::{Fixture, PARTITIONS};
use crate::store::{Store, get, metadata, set};

fn for_seconds(key: &str, seconds: &str) -> SetRequest {
    SetRequest {
        metadata: metadata([("ttlInSeconds", seconds)]),
        ..set(key, "\"x\"")
    }
}

async fn expire_time(store: &Store, key: &str) -> Option<String> {
    let found = store.get(get(key)).await.unwrap();
    assert_eq!(&*found.data, b"\"x\"");
    found.metadata.get("ttlExpireTime").cloned()
}

/// Seconds until a moment in RFC 3339.
fn seconds_until(text: &str) -> i64 {
    let at: prost_types::Timestamp = text.parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    at.seconds - i64::try_from(now.as_secs()).unwrap()
}

#[tokio::test]
async fn what_is_no_number_of_seconds_is_refused() {
    let fixture = Fixture::start().await;
    for seconds in ["foo", "-2", "1.5", "2147483648"] {
        let failed = fixture
            .store
            .set(for_seconds("k", seconds))
            .await
            .unwrap_err();
        assert_eq!(failed.http_code(), 400);
        assert!(failed.text().contains("ttlInSeconds"));
    }
    assert_eq!(fixture.store.value("k").await, None);
}

#[tokio::test]
async fn an_entry_is_there_at_first_and_gone_in_time() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        fixture.store.set(for_seconds("k", "1")).await.unwrap();
        assert_eq!(fixture.store.value("k").await.unwrap(), b"\"x\"");
        let gone = async { while fixture.store.value("k").await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(20), gone)
            .await
            .unwrap();
        let found = fixture.store.get(get("k")).await.unwrap();
        assert!(found.etag.is_none() && found.metadata.is_empty());
    }
}

#[tokio::test]
async fn the_end_is_told_until_a_set_takes_it_away() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        for without in [Some("-1"), Some("0"), Some(""), None] {
            store.set(for_seconds("k", "3600")).await.unwrap();
            let left = seconds_until(&expire_time(store, "k").await.unwrap());
            assert!((3_000..=3_602).contains(&left), "{left}");
            let again = without.map_or_else(|| set("k", "\"x\""), |it| for_seconds("k", it));
            store.set(again).await.unwrap();
            assert_eq!(expire_time(store, "k").await, None, "{without:?}");
        }
    }
}

#[tokio::test]
async fn a_bulk_get_tells_each_end() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let items = vec![
        for_seconds("a", "3600"),
        set("b", "\"x\""),
        for_seconds("c", "7200"),
    ];
    store.bulk_set(items).await.unwrap();
    let keys = ["a", "b", "c", "d"].map(get).to_vec();
    let found = store.bulk_get(keys, 0).await.unwrap();
    let left: Vec<_> = { found.iter() }
        .map(|item| {
            item.metadata
                .get("ttlExpireTime")
                .map(|it| seconds_until(it) / 1_800)
        })
        .collect();
    assert!(
        matches!(*left, [Some(1 | 2), None, Some(3 | 4), None]),
        "{left:?}"
    );
}

#[tokio::test]
async fn an_entry_of_a_transaction_may_live_for_a_time() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let key = metadata([("partitionKey", "p")]);
    let mut short = for_seconds("a", "3600");
    short
        .metadata
        .insert("partitionKey".to_owned(), "p".to_owned());
    let operations = vec![
        crate::store::one(short),
        crate::store::one(set("b", "\"x\"")),
    ];
    store.transact(operations, key.clone()).await.unwrap();
    for (name, lives_for_ever) in [("a", false), ("b", true)] {
        let mut request = get(name);
        request.metadata = key.clone();
        let found = store.get(request).await.unwrap();
        assert_eq!(&*found.data, b"\"x\"");
        assert_eq!(found.metadata.is_empty(), lives_for_ever, "{name}");
    }
}
