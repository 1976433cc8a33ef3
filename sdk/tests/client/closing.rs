//! The end of handles, streams, futures and clients.

use catena_sdk::{Client, Error, Event, Subscribe};
use catena_sdk_testing::Broker;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAck};

use crate::scripted::{Peer, Scripted, publish};
use crate::{builder, soon};

async fn scripted() -> (Client, Scripted, Peer) {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    (client.unwrap(), broker, peer)
}

#[tokio::test]
async fn the_last_handle_waits_for_answers_and_says_goodbye() {
    let (client, _broker, mut peer) = scripted().await;
    let other = client.clone();
    let answer = client.enqueue(("a", "x")).await.unwrap();
    drop(client);
    drop(other);
    let packet_id = peer.receive_publish().await.pkid;
    peer.send(Packet::PubAck(PubAck::new(packet_id, None)))
        .await;
    soon(answer).await.unwrap();
    assert!(matches!(peer.receive().await, Packet::Disconnect(_)));
}

#[tokio::test]
async fn a_stream_keeps_the_client_running() {
    let (client, _broker, mut peer) = scripted().await;
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.grant());
    let mut messages = messages.unwrap();
    drop(client);
    let message = publish(1, QoS::AtLeastOnce, "x");
    peer.send(Packet::Publish(message)).await;
    soon(messages.next()).await.unwrap();
    assert!(matches!(peer.receive().await, Packet::PubAck(_)));
    drop(messages);
    assert!(matches!(peer.receive().await, Packet::Unsubscribe(_)));
    assert!(matches!(peer.receive().await, Packet::Disconnect(_)));
}

#[tokio::test]
async fn close_ends_streams_and_calls() {
    let broker = Broker::start().unwrap();
    let client = builder(&broker.url()).connect().await.unwrap();
    let mut events = client.events();
    let mut messages = client.subscribe("a").await.unwrap();
    soon(client.close()).await;
    assert!(soon(messages.next()).await.is_none());
    let error = client.publish(("a", "x")).await.unwrap_err();
    assert!(matches!(error, Error::Closed) && !error.is_retryable());
    assert!(matches!(
        soon(events.next()).await,
        Some(Event::Ended { error: None })
    ));
    // Again is no harm.
    soon(client.close()).await;
}

#[tokio::test]
async fn a_dropped_stream_unsubscribes_and_holds_up_no_acknowledgement() {
    let (client, _broker, mut peer) = scripted().await;
    let subscribe = Subscribe::to("a").acknowledge_manually();
    let (messages, _) = tokio::join!(client.subscribe(subscribe), peer.grant());
    let mut messages = messages.unwrap();
    for packet_id in [1, 2] {
        let message = publish(packet_id, QoS::AtLeastOnce, "x");
        peer.send(Packet::Publish(message)).await;
    }
    let held = soon(messages.next()).await.unwrap();
    drop(messages);
    assert!(matches!(peer.receive().await, Packet::Unsubscribe(_)));
    held.acknowledge();
    for packet_id in [1, 2] {
        assert!(matches!(peer.receive().await, Packet::PubAck(ack) if ack.pkid == packet_id));
    }
}

/// What the documentation says of futures that are dropped.
#[tokio::test]
async fn futures_may_be_dropped() {
    let (client, _broker, mut peer) = scripted().await;
    // A subscription is taken back.
    {
        let mut subscribing = std::pin::pin!(client.subscribe("a"));
        tokio::select! {
            _ = &mut subscribing => panic!("nobody has granted it"),
            filter = peer.grant() => assert_eq!(filter, "a"),
        }
    }
    assert!(matches!(peer.receive().await, Packet::Unsubscribe(_)));

    // A message whose answer nobody waits for is sent, and the next one as well.
    drop(client.enqueue(("a", "1")).await.unwrap());
    let packet_id = peer.receive_publish().await.pkid;
    peer.send(Packet::PubAck(PubAck::new(packet_id, None)))
        .await;
    let answer = client.enqueue(("a", "2")).await.unwrap();
    let packet_id = peer.receive_publish().await.pkid;
    peer.send(Packet::PubAck(PubAck::new(packet_id, None)))
        .await;
    soon(answer).await.unwrap();

    // No message is lost with a future of `next`.
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.grant());
    let mut messages = messages.unwrap();
    tokio::select! {
        biased;
        _ = messages.next() => panic!("nothing was sent"),
        () = tokio::task::yield_now() => {}
    }
    let message = publish(1, QoS::AtLeastOnce, "x");
    peer.send(Packet::Publish(message)).await;
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "x");
}

#[tokio::test]
async fn a_dropped_attempt_to_connect_leaves_nothing() {
    let broker = Scripted::start().await;
    let url = broker.url();
    {
        let mut connecting = std::pin::pin!(builder(&url).connect());
        tokio::select! {
            _ = &mut connecting => panic!("nobody has accepted it"),
            _ = broker.connecting() => {}
        }
    }
    // The next one is not that of the first client.
    let other = builder(&url).client_id("other").start().unwrap();
    assert_eq!(broker.connecting().await.connect.client_id, "other");
    drop(other);
}
