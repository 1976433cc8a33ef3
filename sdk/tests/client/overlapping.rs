//! Streams whose filters overlap, which get one copy of a message together.

use catena_sdk::{Client, Error, Messages, Publish, Subscribe};
use catena_sdk_testing::Broker;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties, SubscribeReasonCode};

use crate::scripted::{Scripted, publish};
use crate::{builder, soon};

const TOPIC: &str = "ov/a/x";

/// Publishes messages with properties, and looks for each as the next one of each stream. Where
/// several identifiers come before them, short properties are those that get lost.
async fn check(client: &Client, streams: &mut [Messages]) {
    let base = |payload| Publish::new(TOPIC, payload).text();
    for (payload, publish) in [
        ("1", base("1")),
        ("2", base("2").content_type("")),
        ("3", base("3").content_type("text/plain")),
        ("4", base("4").user_property("unit", "°C")),
    ] {
        client.publish(publish.clone()).await.unwrap();
        for messages in &mut *streams {
            let message = soon(messages.next()).await.unwrap();
            assert_eq!(message.topic(), TOPIC);
            assert_eq!(message.payload(), payload);
            assert_eq!(message.properties(), publish.properties());
        }
    }
}

#[tokio::test]
async fn each_stream_gets_each_message_once_and_whole() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let mut streams = Vec::new();
    for filter in ["ov/#", "ov/+/x", TOPIC, "$share/g/ov/a/x", "$share/h/ov/#"] {
        streams.push(client.subscribe(filter).await.unwrap());
    }
    // A second copy would come before the next message.
    check(&client, &mut streams).await;

    // Others have no identifier because of the first. Without it, they get what they got.
    drop(streams.remove(0));
    check(&client, &mut streams).await;
    // One more beside them.
    streams.push(client.subscribe("+/a/x").await.unwrap());
    check(&client, &mut streams).await;
    for messages in &mut streams {
        assert!(messages.try_next().is_none());
    }
}

/// A session of an earlier process has subscriptions, and identifiers for them, that nobody knows.
#[tokio::test]
async fn streams_over_an_inherited_session_get_messages_whole() {
    let broker = Broker::start().unwrap();
    let earlier = builder(&broker.url()).client_id("a").connect();
    let earlier = earlier.await.unwrap();
    let wide = earlier.subscribe("ov/#").await.unwrap();
    earlier.close().await;
    drop(wide);

    let client = builder(&broker.url()).client_id("a").connect();
    let client = client.await.unwrap();
    let mut streams = vec![client.subscribe(TOPIC).await.unwrap()];
    check(&client, &mut streams).await;
    streams.push(client.subscribe("ov/#").await.unwrap());
    check(&client, &mut streams).await;
}

#[tokio::test]
async fn only_one_of_several_that_overlap_is_asked_for_with_an_identifier() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let mut streams = Vec::new();
    for (filter, identifier) in [
        ("a/#", Some(1)),
        ("a/b", None),
        ("b", Some(3)),
        ("$share/g/a/b", Some(4)),
    ] {
        let (messages, asked) = tokio::join!(client.subscribe(filter), peer.grant_identified());
        assert_eq!(asked, (filter.to_owned(), identifier));
        streams.push(messages.unwrap());
    }
}

/// Held back, its acknowledgement would hold up all later ones.
#[tokio::test]
async fn what_came_for_a_stream_that_is_refused_is_acknowledged() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let (wide, (_, identifier)) = tokio::join!(client.subscribe("#"), peer.grant_identified());
    let mut wide = wide.unwrap();
    let refusing = async {
        let subscribe = peer.receive_subscribe().await;
        let mut publish = publish(7, QoS::AtLeastOnce, "x");
        publish.properties = Some(PublishProperties {
            subscription_identifiers: identifier.into_iter().collect(),
            ..PublishProperties::default()
        });
        peer.send(Packet::Publish(publish)).await;
        let code = SubscribeReasonCode::NotAuthorized;
        peer.answer_subscribe(&subscribe, code).await;
    };
    let (refused, ()) = tokio::join!(client.subscribe(Subscribe::to("a")), refusing);
    assert!(matches!(refused, Err(Error::Refused { .. })));
    assert_eq!(soon(wide.next()).await.unwrap().payload(), "x");
    assert!(matches!(peer.receive().await, Packet::PubAck(ack) if ack.pkid == 7));
}
