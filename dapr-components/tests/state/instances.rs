//! Init, features, and several instances in one process.

use std::collections::HashMap;
use std::time::Duration;

use catena_dapr::instances::Flavour;
use catena_sdk::{Client, StateStore};
use catena_sdk_testing::Broker;
use tonic::Code;

use crate::fixture::{Fixture, Process, properties};
use crate::store::{Header, get, metadata, one, set};

#[tokio::test]
async fn features_are_what_the_store_can_do_and_no_more() {
    let broker = Broker::start().unwrap();
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Empty).await;
    let features = store.init(properties(&broker.url(), &[])).await.unwrap();
    assert_eq!(features, ["ETAG", "TRANSACTIONAL", "TTL", "PARTITION_KEY"]);
}

#[tokio::test]
async fn nobody_is_served_before_init() {
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Name("statestore")).await;
    assert_eq!(
        store.features().await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let failed = store.get(get("k")).await.unwrap_err();
    assert!(failed.text().contains("not initialised"));
}

#[tokio::test]
async fn instances_share_the_broker_and_not_their_settings() {
    let fixture = Fixture::start().await;
    let one = &fixture.store;
    let two = fixture.component("other", &[("partitionBy", "key")]).await;
    one.set(set("shop||k", "1")).await.unwrap();
    two.set(set("shop||k", "2")).await.unwrap();
    assert_eq!(one.value("shop||k").await.unwrap(), b"1");
    assert_eq!(two.value("shop||k").await.unwrap(), b"2");
    // Without a prefix, names are the same for both.
    one.set(set("k", "3")).await.unwrap();
    assert_eq!(two.value("k").await.unwrap(), b"3");
}

#[tokio::test]
async fn a_second_init_replaces_the_first() {
    let fixture = Fixture::start().await;
    let store = &fixture.store;
    store.set(set("shop||k", "1")).await.unwrap();
    for by in ["key", "prefix", "key", "prefix"] {
        let items = [("partitionBy", by), ("clientId", "the-same")];
        let properties = properties(&fixture.broker.url(), &items);
        store.init(properties).await.unwrap();
        let expected = (by == "prefix").then_some(&b"1"[..]);
        assert_eq!(store.value("shop||k").await.as_deref(), expected);
    }
}

#[tokio::test]
async fn names_in_the_store_are_as_the_reference_says() {
    let fixture = Fixture::start().await;
    let client = Client::connect(&fixture.broker.url()).await.unwrap();
    let inside = StateStore::new(&client).await.unwrap();
    let store = &fixture.store;
    let mut actor = set("shop||cart||7||total", "1");
    actor.metadata = metadata([("partitionKey", "shop||cart||7")]);
    store.set(actor).await.unwrap();
    store.set(set("shop||total", "2")).await.unwrap();
    store.set(set("total", "3")).await.unwrap();
    let request = metadata([("partitionKey", "myPartition")]);
    store
        .transact(vec![one(set("total", "4"))], request)
        .await
        .unwrap();
    for (name, value) in [
        ("{shop||cart||7}||total", "1"),
        ("{shop}||total", "2"),
        ("total", "3"),
        ("{myPartition}||||total", "4"),
    ] {
        assert_eq!(
            inside.get(name).await.unwrap().unwrap().value,
            value,
            "{name}"
        );
    }
    // Others may write too, and the ETag is the version that they see.
    let version = inside.set("total", "5").await.unwrap();
    assert_eq!(store.value("total").await.unwrap(), b"5");
    assert_eq!(store.etag("total").await, version.to_string());
    client.close().await;
}

#[tokio::test]
async fn azure_s_types_take_azure_s_metadata_and_keep_names() {
    let broker = Broker::start().unwrap();
    let address = broker.address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let url = format!("{host}:{port}");
    for (flavour, items) in [
        (
            Flavour::AzureFirst,
            [
                ("url", &*url),
                ("tlsEnabled", "false"),
                ("logLevel", "Info"),
            ],
        ),
        (
            Flavour::AzureSecond,
            [
                ("hostname", &*host),
                ("tcpPort", &*port),
                ("useTls", "false"),
            ],
        ),
    ] {
        let process = Process::start(flavour);
        let store = process.store(Header::Name("statestore")).await;
        store.init(metadata(items)).await.unwrap();
        store.set(set("shop||k", "1")).await.unwrap();
        let client = Client::connect(&broker.url()).await.unwrap();
        let inside = StateStore::new(&client).await.unwrap();
        assert!(inside.delete("shop||k").await.unwrap());
        client.close().await;
    }
}

#[tokio::test]
async fn metadata_that_makes_no_sense_is_told_by_name() {
    let broker = Broker::start().unwrap();
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Name("statestore")).await;
    for (name, value) in [("partitionBy", "app"), ("requestTimeout", "soon")] {
        let refused = store
            .init(properties(&broker.url(), &[(name, value)]))
            .await;
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(name), "{status}");
    }
    // What the sidecar itself evaluates is none of our business.
    let items = [("keyPrefix", "none"), ("actorStateStore", "true")];
    store.init(properties(&broker.url(), &items)).await.unwrap();
    store.ping().await.unwrap();
    let none: HashMap<String, String> = HashMap::new();
    drop(store.init(none).await);
}

/// A sidecar closes a connection over which nothing was asked for half an hour, and does not repeat
/// Init over the next one.
#[tokio::test]
async fn a_store_that_was_not_used_for_long_is_there_when_it_is_asked() {
    let Fixture {
        broker,
        process,
        store,
    } = Fixture::start().await;
    store.set(set("k", "1")).await.unwrap();
    drop(store);
    process.close_unused().await;
    let store = process.store(Header::Name("statestore")).await;
    assert_eq!(store.value("k").await.unwrap(), b"1");
    // A broker that is away just then is no reason to forget the store.
    drop(store);
    process.close_unused().await;
    let address = broker.address();
    drop(broker);
    let store = process.store(Header::Name("statestore")).await;
    let impatient = tokio::time::timeout(Duration::from_millis(200), store.get(get("k")));
    impatient.await.unwrap_err();
    assert!(store.get(get("k")).await.is_err());
    let _broker = Broker::builder().at(address).start().unwrap();
    store.set(set("k", "2")).await.unwrap();
}
