//! From a sidecar to the broker.

use std::collections::HashMap;
use std::time::Duration;

use catena_dapr::metadata::Properties;
use catena_dapr_proto::v1::BulkMessageEntry;
use catena_sdk::{Client, Qos, Subscribe};
use catena_sdk_testing::Broker;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tonic::Code;

use crate::sidecar::{Component, Sidecar, map, soon};

#[tokio::test]
async fn what_is_published_arrives_with_its_properties() {
    let broker = Broker::start().unwrap();
    let reader = Client::connect(&broker.url()).await.unwrap();
    let mut messages = reader
        .subscribe(Subscribe::to("orders/#").qos(Qos::ExactlyOnce))
        .await
        .unwrap();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let features = sidecar
        .init(&[("url", &broker.url()), ("consumerID", "app")])
        .await
        .unwrap();
    for feature in [
        "MESSAGE_TTL",
        "SUBSCRIBE_WILDCARDS",
        "BULK_PUBSUB",
        "BULK_SUBSCRIBE_IMMEDIATE",
    ] {
        assert!(features.iter().any(|it| it == feature));
    }
    let event = r#"{"specversion":"1.0","id":"1"}"#;
    let metadata = [
        ("ttlInSeconds", "60"),
        ("qos", "2"),
        ("mqtt.user.site", "here"),
    ];
    sidecar
        .publish_with("orders/1", event, &metadata)
        .await
        .unwrap();
    let message = soon(messages.next()).await.unwrap();
    assert_eq!(
        (message.topic(), &**message.payload()),
        ("orders/1", event.as_bytes())
    );
    assert_eq!(message.qos(), Qos::ExactlyOnce);
    let properties = message.properties();
    assert_eq!(
        properties.content_type.as_deref(),
        Some("application/cloudevents+json")
    );
    assert_eq!(properties.user("site"), Some("here"));
    assert!(properties.is_text);
    let expiry = properties.expiry.unwrap();
    assert!(expiry <= Duration::from_secs(60) && expiry > Duration::from_secs(30));
    assert!(
        !Properties::new(map(&metadata))
            .text(&["qos"])
            .unwrap()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let status = sidecar.publish("a", "x").await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("pubsub"), "{status}");
    sidecar.init(&[("url", &broker.url())]).await.unwrap();
    sidecar.ping().await.unwrap();
    for (topic, metadata) in [
        ("", [("qos", "1")]),
        ("a/+", [("qos", "1")]),
        ("a", [("qos", "3")]),
        ("a", [("ttlInSeconds", "-1")]),
    ] {
        let status = sidecar
            .publish_with(topic, "x", &metadata)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
}

#[tokio::test]
async fn a_bulk_tells_which_entries_failed() {
    let broker = Broker::start().unwrap();
    let reader = Client::connect(&broker.url()).await.unwrap();
    let mut messages = reader.subscribe("bulk").await.unwrap();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&[("url", &broker.url())]).await.unwrap();
    let entry = |number: usize| BulkMessageEntry {
        entry_id: number.to_string(),
        event: number.to_string().into(),
        content_type: "text/plain".to_owned(),
        metadata: map(match number {
            7 => &[("qos", "9")],
            _ => &[],
        }),
    };
    let failed = sidecar
        .bulk_publish("bulk", (0..1000).map(entry).collect())
        .await
        .unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].entry_id, "7");
    assert!(failed[0].error.contains("qos"));
    for number in (0..1000).filter(|number| *number != 7) {
        let message = soon(messages.next()).await.unwrap();
        assert_eq!(&**message.payload(), number.to_string().as_bytes());
    }
}

/// A sidecar takes an answer for a success: what was not published would be lost.
#[tokio::test]
async fn a_bulk_fails_as_a_whole_when_the_broker_is_away() {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let settings = [("url", &*broker.url()), ("publishTimeout", "1s")];
    sidecar.init(&settings).await.unwrap();
    let entry = |(id, qos): (&str, &str)| BulkMessageEntry {
        entry_id: id.to_owned(),
        event: "x".into(),
        content_type: String::new(),
        metadata: map(&[("qos", qos)]),
    };
    let entries = |all: &[(&str, &str)]| all.iter().copied().map(entry).collect();
    let senseless = entries(&[("1", "9"), ("2", "9")]);
    let status = sidecar.bulk_publish("bulk", senseless).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    drop(broker);
    let mixed = entries(&[("1", "9"), ("2", "1"), ("3", "1")]);
    let status = sidecar.bulk_publish("bulk", mixed).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("3 of 3"), "{status}");
    let none = sidecar.bulk_publish("bulk", Vec::new()).await;
    assert!(none.unwrap().is_empty());
}

/// A sidecar that has just begun, and waits for subscribers for long.
async fn early() -> (Broker, Component, Sidecar) {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let settings = [
        ("url", &*broker.url()),
        ("publishTimeout", "60s"),
        ("resubscribeTime", "30s"),
    ];
    sidecar.init(&settings).await.unwrap();
    (broker, component, sidecar)
}

/// Where all is started at once, publishers may be there before those that subscribe.
#[tokio::test]
async fn what_is_published_first_waits_for_subscribers_on_their_way() {
    let (broker, _component, sidecar) = early().await;
    let entries = |count: u8| (0..count).map(|number| entry(&number.to_string()));
    let (single, bulk) = (
        sidecar.publish("single", "x"),
        sidecar.bulk_publish("bulk", entries(5).collect()),
    );
    let reader = Client::connect(&broker.url()).await.unwrap();
    let subscribed = async {
        // Both have been published by then, and nobody has heard it.
        tokio::time::sleep(Duration::from_millis(300)).await;
        reader.subscribe("#").await.unwrap()
    };
    let (single, bulk, mut messages) = tokio::join!(single, bulk, subscribed);
    single.unwrap();
    assert!(bulk.unwrap().is_empty());
    // What has been heard does not come again, and others do not wait for it.
    sidecar.publish("last", "").await.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "last") {
        let message = soon(messages.next()).await.unwrap();
        seen.push(message.topic().to_owned());
    }
    seen.sort();
    let expected = ["bulk", "bulk", "bulk", "bulk", "bulk", "last", "single"];
    assert_eq!(seen, expected);
}

/// What waits for subscribers gets no older than it may.
#[tokio::test]
async fn a_time_to_live_ends_while_subscribers_are_waited_for() {
    let (broker, _component, sidecar) = early().await;
    let short = [("ttlInSeconds", "1")];
    let long = [("ttlInSeconds", "100")];
    let subscribed = async {
        sidecar.publish_with("a", "short", &short).await.unwrap();
        // It has been given up.
        let reader = Client::connect(&broker.url()).await.unwrap();
        reader.subscribe("a").await.unwrap()
    };
    let long = sidecar.publish_with("a", "long", &long);
    let (mut messages, long) = tokio::join!(subscribed, long);
    long.unwrap();
    let message = soon(messages.next()).await.unwrap();
    assert_eq!(&**message.payload(), b"long");
    let expiry = message.properties().expiry.unwrap();
    assert!(expiry < Duration::from_secs(100), "{expiry:?}");
}

/// A broker that takes connections, and answers nothing that comes after CONNECT.
#[tokio::test]
async fn an_acknowledgement_that_does_not_come_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = tokio::spawn(async move {
        let mut connections = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut connect = [0; 1024];
            assert!(connection.read(&mut connect).await.unwrap() > 0);
            connection.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
            connections.push(connection);
        }
    });
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let url = format!("mqtt://127.0.0.1:{port}");
    let settings = [("url", &*url), ("publishTimeout", "1s")];
    sidecar.init(&settings).await.unwrap();
    let status = sidecar.publish("a", "x").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    let entries = vec![entry("1"), entry("2")];
    let status = sidecar.bulk_publish("a", entries).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    broker.abort();
}

fn entry(id: &str) -> BulkMessageEntry {
    BulkMessageEntry {
        entry_id: id.to_owned(),
        event: id.to_owned().into(),
        content_type: String::new(),
        metadata: HashMap::new(),
    }
}
