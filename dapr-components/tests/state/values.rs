//! The operations that Dapr's conformance suite always runs: set, get, delete and their bulk forms.

use crate::fixture::{Fixture, PARTITIONS};
use crate::store::{Header, delete, get, set};

/// Names and bytes as the suite's values arrive: JSON, but for bytes.
const VALUES: [(&str, &[u8]); 9] = [
    ("int", b"123"),
    ("bool", b"true"),
    ("bytes", &[0x01]),
    ("all-bytes", &[0, 0xff, b'\r', b'\n', b'$']),
    ("string", b"\"hello world\""),
    ("empty-string", b"\"\""),
    ("string-with-json", br#""{\"a\":\"b\"}""#),
    ("struct", br#"{"message":"test"}"#),
    ("to-be-deleted", b"\"to be deleted\""),
];

#[tokio::test]
async fn values_come_back_byte_for_byte_and_go_when_they_are_deleted() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        for (key, value) in VALUES {
            store.set(set(key, value)).await.unwrap();
        }
        for (key, value) in VALUES {
            let found = store.get(get(key)).await.unwrap();
            assert_eq!(found.data, value, "{key}");
            assert!(found.metadata.is_empty() && !found.etag.unwrap().value.is_empty());
        }
        for key in ["to-be-deleted", "never-inserted"] {
            store.delete(delete(key)).await.unwrap();
            let found = store.get(get(key)).await.unwrap();
            assert_eq!((found.data.len(), found.etag), (0, None));
        }
    }
}

#[tokio::test]
async fn an_empty_value_has_an_etag_and_a_missing_one_has_not() {
    let fixture = Fixture::start().await;
    fixture.store.set(set("empty", "")).await.unwrap();
    let found = fixture.store.get(get("empty")).await.unwrap();
    assert!(found.data.is_empty() && found.etag.is_some());
}

#[tokio::test]
async fn bulk_operations_do_all_items() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        let items = VALUES.map(|(key, value)| set(key, value)).to_vec();
        store.bulk_set(items).await.unwrap();
        for (key, value) in VALUES {
            assert_eq!(store.value(key).await.as_deref(), Some(value));
        }
        let keys = VALUES
            .map(|(key, _)| key)
            .into_iter()
            .chain(["doesnotexist"]);
        for parallelism in [0, 1, -1, 1_000] {
            let items = keys.clone().map(get).collect();
            let found = store.bulk_get(items, parallelism).await.unwrap();
            assert_eq!(found.len(), VALUES.len() + 1);
            for (item, (key, value)) in found.iter().zip(VALUES) {
                assert_eq!((&*item.key, &*item.data, &*item.error), (key, value, ""));
                assert!(item.etag.is_some());
            }
            let last = found.last().unwrap();
            assert_eq!((&*last.key, &*last.error), ("doesnotexist", ""));
            assert!(last.data.is_empty() && last.etag.is_none());
        }
        store
            .bulk_delete(keys.clone().map(delete).collect())
            .await
            .unwrap();
        for key in keys {
            assert_eq!(store.value(key).await, None);
        }
    }
}

#[tokio::test]
async fn a_thousand_items_are_no_trouble_and_of_one_key_the_last_wins() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let key = |n: usize| format!("k{}", n % 500);
    let items = (0..1_000).map(|n| set(&key(n), n.to_string())).collect();
    store.bulk_set(items).await.unwrap();
    let found = store
        .bulk_get((0..500).map(|n| get(&key(n))).collect(), 0)
        .await
        .unwrap();
    for (n, item) in found.iter().enumerate() {
        assert_eq!(item.data, (n + 500).to_string().as_bytes());
    }
}

#[tokio::test]
async fn nothing_is_nothing() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    store.bulk_set(Vec::new()).await.unwrap();
    store.bulk_delete(Vec::new()).await.unwrap();
    assert!(store.bulk_get(Vec::new(), 0).await.unwrap().is_empty());
    store
        .transact(Vec::new(), Default::default())
        .await
        .unwrap();
    assert_eq!(store.get(get("")).await.unwrap_err().http_code(), 400);
    assert_eq!(store.set(set("", "1")).await.unwrap_err().http_code(), 400);
}

#[tokio::test]
async fn a_large_value_travels_and_one_that_is_too_large_is_refused() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let large = vec![7; 3 * 1024 * 1024];
    store.set(set("large", large.clone())).await.unwrap();
    assert_eq!(store.value("large").await, Some(large));
    let key = "k".repeat(70_000);
    assert_eq!(
        store.set(set(&key, "1")).await.unwrap_err().http_code(),
        413
    );
    store.ping().await.unwrap();
}

/// `actorStateStore`: bytes of a protobuf message.
#[tokio::test]
async fn bytes_that_are_no_text_are_kept() {
    let fixture = Fixture::start().await;
    let message = [
        0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
    ];
    fixture.store.set(set("proto", message)).await.unwrap();
    assert_eq!(
        fixture.store.value("proto").await.as_deref(),
        Some(&message[..])
    );
}

#[tokio::test]
async fn the_default_instance_is_meant_by_an_empty_name_and_by_none() {
    let fixture = Fixture::with_header(Header::Empty).await;
    fixture.store.set(set("k", "1")).await.unwrap();
    let absent = fixture.as_seen_by(Header::Absent).await;
    assert_eq!(absent.value("k").await.unwrap(), b"1");
    absent.set(set("k", "2")).await.unwrap();
    assert_eq!(fixture.store.value("k").await.unwrap(), b"2");
}

#[tokio::test]
async fn queries_are_refused_with_the_reason() {
    let fixture = Fixture::start().await;
    let failed = fixture.store.query().await.unwrap_err();
    assert_eq!(failed.http_code(), 501);
    assert!(failed.text().contains("cannot be queried"));
}
