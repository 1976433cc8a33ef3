//! ETags and concurrency: the cases `etag` and `first-write` of Dapr's conformance suite.

use catena_dapr_proto::v1::SetRequest;

use crate::fixture::{Fixture, PARTITIONS};
use crate::store::{Failed, delete, etag, first_write, get, set};

/// The suite's own.
const BAD: &str = "bad-etag";

#[tokio::test]
async fn a_set_or_delete_with_an_etag_is_done_if_nobody_has_changed_the_entry() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        store.set(set("k", "first")).await.unwrap();
        let first = store.etag("k").await;
        let with = |value: &str, tag: &str| SetRequest {
            etag: etag(tag),
            ..set("k", value)
        };
        assert!(
            store
                .set(with("second", BAD))
                .await
                .unwrap_err()
                .is_mismatch()
        );
        store.set(with("second", &first)).await.unwrap();
        assert_eq!(store.value("k").await.unwrap(), b"second");
        let second = store.etag("k").await;
        assert_ne!(first, second);
        assert!(
            store
                .set(with("third", &first))
                .await
                .unwrap_err()
                .is_mismatch()
        );

        for tag in [BAD, &*first] {
            let mut wrong = delete("k");
            wrong.etag = etag(tag);
            assert!(store.delete(wrong).await.unwrap_err().is_mismatch());
        }
        let mut right = delete("k");
        right.etag = etag(&second);
        store.delete(right.clone()).await.unwrap();
        let found = store.get(get("k")).await.unwrap();
        assert!(found.data.is_empty() && found.etag.is_none());
        // It is not there with any ETag now.
        assert!(store.delete(right).await.unwrap_err().is_mismatch());
        assert!(
            store
                .set(with("fourth", &second))
                .await
                .unwrap_err()
                .is_mismatch()
        );
        assert_eq!(store.value("k").await, None);
    }
}

#[tokio::test]
async fn of_bulk_operations_the_items_that_are_right_are_done() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        let keys = ["a", "b", "c"];
        store
            .bulk_set(keys.map(|key| set(key, "first")).to_vec())
            .await
            .unwrap();
        let found = store.bulk_get(keys.map(get).to_vec(), 0).await.unwrap();
        let tags: Vec<_> = found.into_iter().map(|item| item.etag.unwrap()).collect();

        let mut wrong = set("a", "second");
        wrong.etag = etag(BAD);
        let mut right = set("b", "second");
        right.etag = Some(tags[1].clone());
        let failed = store.bulk_set(vec![wrong, right]).await.unwrap_err();
        let Failed::EtagMismatch(text) = failed else {
            panic!("{failed:?}");
        };
        assert!(text.contains("\"a\"") && !text.contains("\"b\""), "{text}");
        assert_eq!(store.value("a").await.unwrap(), b"first");
        assert_eq!(store.etag("a").await, tags[0].value);
        assert_eq!(store.value("b").await.unwrap(), b"second");
        assert_ne!(store.etag("b").await, tags[1].value);

        let mut right = delete("a");
        right.etag = Some(tags[0].clone());
        let mut wrong = delete("b");
        wrong.etag = etag(BAD);
        let failed = store.bulk_delete(vec![right, wrong]).await.unwrap_err();
        assert!(failed.is_mismatch(), "{failed:?}");
        assert_eq!(store.value("a").await, None);
        assert_eq!(store.value("b").await.unwrap(), b"second");

        let mut b = delete("b");
        b.etag = etag(&store.etag("b").await);
        let mut c = delete("c");
        c.etag = Some(tags[2].clone());
        store.bulk_delete(vec![b, c]).await.unwrap();
        let left = store.bulk_get(keys.map(get).to_vec(), 0).await.unwrap();
        assert!(
            left.iter()
                .all(|item| item.data.is_empty() && item.etag.is_none())
        );
    }
}

#[tokio::test]
async fn an_etag_that_can_be_nobody_s_is_invalid() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    store.set(set("k", "1")).await.unwrap();
    let mut damaged = set("k", "2");
    damaged.etag = etag("a\u{7}b");
    let failed = store.set(damaged.clone()).await.unwrap_err();
    assert!(matches!(failed, Failed::EtagInvalid(_)), "{failed:?}");
    let mut wrong = set("k", "2");
    wrong.etag = etag(BAD);
    let failed = store
        .bulk_set(vec![wrong, damaged, set("l", "1")])
        .await
        .unwrap_err();
    assert!(matches!(failed, Failed::EtagInvalid(_)), "{failed:?}");
    assert_eq!(store.value("k").await.unwrap(), b"1");
    assert_eq!(store.value("l").await.unwrap(), b"1");
}

#[tokio::test]
async fn the_first_write_without_an_etag_wins() {
    for partitions in PARTITIONS {
        let fixture = Fixture::with_partitions(partitions).await;
        let store = &fixture.store;
        for tag in [None, etag("")] {
            let write = |value: &str| SetRequest {
                etag: tag.clone(),
                options: first_write(),
                ..set("k", value)
            };
            store.delete(delete("k")).await.unwrap();
            store.set(write("first")).await.unwrap();
            assert_eq!(store.value("k").await.unwrap(), b"first");
            let failed = store.set(write("second")).await.unwrap_err();
            assert!(failed.is_mismatch());
            // Nobody has sent an ETag.
            assert!(failed.text().contains("exists already"), "{failed:?}");
            assert_eq!(store.value("k").await.unwrap(), b"first");
        }
    }
}

#[tokio::test]
async fn a_first_write_with_an_etag_needs_the_latest() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    store.set(set("k", "first")).await.unwrap();
    let write = SetRequest {
        etag: etag(&store.etag("k").await),
        options: first_write(),
        ..set("k", "second")
    };
    store.set(write.clone()).await.unwrap();
    assert_eq!(store.value("k").await.unwrap(), b"second");
    assert!(store.set(write).await.unwrap_err().is_mismatch());
}

#[tokio::test]
async fn a_first_write_delete_demands_that_there_is_nothing() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    let mut delete = delete("k");
    delete.options = first_write();
    store.delete(delete.clone()).await.unwrap();
    store.set(set("k", "1")).await.unwrap();
    let failed = store.delete(delete).await.unwrap_err();
    assert!(failed.is_mismatch() && failed.text().contains("exists already"));
    assert_eq!(store.value("k").await.unwrap(), b"1");
}

/// Eight writers, of which each tries again until it has added its share.
#[tokio::test]
async fn no_change_is_lost_among_writers_that_use_etags() {
    let fixture = Fixture::start().await;
    fixture.store.set(set("n", "0")).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = fixture.store.clone();
        writers.spawn(async move {
            let mut left = 5;
            while left > 0 {
                let found = store.get(get("n")).await.unwrap();
                let n: u32 = String::from_utf8(found.data.to_vec())
                    .unwrap()
                    .parse()
                    .unwrap();
                let mut next = set("n", (n + 1).to_string());
                next.etag = found.etag;
                match store.set(next).await {
                    Ok(()) => left -= 1,
                    Err(failed) => assert!(failed.is_mismatch(), "{failed:?}"),
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(fixture.store.value("n").await.unwrap(), b"40");
}
