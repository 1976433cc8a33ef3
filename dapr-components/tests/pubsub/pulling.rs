//! From the broker to a sidecar.

use catena_dapr_proto::v1::PullMessagesRequest;
use catena_sdk::{Client, Publish};
use catena_sdk_testing::Broker;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::sidecar::{Component, Pull, Sidecar, soon, text};

/// A broker, the component, and a sidecar whose resource has these settings.
async fn with(settings: &[(&str, &str)]) -> (Broker, Component, Sidecar) {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let url = broker.url();
    let always = [
        ("url", &*url),
        ("consumerID", "app"),
        ("redeliveryBackoff", "10ms"),
    ];
    let settings = [&always, settings].concat();
    sidecar.init(&settings).await.unwrap();
    (broker, component, sidecar)
}

/// Publishes until the stream has a message: its subscription is made by then.
async fn is_subscribed(sidecar: &Sidecar, topic: &str, pull: &mut Pull) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    let message = soon(async {
        loop {
            tokio::select! {
                message = pull.next() => return message,
                _ = ticks.tick() => sidecar.publish(topic, "first").await.unwrap(),
            }
        }
    })
    .await;
    pull.acknowledge(&message).await;
    // More may have been published than was needed; the last is known by its payload.
    sidecar.publish(topic, "last").await.unwrap();
    while pull.take().await != "last" {}
}

#[tokio::test]
async fn messages_come_in_order_and_once_each_is_answered() {
    let (_broker, _component, sidecar) = with(&[("maxInFlight", "3")]).await;
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    for number in 0..50 {
        sidecar.publish("a", &number.to_string()).await.unwrap();
    }
    for number in 0..50 {
        assert_eq!(pull.take().await, number.to_string());
    }
}

/// A sidecar up to 1.15 answers in any order.
#[tokio::test]
async fn answers_may_come_in_any_order() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    for round in 0..20 {
        let mut messages = Vec::new();
        for number in 0..10 {
            sidecar
                .publish("a", &(10 * round + number).to_string())
                .await
                .unwrap();
        }
        for _ in 0..10 {
            messages.push(pull.next().await);
        }
        for message in messages.iter().rev() {
            pull.acknowledge(message).await;
        }
    }
}

#[tokio::test]
async fn a_failed_message_comes_again_to_its_application_only() {
    let (broker, _component, sidecar) = with(&[("maxRedeliveries", "2")]).await;
    let other = Client::connect(&broker.url()).await.unwrap();
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    let mut seen = other.subscribe("a").await.unwrap();
    sidecar.publish("a", "bad").await.unwrap();
    for _ in 0..3 {
        let message = pull.next().await;
        assert_eq!(text(&message), "bad");
        pull.fail(&message).await;
    }
    // It is given up now.
    sidecar.publish("a", "good").await.unwrap();
    assert_eq!(pull.take().await, "good");
    for payload in ["bad", "good"] {
        assert_eq!(
            &**soon(seen.next()).await.unwrap().payload(),
            payload.as_bytes()
        );
    }
}

#[tokio::test]
async fn what_is_given_up_goes_to_the_dead_letter_topic() {
    let settings = [("onFailure", "drop"), ("deadLetterTopic", "dead")];
    let (broker, _component, sidecar) = with(&settings).await;
    let other = Client::connect(&broker.url()).await.unwrap();
    let mut dead = other.subscribe("dead").await.unwrap();
    let mut pull = sidecar.pull("a/+").await;
    is_subscribed(&sidecar, "a/b", &mut pull).await;
    sidecar.publish("a/b", "bad").await.unwrap();
    let message = pull.next().await;
    assert_eq!(message.topic_name, "a/b");
    pull.fail(&message).await;
    let letter = soon(dead.next()).await.unwrap();
    assert_eq!(&**letter.payload(), b"bad");
    assert_eq!(letter.properties().user("mqttTopic"), Some("a/b"));
}

#[tokio::test]
async fn overlapping_filters_and_shared_ones_get_their_own() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let mut wide = sidecar.pull("a/#").await;
    is_subscribed(&sidecar, "a/x", &mut wide).await;
    let mut narrow = sidecar.pull("a/b").await;
    let mut shared = sidecar.pull("$share/g/a/+").await;
    is_subscribed(&sidecar, "a/b", &mut narrow).await;
    is_subscribed(&sidecar, "a/c", &mut shared).await;
    sidecar.publish("a/b", "end").await.unwrap();
    for pull in [&mut wide, &mut narrow, &mut shared] {
        let mut message = pull.next().await;
        while text(&message) != "end" {
            pull.acknowledge(&message).await;
            message = pull.next().await;
        }
        assert_eq!(message.topic_name, "a/b");
        pull.acknowledge(&message).await;
    }
}

#[tokio::test]
async fn streams_of_one_topic_compete_and_inherit() {
    let (_broker, _component, sidecar) = with(&[("maxInFlight", "1")]).await;
    let mut one = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut one).await;
    let mut other = sidecar.pull("a").await;
    sidecar.publish("a", "x").await.unwrap();
    sidecar.publish("a", "y").await.unwrap();
    let (first, second) = (one.next().await, other.next().await);
    let mut texts = [text(&first), text(&second)];
    texts.sort();
    assert_eq!(texts, ["x", "y"]);
    // What one has not answered is for the other.
    other.acknowledge(&second).await;
    drop(one);
    assert_eq!(text(&other.next().await), text(&first));
}

#[tokio::test]
async fn half_a_close_ends_a_stream_and_the_next_goes_on_where_it_was() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    sidecar.publish("a", "x").await.unwrap();
    assert_eq!(text(&pull.next().await), "x");
    pull.half_close().await.unwrap();
    sidecar.publish("a", "y").await.unwrap();
    let mut again = sidecar.pull("a").await;
    assert_eq!(again.take().await, "x");
    assert_eq!(again.take().await, "y");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_dropped_and_the_next_comes() {
    let (broker, _component, sidecar) = with(&[("deadLetterTopic", "dead")]).await;
    let other = Client::builder(&broker.url()).packet_bytes_max(16 * 1024 * 1024);
    let other = other.connect().await.unwrap();
    let mut dead = other.subscribe("dead").await.unwrap();
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    let large = Publish::new("a", vec![b'x'; 5 * 1024 * 1024]);
    soon(other.publish(large)).await.unwrap();
    sidecar.publish("a", "next").await.unwrap();
    assert_eq!(pull.take().await, "next");
    assert_eq!(
        soon(dead.next()).await.unwrap().payload().len(),
        5 * 1024 * 1024
    );
}

#[tokio::test]
async fn nothing_comes_while_paused() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    sidecar.pause().await;
    sidecar.pause().await;
    sidecar.publish("a", "x").await.unwrap();
    // Another stream of the instance is opened after that, and gets nothing either.
    let mut other = sidecar.pull("b").await;
    let wait = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(wait, pull.next()).await.is_err());
    sidecar.resume().await;
    assert_eq!(pull.take().await, "x");
    is_subscribed(&sidecar, "b", &mut other).await;
}

#[tokio::test]
async fn a_stream_without_a_topic_or_with_a_wrong_one_ends() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let requests = tokio_stream::once(PullMessagesRequest::default());
    let requests = sidecar.request(requests.chain(tokio_stream::pending()));
    let answers = soon(sidecar.client().pull_messages(requests))
        .await
        .unwrap();
    let end = soon(answers.into_inner().message()).await.unwrap_err();
    assert_eq!(end.code(), Code::InvalidArgument);
    let end = sidecar.pull("a/#/b").await.end().await;
    assert_eq!(end.code(), Code::InvalidArgument, "{end}");
    let end = sidecar.pull_with("a", &[("qos", "7")]).await.end().await;
    assert!(end.message().contains("qos"), "{end}");
}

/// What waits here is as dead as what waits at the broker.
#[tokio::test]
async fn a_time_to_live_ends_also_while_a_message_waits_here() {
    let settings = [
        ("blockOnRetry", "true"),
        ("maxRedeliveries", "1000"),
        ("redeliveryBackoffMax", "50ms"),
    ];
    let (_broker, _component, sidecar) = with(&settings).await;
    let mut pull = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut pull).await;
    for (payload, ttl) in [("short", "1"), ("long", "100")] {
        let ttl = [("ttlInSeconds", ttl)];
        sidecar.publish_with("a", payload, &ttl).await.unwrap();
    }
    // Nothing but its time ends it: an application that fails gets it again and again.
    let mut failures = 0;
    let last = soon(async {
        loop {
            let message = pull.next().await;
            if text(&message) != "short" {
                return message;
            }
            pull.fail(&message).await;
            failures += 1;
        }
    });
    assert_eq!(text(&last.await), "long");
    assert!((1..1000).contains(&failures), "{failures}");
}

/// A subscription that is changed is opened anew: by an application, or by a sidecar that sees
/// another document.
#[tokio::test]
async fn the_latest_stream_of_a_topic_brings_its_settings() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let mut dead = sidecar.pull("dead").await;
    is_subscribed(&sidecar, "dead", &mut dead).await;
    let mut old = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut old).await;
    let settings = [("onFailure", "drop"), ("deadLetterTopic", "dead")];
    let mut new = sidecar.pull_with("a", &settings).await;
    drop(old);
    sidecar.publish("a", "x").await.unwrap();
    let message = new.next().await;
    new.fail(&message).await;
    assert_eq!(dead.take().await, "x");
}

/// What a sidecar makes of a message depends on the stream that it came by.
#[tokio::test]
async fn streams_of_a_topic_get_payloads_each_as_it_wants() {
    let (_broker, _component, sidecar) = with(&[]).await;
    let mut plain = sidecar.pull("a").await;
    is_subscribed(&sidecar, "a", &mut plain).await;
    let mut raw = sidecar.pull_with("a", &[("rawPayload", "true")]).await;
    let bytes = "application/octet-stream";
    let (mut of_plain, mut of_raw) = (0, 0);
    while of_plain == 0 || of_raw == 0 {
        let kind = [("contentType", bytes)];
        sidecar.publish_with("a", "x", &kind).await.unwrap();
        let (message, pull, wanted) = tokio::select! {
            message = plain.next() => {
                of_plain += 1;
                (message, &plain, "")
            }
            message = raw.next() => {
                of_raw += 1;
                (message, &raw, bytes)
            }
        };
        assert_eq!(message.content_type, wanted);
        pull.acknowledge(&message).await;
    }
}

/// A sidecar finds a stream of an application by the topic that it was opened for.
#[tokio::test]
async fn a_stream_may_be_told_the_topic_that_it_was_opened_for() {
    let settings = [("topicName", "subscription"), ("shareGroup", "workers")];
    let (_broker, _component, sidecar) = with(&settings).await;
    let mut named = sidecar.pull("a/+").await;
    is_subscribed(&sidecar, "a/ü", &mut named).await;
    let own = [("topicName", "message")];
    let mut other = sidecar.pull_with("+/ü", &own).await;
    is_subscribed(&sidecar, "b/ü", &mut other).await;
    sidecar.publish("a/ü", "x").await.unwrap();
    for (pull, topic) in [(&mut named, "a/+"), (&mut other, "a/ü")] {
        let message = pull.next().await;
        assert_eq!(message.topic_name, topic);
        let real = message.metadata.get("mqttTopic").map(String::as_str);
        assert_eq!(real, Some("a/%C3%BC"));
    }
}
