//! Subscribing: routing, acknowledgement, what nobody claims.

use std::time::Duration;

use catena_sdk::{Error, Event, Publish, Qos, Subscribe};
use catena_sdk_testing::Broker;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubRel};

use crate::scripted::{Scripted, publish};
use crate::{builder, connected, soon};

/// [MQTT-4.6.0-2], [MQTT-4.6.0-3]
#[tokio::test]
async fn acknowledgements_leave_in_the_order_of_the_messages() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let subscribe = Subscribe::to("a").acknowledge_manually();
    let (messages, _) = tokio::join!(client.subscribe(subscribe), peer.grant());
    let mut messages = messages.unwrap();
    for (packet_id, qos) in [
        (7, QoS::AtLeastOnce),
        (3, QoS::ExactlyOnce),
        (5, QoS::AtLeastOnce),
    ] {
        peer.send(Packet::Publish(publish(packet_id, qos, "x")))
            .await;
    }
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(soon(messages.next()).await.unwrap());
    }
    for message in taken.iter().rev() {
        message.acknowledge();
        // A second time does nothing.
        message.acknowledge();
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(match peer.receive().await {
            Packet::PubAck(ack) => ("PUBACK", ack.pkid),
            Packet::PubRec(ack) => ("PUBREC", ack.pkid),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(order, [("PUBACK", 7), ("PUBREC", 3), ("PUBACK", 5)]);
    peer.send(Packet::PubRel(PubRel::new(3, None))).await;
    assert!(matches!(peer.receive().await, Packet::PubComp(complete) if complete.pkid == 3));
}

#[tokio::test]
async fn a_message_goes_to_every_stream_that_matches_and_to_no_other() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let mut wide = client.subscribe("a/#").await.unwrap();
    let mut narrow = client.subscribe("a/b").await.unwrap();
    let mut other = client.subscribe("c").await.unwrap();
    let again = client.subscribe("c").await;
    assert!(matches!(again, Err(Error::Invalid { what: "filter", .. })));
    client.publish(("a/b", "1")).await.unwrap();
    client.publish(("c", "2")).await.unwrap();
    client.publish(("a/c", "3")).await.unwrap();
    assert_eq!(soon(narrow.next()).await.unwrap().payload()[..], b"1"[..]);
    assert_eq!(soon(wide.next()).await.unwrap().payload()[..], b"1"[..]);
    assert_eq!(soon(wide.next()).await.unwrap().payload()[..], b"3"[..]);
    assert_eq!(soon(other.next()).await.unwrap().payload()[..], b"2"[..]);
    assert!(narrow.try_next().is_none() && other.try_next().is_none());
}

#[tokio::test]
async fn a_stream_that_is_not_read_loses_qos_0_and_counts_it() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let connecting = builder(&url).receive_max(2).connect();
    let (client, mut peer) = tokio::join!(connecting, broker.connected(false));
    let client = client.unwrap();
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.grant());
    let mut messages = messages.unwrap();
    for _ in 0..5 {
        let publish = publish(0, QoS::AtMostOnce, "x");
        peer.send(Packet::Publish(publish)).await;
    }
    // Room that messages at QoS 1 are entitled to is left.
    for packet_id in [1, 2] {
        let publish = publish(packet_id, QoS::AtLeastOnce, "y");
        peer.send(Packet::Publish(publish)).await;
    }
    let mut payloads = Vec::new();
    for _ in 0..4 {
        payloads.push(soon(messages.next()).await.unwrap().payload().clone());
    }
    assert_eq!(payloads, ["x", "x", "y", "y"]);
    assert_eq!(messages.lost(), 3);
}

#[tokio::test]
async fn messages_dropped_unacknowledged_come_again() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).receive_max(2).connect();
    let client = client.await.unwrap();
    let mut events = client.events();
    let subscribe = Subscribe::to("a").acknowledge_manually();
    let mut messages = client.subscribe(subscribe).await.unwrap();
    for payload in ["1", "2", "3"] {
        client.publish(("a", payload)).await.unwrap();
    }
    for _ in 0..2 {
        drop(soon(messages.next()).await.unwrap());
    }
    // Nothing could come any more: the client connects anew.
    assert!(connected(&mut events).await);
    for expected in ["1", "2", "3"] {
        let message = soon(messages.next()).await.unwrap();
        assert_eq!(message.payload(), expected);
        message.acknowledge();
    }
}

#[tokio::test]
async fn what_came_before_its_stream_waits_for_it_or_is_given_up() {
    let broker = Broker::start().unwrap();
    let other = builder(&broker.url()).connect().await.unwrap();
    let earlier = builder(&broker.url()).client_id("a").connect();
    let earlier = earlier.await.unwrap();
    let (kept, given_up) = (earlier.subscribe("kept"), earlier.subscribe("given-up"));
    let (kept, given_up) = (kept.await.unwrap(), given_up.await.unwrap());
    earlier.close().await;
    drop((kept, given_up));
    for topic in ["kept", "given-up"] {
        other.publish((topic, topic)).await.unwrap();
    }

    // Another process, as it were, takes the session over.
    let claim_within = Duration::from_millis(300);
    let client = builder(&broker.url()).client_id("a");
    let client = client.claim_within(claim_within).connect().await.unwrap();
    let mut events = client.events();
    let mut messages = client.subscribe("kept").await.unwrap();
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "kept");
    let count = soon(async {
        loop {
            if let Some(Event::Unclaimed { count }) = events.next().await {
                return count;
            }
        }
    });
    assert_eq!(count.await, 1);
}

#[tokio::test]
async fn messages_can_wait_for_a_first_subscription() {
    let broker = Broker::start().unwrap();
    let earlier = builder(&broker.url()).client_id("a").connect();
    let earlier = earlier.await.unwrap();
    let kept = earlier.subscribe("kept").await.unwrap();
    earlier.close().await;
    drop(kept);
    let other = builder(&broker.url()).connect().await.unwrap();
    other.publish(("kept", "x")).await.unwrap();

    let client = builder(&broker.url()).client_id("a").claim_from_subscribe();
    let client = client.claim_within(Duration::from_millis(1));
    let client = client.connect().await.unwrap();
    // Far more than the time to claim passes.
    for _ in 0..100 {
        client.publish(("other", "x")).await.unwrap();
    }
    let mut messages = client.subscribe("kept").await.unwrap();
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "x");
}

#[tokio::test]
async fn retained_messages_say_so() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let publish = Publish::new("a", "x").retain();
    client.publish(publish).await.unwrap();
    let mut messages = client
        .subscribe(Subscribe::to("a").qos(Qos::AtMostOnce))
        .await
        .unwrap();
    assert_eq!(messages.granted(), Qos::AtMostOnce);
    let message = soon(messages.next()).await.unwrap();
    assert!(message.is_retained() && message.qos() == Qos::AtMostOnce);
}

/// What the broker still had for a stream that has gone holds up no other one.
#[tokio::test]
async fn what_comes_for_a_stream_that_has_gone_is_given_up_at_once() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let client = builder(&url).receive_max(2).claim_within(Duration::MAX);
    let client = client.connect().await.unwrap();
    let mut events = client.events();
    let left = Subscribe::to("left").acknowledge_manually();
    let left = client.subscribe(left).await.unwrap();
    let mut other = client.subscribe("other").await.unwrap();
    let publisher = builder(&url).connect().await.unwrap();
    for topic in ["left"; 10].into_iter().chain(["other"]) {
        publisher.publish((topic, "x")).await.unwrap();
    }
    drop(left);
    let message = soon(other.next()).await.unwrap();
    assert_eq!(message.topic(), "other");
    // Those that were in the stream already are none of these.
    let mut given_up = 0;
    soon(async {
        while given_up < 8 {
            if let Some(Event::Unclaimed { count }) = events.next().await {
                given_up += count;
            }
        }
    })
    .await;
    // A stream of the same filter gets what comes from then on.
    let mut left = client.subscribe("left").await.unwrap();
    publisher.publish(("left", "y")).await.unwrap();
    assert_eq!(&**soon(left.next()).await.unwrap().payload(), b"y");
}

/// A program that was started again makes its streams one after the other.
#[tokio::test]
async fn streams_that_overlap_share_what_an_earlier_process_left() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let process = || builder(&url).client_id("app");
    let earlier = process().connect().await.unwrap();
    let streams = [
        earlier.subscribe("a/#").await.unwrap(),
        earlier.subscribe("a/b").await.unwrap(),
    ];
    earlier.close().await;
    drop(streams);
    let publisher = builder(&url).connect().await.unwrap();
    for payload in ["1", "2", "3"] {
        publisher.publish(("a/b", payload)).await.unwrap();
    }
    let later = process().claim_together(Duration::from_millis(500));
    let later = later.connect().await.unwrap();
    let mut streams = [
        later.subscribe("a/#").await.unwrap(),
        later.subscribe("a/b").await.unwrap(),
    ];
    publisher.publish(("a/b", "4")).await.unwrap();
    for messages in &mut streams {
        for expected in ["1", "2", "3", "4"] {
            let message = soon(messages.next()).await.unwrap();
            assert_eq!(&**message.payload(), expected.as_bytes());
        }
    }
    // Later ones do not wait.
    publisher.publish(("a/b", "5")).await.unwrap();
    for messages in &mut streams {
        assert_eq!(&**soon(messages.next()).await.unwrap().payload(), b"5");
    }
}
