//! What survives when something goes away.

use std::time::Duration;

use catena_dapr_proto::v1::PullMessagesResponse;
use catena_sdk_testing::Broker;
use tonic::Code;

use crate::sidecar::{Component, Pull, Sidecar, soon, text};

/// Publishes until a message comes.
async fn first(sidecar: &Sidecar, topic: &str, pull: &mut Pull) -> PullMessagesResponse {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    soon(async {
        loop {
            tokio::select! {
                message = pull.next() => return message,
                _ = ticks.tick() => {
                    // While the broker is away, that is an error.
                    let _ = sidecar.publish(topic, "first").await;
                }
            }
        }
    })
    .await
}

/// A stream of the topic `a` that has begun, and has nothing left to hand over.
async fn drained(sidecar: &Sidecar) -> Pull {
    let mut pull = sidecar.pull("a").await;
    let message = first(sidecar, "a", &mut pull).await;
    pull.acknowledge(&message).await;
    sidecar.publish("a", "last").await.unwrap();
    while pull.take().await != "last" {}
    pull
}

#[tokio::test]
async fn a_stream_goes_on_when_the_broker_comes_back() {
    let broker = Broker::start().unwrap();
    let (url, address) = (broker.url(), broker.address());
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let settings = [
        ("url", &*url),
        ("consumerID", "app"),
        ("publishTimeout", "1s"),
    ];
    sidecar.init(&settings).await.unwrap();
    let mut pull = sidecar.pull("a").await;
    let message = first(&sidecar, "a", &mut pull).await;
    pull.acknowledge(&message).await;
    drop(broker);
    let status = sidecar.publish("a", "x").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(sidecar.ping().await.unwrap_err().code(), Code::Unavailable);
    // A stream that is opened meanwhile waits.
    let mut other = sidecar.pull("b").await;
    let _broker = Broker::builder().at(address).start().unwrap();
    first(&sidecar, "a", &mut pull).await;
    first(&sidecar, "b", &mut other).await;
    sidecar.ping().await.unwrap();
}

#[tokio::test]
async fn what_was_not_answered_comes_again_after_the_component_was_restarted() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let settings = [("url", &*url), ("consumerID", "app")];
    let mut component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&settings).await.unwrap();
    let mut pull = drained(&sidecar).await;
    for payload in ["x", "y", "z"] {
        sidecar.publish("a", payload).await.unwrap();
    }
    let (x, y) = (pull.next().await, pull.next().await);
    assert_eq!((&*text(&x), &*text(&y)), ("x", "y"));
    // Only the first one can be acknowledged at the broker.
    pull.acknowledge(&x).await;
    component.kill().await;
    component.restart().await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&settings).await.unwrap();
    let mut pull = sidecar.pull("a").await;
    let mut payloads = vec![pull.take().await];
    while payloads.last().is_none_or(|last| last != "z") {
        payloads.push(pull.take().await);
    }
    payloads.retain(|payload| payload != "x");
    assert_eq!(payloads, ["y", "z"]);
}

#[tokio::test]
async fn an_end_waits_for_answers_and_acknowledges_them() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let settings = [("url", &*url), ("consumerID", "app")];
    let mut component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&settings).await.unwrap();
    let mut pull = drained(&sidecar).await;
    sidecar.publish("a", "x").await.unwrap();
    let message = pull.next().await;
    let answering = async {
        // The end has begun: new messages are not handed over any more.
        pull.acknowledge(&message).await;
        pull.end().await
    };
    let (end, ()) = tokio::join!(answering, component.stop());
    assert_eq!(end.code(), Code::Unavailable, "{end}");
    assert!(!component.socket().exists());
    component.restart().await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&settings).await.unwrap();
    sidecar.publish("a", "y").await.unwrap();
    let mut pull = sidecar.pull("a").await;
    assert_eq!(pull.take().await, "y");
}
