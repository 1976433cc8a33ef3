//! Transactions: the case `transaction` of Dapr's conformance suite, what actors do, and what
//! applications do with keys of their own.

use std::collections::HashMap;

use catena_dapr_proto::v1::{DeleteRequest, GetRequest, SetRequest};

use crate::fixture::{Fixture, PARTITIONS};
use crate::store::{Failed, Store, delete, etag, first_write, get, metadata, one, set};

/// What the suite sends with each request.
fn my_partition() -> HashMap<String, String> {
    metadata([("partitionKey", "myPartition")])
}

fn question(key: &str, metadata: HashMap<String, String>) -> GetRequest {
    GetRequest {
        metadata,
        ..get(key)
    }
}

fn set_in(key: &str, value: &str, metadata: HashMap<String, String>) -> SetRequest {
    SetRequest {
        metadata,
        ..set(key, value)
    }
}

fn delete_in(key: &str, metadata: HashMap<String, String>) -> DeleteRequest {
    DeleteRequest {
        metadata,
        ..delete(key)
    }
}

async fn value(store: &Store, key: &str, metadata: HashMap<String, String>) -> Vec<u8> {
    store
        .get(question(key, metadata))
        .await
        .unwrap()
        .data
        .to_vec()
}

#[tokio::test]
async fn groups_of_sets_and_deletes_are_done() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        let keys: Vec<String> = (0..20).map(|n| format!("trx-{n}")).collect();
        let sets = keys.iter().map(|key| one(set(key, key.clone()))).collect();
        store.transact(sets, my_partition()).await.unwrap();
        for key in &keys {
            assert_eq!(value(store, key, my_partition()).await, key.as_bytes());
        }
        let deletes = keys.iter().map(|key| one(delete(key))).collect();
        store.transact(deletes, my_partition()).await.unwrap();
        for key in &keys {
            assert_eq!(value(store, key, my_partition()).await, b"");
        }
    }
}

#[tokio::test]
async fn deleting_what_is_not_there_is_no_error() {
    let fixture = Fixture::start().await;
    let operations = vec![one(delete("non-existent-key"))];
    fixture
        .store
        .transact(operations, my_partition())
        .await
        .unwrap();
}

#[tokio::test]
async fn operations_are_done_in_their_order() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        store
            .set(set_in("key1", "value1", my_partition()))
            .await
            .unwrap();
        store
            .delete(delete_in("key2", my_partition()))
            .await
            .unwrap();
        store
            .delete(delete_in("key3", my_partition()))
            .await
            .unwrap();
        let operations = vec![
            one(delete("key1")),
            one(set("key2", "value2")),
            one(delete("key2")),
            one(set("key3", "value3")),
            one(set("key4", "value4")),
            one(set("key4", "value5")),
        ];
        store.transact(operations, my_partition()).await.unwrap();
        for (key, expected) in [
            ("key1", ""),
            ("key2", ""),
            ("key3", "value3"),
            ("key4", "value5"),
        ] {
            assert_eq!(
                value(store, key, my_partition()).await,
                expected.as_bytes(),
                "{key}"
            );
        }
    }
}

/// The sidecar's actors: key and partition key have the same beginning.
#[tokio::test]
async fn an_actor_s_state_changes_together() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        for actor in 0..20 {
            let actor = format!("shop||cart||{actor}");
            let with = metadata([("partitionKey", &*actor)]);
            let key = |name: &str| format!("{actor}||{name}");
            let operations =
                ["a", "b", "c"].map(|name| one(set_in(&key(name), &actor, with.clone())));
            store
                .transact(operations.to_vec(), with.clone())
                .await
                .unwrap();
            let operations = vec![one(delete_in(&key("a"), with.clone()))];
            store.transact(operations, with.clone()).await.unwrap();
            for (name, expected) in [("a", ""), ("b", &*actor), ("c", &*actor)] {
                assert_eq!(
                    value(store, &key(name), with.clone()).await,
                    expected.as_bytes()
                );
            }
        }
    }
}

#[tokio::test]
async fn an_application_s_keys_meet_unless_the_component_spreads_them() {
    let spread = |store: &Store| {
        let store = store.clone();
        async move {
            let operations = (0..8)
                .map(|n| one(set(&format!("shop||{n}"), "1")))
                .collect();
            store.transact(operations, HashMap::new()).await
        }
    };
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        spread(&fixture.store).await.unwrap();
        assert_eq!(fixture.store.value("shop||7").await.unwrap(), b"1");

        // Already in force, so that it is no remedy.
        let operations = (0..8).map(|n| one(set(&n.to_string(), "1"))).collect();
        let made = fixture.store.transact(operations, HashMap::new()).await;
        let failed = made.unwrap_err();
        assert_eq!(failed.http_code(), 400);
        let text = failed.text();
        assert!(text.contains("partitionKey") && text.contains("keyPrefix"));
        assert!(!text.contains("partitionBy"), "{text}");

        let by_key = fixture.component("by-key", &[("partitionBy", "key")]).await;
        let failed = spread(&by_key).await.unwrap_err();
        assert_eq!(failed.http_code(), 400);
        let text = failed.text();
        assert!(
            text.contains("partitionKey") && text.contains("partitionBy"),
            "{text}"
        );
        assert_eq!(by_key.value("shop||7").await, None);

        let operations = (0..8)
            .map(|n| one(set(&format!("shop||{n}"), "2")))
            .collect();
        by_key.transact(operations, my_partition()).await.unwrap();
        assert_eq!(value(&by_key, "shop||7", my_partition()).await, b"2");
        // Keys with braces of the application's own.
        let operations = (0..8)
            .map(|n| one(set(&format!("shop||{{7}}||{n}"), "3")))
            .collect();
        by_key.transact(operations, HashMap::new()).await.unwrap();
        assert_eq!(by_key.value("shop||{7}||0").await.unwrap(), b"3");
    }
}

#[tokio::test]
async fn what_is_asked_for_differently_is_a_different_entry() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let with = |partition: &str| metadata([("partitionKey", partition)]);
    let entries = [
        ("total", HashMap::new()),
        ("total", with("shop")),
        ("shop||total", with("shop")),
        ("shop||total", with("other")),
        ("{shop}||total", HashMap::new()),
        ("{shop}||||total", HashMap::new()),
    ];
    for (index, (key, with)) in entries.iter().enumerate() {
        let request = set_in(key, &index.to_string(), with.clone());
        store.set(request).await.unwrap();
    }
    for (index, (key, with)) in entries.iter().enumerate() {
        assert_eq!(
            value(store, key, with.clone()).await,
            index.to_string().as_bytes(),
            "{key}"
        );
    }
    // The same entry: the application's ID is both prefix and partition key.
    assert_eq!(value(store, "shop||total", HashMap::new()).await, b"2");
}

#[tokio::test]
async fn nothing_is_done_unless_all_conditions_are_met() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        store.set(set("shop||a", "1")).await.unwrap();
        let known = store.etag("shop||a").await;
        let mut right = set("shop||a", "2");
        right.etag = etag(&known);
        let mut taken = set("shop||a", "2");
        taken.options = first_write();
        let mut missing = delete("shop||c");
        missing.etag = etag(&known);
        let mut bad = set("shop||a", "2");
        bad.etag = etag("bad-etag");
        let exists = "exists already";
        let differs = "not there with this ETag";
        for (unmet, why) in [
            (one(taken), exists),
            (one(missing), differs),
            (one(bad), differs),
        ] {
            let operations = vec![one(set("shop||b", "2")), unmet];
            let failed = store
                .transact(operations, HashMap::new())
                .await
                .unwrap_err();
            assert_eq!(failed.http_code(), 409, "{failed:?}");
            assert!(failed.text().contains(why), "{failed:?}");
            assert_eq!(store.value("shop||b").await, None);
        }
        let mut fresh = set("shop||b", "2");
        fresh.options = first_write();
        let operations = vec![one(right.clone()), one(fresh)];
        store.transact(operations, HashMap::new()).await.unwrap();
        assert_eq!(store.value("shop||a").await.unwrap(), b"2");
        assert_eq!(store.value("shop||b").await.unwrap(), b"2");
        let failed = store
            .transact(vec![one(right)], HashMap::new())
            .await
            .unwrap_err();
        assert_eq!(failed.http_code(), 409);
    }
}

#[tokio::test]
async fn a_first_write_delete_demands_that_there_is_nothing_and_leaves_it_so() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        let mut absent = delete("shop||lock");
        absent.options = first_write();
        let operations = |value: &str| vec![one(set("shop||a", value)), one(absent.clone())];
        let made = store.transact(operations("1"), HashMap::new());
        made.await.unwrap();
        assert_eq!(store.value("shop||a").await.unwrap(), b"1");
        let found = store.get(get("shop||lock")).await.unwrap();
        assert_eq!(found.etag, None);

        store.set(set("shop||lock", "mine")).await.unwrap();
        let made = store.transact(operations("2"), HashMap::new()).await;
        let failed = made.unwrap_err();
        assert_eq!(failed.http_code(), 409, "{failed:?}");
        assert!(failed.text().contains("exists already"), "{failed:?}");
        assert_eq!(store.value("shop||a").await.unwrap(), b"1");
        assert_eq!(store.value("shop||lock").await.unwrap(), b"mine");
    }
}

#[tokio::test]
async fn a_transaction_has_as_many_operations_as_is_told() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let most = usize::try_from(store.multi_max_size().await.unwrap()).unwrap();
    // An actor with many keys, and a workflow with a long history, save all of them together.
    assert_eq!(most, 4_096);
    let sets = |count| {
        (0..count)
            .map(|n| one(set(&format!("shop||{n}"), "1")))
            .collect()
    };
    store.transact(sets(most), HashMap::new()).await.unwrap();
    assert_eq!(
        store.value(&format!("shop||{}", most - 1)).await.unwrap(),
        b"1"
    );
    let failed = store
        .transact(sets(most + 1), HashMap::new())
        .await
        .unwrap_err();
    assert!(
        matches!(failed, Failed::Kit { http_code: 400, .. }),
        "{failed:?}"
    );
    assert!(
        failed.text().contains("at most 4096 together"),
        "{failed:?}"
    );
}

/// Transfers between two entries: the sum stays, whoever reads.
#[tokio::test]
async fn nobody_sees_half_of_a_transaction_that_fails() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let keys = ["shop||a", "shop||b"];
    store
        .bulk_set(keys.map(|key| set(key, "50")).to_vec())
        .await
        .unwrap();
    let mut transfers = tokio::task::JoinSet::new();
    for n in 0..4 {
        let store = store.clone();
        transfers.spawn(async move {
            for _ in 0..5 {
                let found = store.bulk_get(keys.map(get).to_vec(), 0).await.unwrap();
                let amount = |n: usize| -> i32 {
                    String::from_utf8(found[n].data.to_vec())
                        .unwrap()
                        .parse()
                        .unwrap()
                };
                let after = [amount(0) - n, amount(1) + n];
                let operations = [0, 1].map(|n| {
                    one(SetRequest {
                        etag: found[n].etag.clone(),
                        ..set(keys[n], after[n].to_string())
                    })
                });
                match store.transact(operations.to_vec(), HashMap::new()).await {
                    Ok(()) => assert_eq!(after[0] + after[1], 100),
                    Err(failed) => assert_eq!(failed.http_code(), 409),
                }
            }
        });
    }
    while let Some(done) = transfers.join_next().await {
        done.unwrap();
    }
    let found = store.bulk_get(keys.map(get).to_vec(), 0).await.unwrap();
    let sum: i32 = { found.iter() }
        .map(|item| String::from_utf8_lossy(&item.data).parse::<i32>().unwrap())
        .sum();
    assert_eq!(sum, 100);
}
