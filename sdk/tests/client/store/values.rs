//! Values and the conditions under which they change.

use std::time::Duration;

use catena_sdk::{Delete, Error, Group, GroupOutcome, Outcome, Set, TimeToLive, Version, Written};
use catena_sdk_testing::Broker;

use super::store;

#[tokio::test]
async fn values_are_set_read_and_removed() {
    let broker = Broker::start().unwrap();
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
async fn what_somebody_has_changed_meanwhile_is_not_overwritten() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let first = store.set("k", "1").await.unwrap();
    let set = Set::new("k", "2").if_version(&first);
    let second = store.set_with(set.clone()).await.unwrap().unwrap();
    assert!(second > first);
    assert_eq!(store.set_with(set).await.unwrap(), None);
    let delete = |version| Delete::new("k").if_version(version);
    assert!(!store.delete_with(delete(&first)).await.unwrap());
    assert!(store.delete_with(delete(&second)).await.unwrap());
    // There is no such key any more.
    let set = Set::new("k", "3").if_version(&second);
    assert_eq!(store.set_with(set).await.unwrap(), None);
    assert!(!store.delete_with(delete(&second)).await.unwrap());

    let foreign = Version::parse("1:0:Somebody").unwrap();
    let error = store
        .set_with(Set::new("k", "3").if_version(&foreign))
        .await;
    let error = error.unwrap_err();
    assert!(matches!(
        &error,
        Error::Invalid {
            what: "version",
            ..
        }
    ));
    assert_eq!(error.outcome(), Outcome::NotApplied);
}

#[tokio::test]
async fn fencing_tokens_protect_keys() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let (old, new) = (
        store.set("lock", "a").await.unwrap(),
        store.set("lock", "b").await.unwrap(),
    );
    let set = Set::new("k", "1").fencing_token(&new);
    assert!(store.set_with(set).await.unwrap().is_some());
    for refused in [
        store.set("k", "2").await.map(drop),
        store.delete_fenced("k", &old).await.map(drop),
        store.increment_fenced("k", 1, &old).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, Error::StoreRefused { text } if text.contains("fencing token")));
        assert!(!error.is_retryable() && error.outcome() == Outcome::NotApplied);
    }
    assert_eq!(store.increment_fenced("k", 1, &new).await.unwrap(), 2);
    assert!(store.delete_fenced("k", &new).await.unwrap());
}

#[tokio::test]
async fn numbers_count_and_keys_live_for_a_time() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    assert_eq!(store.increment("n", 5).await.unwrap(), 5);
    assert_eq!(store.increment("n", -7).await.unwrap(), -2);
    assert_eq!(store.time_to_live("n").await.unwrap(), TimeToLive::Forever);
    assert_eq!(store.time_to_live("k").await.unwrap(), TimeToLive::Absent);
    let hour = Duration::from_secs(3600);
    store
        .set_with(Set::new("n", "1").lifetime(hour))
        .await
        .unwrap();
    assert_eq!(store.increment("n", 1).await.unwrap(), 2);
    let TimeToLive::For(left) = store.time_to_live("n").await.unwrap() else {
        panic!("it lives for ever");
    };
    assert!(left <= hour && left > hour / 2);
    let (entry, left) = store.value_with_time_to_live("n").await.unwrap().unwrap();
    assert_eq!(entry.value, "2");
    assert!(matches!(left, TimeToLive::For(left) if left <= hour && left > hour / 2));
    let version = store.set("n", "x").await.unwrap();
    let (entry, left) = store.value_with_time_to_live("n").await.unwrap().unwrap();
    assert_eq!((entry.version, left), (Some(version), TimeToLive::Forever));
    assert_eq!(store.value_with_time_to_live("k").await.unwrap(), None);
    let error = store.increment("n", 1).await.unwrap_err();
    assert!(matches!(error, Error::StoreRefused { .. }));
}

#[tokio::test]
async fn a_group_is_applied_as_a_whole_or_not_at_all() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    store.set("{7}/b", "x").await.unwrap();
    let group = Group::new()
        .set(Set::new("{7}/a", "1").if_absent())
        .delete(Delete::new("{7}/b").if_value("x"))
        .delete(Delete::new("{7}/c"))
        .increment("{7}/n", 3);
    let GroupOutcome::Applied(written) = store.apply(&group).await.unwrap() else {
        panic!("it is not applied");
    };
    let keys = ["{7}/a", "{7}/b", "{7}/n"];
    let [a, b, n] = &*store.multi_get(keys).await.unwrap() else {
        panic!("another number of entries");
    };
    let version = |entry: &Option<catena_sdk::Entry>| entry.clone().unwrap().version.unwrap();
    assert_eq!((b, &*n.clone().unwrap().value), (&None, &b"3"[..]));
    assert_eq!(
        written,
        [
            Written::Set {
                version: version(a)
            },
            Written::Deleted { was_there: true },
            Written::Deleted { was_there: false },
            Written::Incremented {
                sum: 3,
                version: version(n)
            },
        ]
    );
    // The lock is there now.
    assert_eq!(store.apply(&group).await.unwrap(), GroupOutcome::Unmet(0));
    let group = Group::new()
        .increment("{7}/n", 1)
        .delete(Delete::new("{7}/a").if_version(&version(n)));
    assert_eq!(store.apply(&group).await.unwrap(), GroupOutcome::Unmet(1));
    assert_eq!(store.increment("{7}/n", 0).await.unwrap(), 3);

    // That a key is not there may be all that is wanted of it.
    let absent = Group::new()
        .increment("{7}/n", 1)
        .require_absent("{7}/gone");
    let GroupOutcome::Applied(written) = store.apply(&absent).await.unwrap() else {
        panic!("it is not applied");
    };
    assert_eq!(written[1], Written::Deleted { was_there: false });
    store.set("{7}/gone", "x").await.unwrap();
    assert_eq!(store.apply(&absent).await.unwrap(), GroupOutcome::Unmet(1));
    assert_eq!(store.increment("{7}/n", 0).await.unwrap(), 4);

    let spread = Group::new().increment("a", 1).increment("b", 1);
    let error = store.apply(&spread).await.unwrap_err();
    assert!(matches!(error, Error::StoreRefused { text } if text.contains("braces")));
    let error = store.apply(&Group::new()).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { what: "group", .. }));
}

#[tokio::test]
async fn all_keys_are_listed_once_and_read_together() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let keys: Vec<String> = (0..300)
        .map(|n| format!("line-{n}/a*[{{{}}}", n % 7))
        .collect();
    for key in &keys {
        store.set(key.clone(), key.clone()).await.unwrap();
    }
    store.set("other", "1").await.unwrap();
    let mut listed = store.scan_prefix("line-").collect().await.unwrap();
    listed.sort();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    assert_eq!(
        store.scan_prefix("line-12/a*[").collect().await.unwrap(),
        ["line-12/a*[{5}"]
    );
    assert_eq!(
        store.scan_prefix("line-12/a?").collect().await.unwrap(),
        [""; 0]
    );
    assert_eq!(store.scan("o[a-z]he?").collect().await.unwrap(), ["other"]);

    let wanted = keys.iter().cloned().chain(["nothing".to_owned()]);
    let read = store.multi_get(wanted).await.unwrap();
    let (last, read) = read.split_last().unwrap();
    assert_eq!(last, &None);
    let read = read.iter().map(|entry| entry.clone().unwrap().value);
    assert!(read.eq(keys.iter().map(|key| key.as_bytes())));
    assert_eq!(store.multi_get([""; 0]).await.unwrap(), []);
    let error = store.scan("").collect().await.unwrap_err();
    assert!(matches!(error, Error::StoreRefused { .. }));
}

#[tokio::test]
async fn values_are_rust_types_if_a_program_wants_them_to_be() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    assert_eq!(store.read_json::<Vec<u8>>("k").await.unwrap(), None);
    store.write_json("k", "text").await.unwrap();
    assert_eq!(
        store.read_json::<String>("k").await.unwrap().unwrap(),
        "text"
    );
    let error = store.read_json::<u32>("k").await.unwrap_err();
    assert!(matches!(error, Error::Undecodable { .. }) && !error.is_retryable());

    // Four at a time, and no change is lost.
    let add = async |n: u32| {
        for step in 0..5 {
            let change = |known: Option<Vec<u32>>| {
                let mut known = known.unwrap_or_default();
                known.push(n * 10 + step);
                known
            };
            store.update("all", change).await.unwrap();
        }
    };
    tokio::join!(add(0), add(1), add(2), add(3));
    let mut all: Vec<u32> = store.read_json("all").await.unwrap().unwrap();
    all.sort_unstable();
    let each = (0..4).flat_map(|n| (0..5).map(move |step| n * 10 + step));
    assert!(all.into_iter().eq(each));
}

#[tokio::test]
async fn the_store_says_what_it_can_do() {
    let broker = Broker::start().unwrap();
    let store = store(&broker.url()).await;
    let features = store.features().await.unwrap();
    for feature in [
        "cas", "mget", "multi", "absent", "pttl", "getpx", "incrby", "resume",
    ] {
        assert!(features.iter().any(|known| known == feature), "{feature}");
    }
}
