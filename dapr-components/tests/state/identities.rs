//! MQTT client IDs, of which a broker lets one connection at a time have each: state stores among
//! themselves, and beside publish/subscribe components of the same process.

use std::collections::HashMap;
use std::time::Duration;

use catena_dapr::instances::Flavour;
use catena_dapr_proto::v1 as wire;
use catena_dapr_proto::v1::pub_sub_client::PubSubClient;
use catena_sdk_testing::Broker;
use tonic::{Code, Request, Status};

use crate::fixture::{Fixture, Process, properties};
use crate::store::{Header, get, set};

/// Init of a publish/subscribe component, over a connection of its own that ends with it.
async fn pubsub(
    process: &Process,
    name: &str,
    properties: HashMap<String, String>,
) -> Result<PubSubClient<tonic::transport::Channel>, Status> {
    let mut client = PubSubClient::new(process.connect().await);
    let metadata = Some(wire::MetadataRequest { properties });
    let mut request = Request::new(wire::PubSubInitRequest { metadata });
    let name = name.parse().unwrap();
    request.metadata_mut().insert("x-component-instance", name);
    client.init(request).await?;
    Ok(client)
}

#[track_caller]
fn tells(status: &Status, parts: &[&str]) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    for part in parts {
        assert!(status.message().contains(part), "{status}");
    }
}

#[tokio::test]
async fn two_state_stores_cannot_have_one_client_id() {
    let fixture = Fixture::start().await;
    let of = |client_id| properties(&fixture.broker.url(), &[("clientId", client_id)]);
    let one = fixture.component("one", &[("clientId", "shared")]).await;
    let other = fixture.process.store(Header::Name("other")).await;
    let refused = other.init(of("shared")).await.unwrap_err();
    tells(
        &refused,
        &["`clientId`", "state component one", "set another"],
    );
    // It has its connection still, and nobody takes it away.
    one.set(set("k", "1")).await.unwrap();
    other.init(of("own")).await.unwrap();
    assert_eq!(other.value("k").await.unwrap(), b"1");
}

#[tokio::test]
async fn a_state_store_cannot_have_the_client_id_of_publish_subscribe() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let process = Process::start(Flavour::Catena);
    let shop = || properties(&url, &[("consumerID", "shop")]);
    let messages = pubsub(&process, "messages", shop()).await.unwrap();
    let store = process.store(Header::Name("statestore")).await;
    let as_shop = properties(&url, &[("consumerID", "shop"), ("clientId", "shop")]);
    let refused = store.init(as_shop).await.unwrap_err();
    tells(
        &refused,
        &["`clientId`", "pubsub component messages", "or none"],
    );
    // A sidecar says `consumerID` to both: that alone is no client ID of a state store.
    store.init(shop()).await.unwrap();
    store.set(set("k", "1")).await.unwrap();
    let own = properties(&url, &[("clientId", "store")]);
    store.init(own).await.unwrap();
    let as_store = properties(&url, &[("consumerID", "store")]);
    let refused = pubsub(&process, "others", as_store).await.unwrap_err();
    tells(
        &refused,
        &["`consumerID`", "state component statestore", "`clientId`"],
    );
    drop(messages);
}

/// A resource that is given another name, and its sidecar restarted: what the old name has left
/// behind is not in the way until the time of grace is over.
#[tokio::test]
async fn a_component_under_a_new_name_has_the_client_id_at_once() {
    let fixture = Fixture::start().await;
    let old = fixture.component("old", &[("clientId", "kept")]).await;
    let new = fixture.process.store(Header::Name("new")).await;
    let kept = || properties(&fixture.broker.url(), &[("clientId", "kept")]);
    new.init(kept()).await.unwrap_err();
    drop(old);
    // That the connection has ended is heard of in a moment.
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let made = tokio::time::timeout(Duration::from_secs(30), async {
        while new.init(kept()).await.is_err() {
            ticks.tick().await;
        }
    });
    made.await.unwrap();
    new.set(set("k", "1")).await.unwrap();
    // The old name has no instance any more.
    let old = fixture.as_seen_by(Header::Name("old")).await;
    assert!(old.get(get("k")).await.is_err());
}

/// Applications that share a resource, and with it a client ID, share one connection.
#[tokio::test]
async fn sidecars_with_one_resource_do_not_take_each_other_over() {
    let broker = Broker::start().unwrap();
    let process = Process::start(Flavour::Catena);
    let settings = || properties(&broker.url(), &[("clientId", "shared")]);
    let first = process.store(Header::Name("statestore")).await;
    first.init(settings()).await.unwrap();
    let second = process.store(Header::Name("statestore")).await;
    second.init(settings()).await.unwrap();
    for number in 0..20 {
        let key = format!("k{number}");
        first.set(set(&key, "1")).await.unwrap();
        assert_eq!(second.value(&key).await.unwrap(), b"1");
    }
}
