//! The operations that Dapr's conformance suite always runs: set, get, delete and their bulk forms.

use catena_dapr_proto::v1::BulkStateItem;
use catena_sdk::{Client, StateStore};
use tonic::Code;

use crate::fixture::{Fixture, PARTITIONS};
use crate::store::{Failed, Header, delete, get, metadata, one, set};

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

/// 4 MiB, less what an envelope may need.
const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024 - 1024;

#[tokio::test]
async fn a_large_value_travels_and_one_that_is_too_large_is_refused() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let large = vec![7; VALUE_BYTES_MAX];
    store.set(set("large", large.clone())).await.unwrap();
    assert_eq!(store.value("large").await, Some(large));
    let key = "k".repeat(70_000);
    assert_eq!(
        store.set(set(&key, "1")).await.unwrap_err().http_code(),
        413
    );
    store.ping().await.unwrap();
}

#[track_caller]
fn is_too_large_for_a_sidecar(failed: &Failed) {
    let tag = failed.tag();
    assert_eq!(tag, Some("ERR_STATE_TOO_LARGE_FOR_SIDECAR"), "{failed:?}");
    assert!(matches!(
        failed,
        Failed::Kit {
            code: Code::ResourceExhausted,
            http_code: 413,
            ..
        }
    ));
    assert!(failed.text().contains("4 MiB"), "{failed:?}");
}

#[tokio::test]
async fn a_value_that_no_sidecar_could_read_is_neither_set_nor_sent() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let large = vec![7; VALUE_BYTES_MAX + 1];
    let made = store.set(set("large", large.clone())).await;
    is_too_large_for_a_sidecar(&made.unwrap_err());
    let both = vec![set("small", "1"), set("large", large.clone())];
    let made = store.bulk_set(both.clone()).await;
    is_too_large_for_a_sidecar(&made.unwrap_err());
    assert_eq!(store.value("small").await.unwrap(), b"1");
    store.delete(delete("small")).await.unwrap();
    let partition = metadata([("partitionKey", "p")]);
    let made = { store }.transact(both.into_iter().map(one).collect(), partition);
    is_too_large_for_a_sidecar(&made.await.unwrap_err());
    assert_eq!(store.value("small").await, None);

    // Another client of the store knows no sidecar.
    let client = Client::connect(&fixture.broker.url()).await.unwrap();
    let other = StateStore::new(&client).await.unwrap();
    other.set("large", large).await.unwrap();
    is_too_large_for_a_sidecar(&store.get(get("large")).await.unwrap_err());
    let found = store.bulk_get(vec![get("large"), get("none")], 0).await;
    let found = found.unwrap();
    assert!(found[0].error.contains("4 MiB") && found[0].data.is_empty());
    assert_eq!(found[1].error, "");
}

#[tokio::test]
async fn a_bulk_get_has_the_values_that_a_sidecar_takes_at_a_time() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let keys: Vec<String> = (0..6).map(|n| format!("k{n}")).collect();
    for key in &keys {
        store.set(set(key, vec![7; 1024 * 1024])).await.unwrap();
    }
    let asked = || keys.iter().map(|key| get(key)).collect();
    // The client of this test has the limit of a sidecar's.
    let found = store.bulk_get(asked(), 1).await.unwrap();
    let has_value = |item: &&BulkStateItem| item.data.len() == 1024 * 1024;
    assert_eq!(found.iter().filter(has_value).count(), 3);
    for item in found.iter().filter(|item| !has_value(item)) {
        assert!(item.error.contains("ask for fewer keys"), "{}", item.error);
        assert!(item.data.is_empty() && item.etag.is_none());
    }
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
