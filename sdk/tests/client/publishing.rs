//! Publishing: answers, order, back-pressure.

use catena_sdk::{Error, Event, Publish, Qos, Reason, Subscribe};
use catena_sdk_testing::Broker;
use rumqttc::v5::mqttbytes::v5::{ConnAckProperties, Packet, PubAck};

use crate::scripted::{Scripted, properties};
use crate::{builder, soon};

#[tokio::test]
async fn each_quality_of_service_ends_with_its_answer() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let unheard = client.publish(Publish::new("a", "x").qos(qos)).await;
        assert_eq!(unheard.unwrap().is_unheard(), qos != Qos::AtMostOnce);
    }
    let mut messages = client
        .subscribe(Subscribe::to("a").qos(Qos::ExactlyOnce))
        .await
        .unwrap();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let published = client.publish(Publish::new("a", "y").qos(qos)).await;
        assert_eq!(published.unwrap().reason(), Reason::SUCCESS);
        let message = soon(messages.next()).await.unwrap();
        assert_eq!((message.qos(), &message.payload()[..]), (qos, &b"y"[..]));
    }
}

#[tokio::test]
async fn properties_arrive_as_they_were_given() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let mut messages = client.subscribe("a").await.unwrap();
    let publish = Publish::new("a", "x")
        .content_type("text/plain")
        .response_topic("b")
        .correlation_data(&b"\0\xff"[..])
        .user_property("k", "1")
        .user_property("k", "2")
        .text();
    client.publish(publish).await.unwrap();
    let message = soon(messages.next()).await.unwrap();
    let properties = message.properties();
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.response_topic.as_deref(), Some("b"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"\0\xff"[..]));
    assert_eq!(
        (properties.user("k"), properties.user.len()),
        (Some("1"), 2)
    );
    assert!(properties.is_text);
}

/// A broker ends the connection for such a message, and would at each connection that it is sent
/// with again.
#[tokio::test]
async fn text_that_brokers_refuse_is_not_sent() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let mut events = client.events();
    for bad in [
        "\0",
        "\u{1}",
        "\u{1f}",
        "\u{7f}",
        "\u{9f}",
        "\u{fdd0}",
        "\u{1fffe}",
    ] {
        for (publish, expected) in [
            (Publish::new(bad, "x"), "topic"),
            (Publish::new("a", "x").response_topic(bad), "response topic"),
            (Publish::new("a", "x").content_type(bad), "content type"),
            (
                Publish::new("a", "x").user_property(bad, "v"),
                "name of a user property",
            ),
            (
                Publish::new("a", "x").user_property("n", bad),
                "value of a user property",
            ),
        ] {
            match soon(client.publish(publish)).await {
                Err(Error::Invalid { what, .. }) => assert_eq!(what, expected),
                other => panic!("{other:?}"),
            }
        }
        let refused = soon(client.subscribe(bad)).await;
        assert!(matches!(
            refused,
            Err(Error::Invalid { what: "filter", .. })
        ));
    }

    // The neighbours of those are text like any other.
    for good in [
        "",
        " ",
        "~",
        "\u{a0}",
        "\u{fdcf}",
        "\u{fdf0}",
        "\u{fffd}",
        "\u{1fffd}",
    ] {
        let publish = Publish::new(format!("a{good}"), "x").content_type(good);
        let publish = publish.user_property(good, good).response_topic("b");
        soon(client.publish(publish)).await.unwrap();
    }
    // Nothing has happened to the connection.
    client.close().await;
    loop {
        match soon(events.next()).await.unwrap() {
            Event::Ended { error } => return assert!(error.is_none()),
            event => assert!(!matches!(event, Event::Disconnected { .. }), "{event:?}"),
        }
    }
}

#[tokio::test]
async fn many_at_once_keep_their_order() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let mut messages = client.subscribe("a").await.unwrap();
    let publishing = async {
        let mut answers = Vec::new();
        for number in 0..1000_u32 {
            let publish = ("a", number.to_string());
            answers.push(client.enqueue(publish).await.unwrap());
        }
        for answer in answers {
            answer.await.unwrap();
        }
    };
    let receiving = async {
        for number in 0..1000_u32 {
            let message = messages.next().await.unwrap();
            assert_eq!(message.payload()[..], *number.to_string().as_bytes());
        }
    };
    soon(async { tokio::join!(publishing, receiving) }).await;
}

/// [MQTT-3.3.4-7]: not more than Receive Maximum in flight; the rest waits in a queue that ends.
#[tokio::test]
async fn a_broker_that_is_slow_to_answer_holds_up_whoever_publishes() {
    let broker = Scripted::start().await;
    let limits = ConnAckProperties {
        receive_max: Some(3),
        ..properties()
    };
    let url = broker.url();
    let connecting = builder(&url).queue_len_max(2).connect();
    let (client, mut peer) = tokio::join!(connecting, broker.connected_with(false, limits));
    let client = client.unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(client.enqueue(("a", "x")).await.unwrap());
    }
    let first = peer.receive_publish().await.pkid;
    for _ in 1..3 {
        peer.receive_publish().await;
    }
    // The client may take one more from the queue, to see what it is.
    let full = loop {
        tokio::task::yield_now().await;
        match client.try_enqueue(("a", "y")) {
            Ok(answer) => answers.push(answer),
            Err(error) => break error,
        }
        assert!(answers.len() <= 6, "the queue has no end");
    };
    assert!(matches!(full, Error::Full) && full.is_retryable());

    // One answer lets one more pass.
    peer.send(Packet::PubAck(PubAck::new(first, None))).await;
    assert_eq!(peer.receive_publish().await.payload[..], b"y"[..]);
    soon(answers.remove(0)).await.unwrap();
    soon(client.enqueue(("a", "z"))).await.map(drop).unwrap();
}

#[tokio::test]
async fn what_the_broker_has_ruled_out_is_not_sent() {
    let broker = Scripted::start().await;
    let limits = ConnAckProperties {
        max_qos: Some(1),
        retain_available: Some(0),
        max_packet_size: Some(100),
        ..properties()
    };
    let url = broker.url();
    let (client, mut peer) = tokio::join!(
        builder(&url).connect(),
        broker.connected_with(false, limits)
    );
    let client = client.unwrap();
    for (publish, expected) in [
        // [MQTT-3.2.2-11]
        (
            Publish::new("a", "x").qos(Qos::ExactlyOnce),
            Reason::QOS_NOT_SUPPORTED,
        ),
        // [MQTT-3.2.2-14]
        (
            Publish::new("a", "x").retain(),
            Reason::RETAIN_NOT_SUPPORTED,
        ),
        // [MQTT-3.2.2-15]
        (Publish::new("a", vec![0; 100]), Reason::PACKET_TOO_LARGE),
    ] {
        match soon(client.publish(publish)).await {
            Err(Error::Refused { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{other:?}"),
        }
    }
    let _answer = client.enqueue(("a", "fits")).await.unwrap();
    assert_eq!(peer.receive_publish().await.payload[..], b"fits"[..]);
}
