//! Connections that break: nothing is lost, doubled or out of order that need not be.

use std::collections::BTreeSet;
use std::time::Duration;

use catena_sdk::{Error, Event, Publish, Qos, Subscribe};
use catena_sdk_testing::Broker;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAck, PubComp, PubRec, PubRel};

use crate::proxy::Proxy;
use crate::scripted::{Scripted, publish};
use crate::{builder, connected, soon};

const COUNT: usize = 600;

/// Publishes through cuts; gives back what a subscriber got, until the last.
async fn through_cuts(qos: Qos) -> Vec<usize> {
    let broker = Broker::start().unwrap();
    let proxy = Proxy::start(broker.address()).await;
    let receiver = builder(&broker.url()).connect().await.unwrap();
    let subscribe = Subscribe::to("a").qos(qos);
    let mut messages = receiver.subscribe(subscribe).await.unwrap();
    let client = builder(&proxy.url()).connect().await.unwrap();
    let publishing = async {
        let mut answers = Vec::new();
        for number in 0..COUNT {
            if number % 100 == 50 {
                proxy.cut();
            }
            let publish = Publish::new("a", number.to_string()).qos(qos);
            answers.push(client.enqueue(publish).await.unwrap());
        }
        for answer in answers {
            answer.await.unwrap();
        }
    };
    let receiving = async {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&(COUNT - 1)) {
            let message = messages.next().await.unwrap();
            let text = std::str::from_utf8(message.payload()).unwrap();
            numbers.push(text.parse().unwrap());
        }
        numbers
    };
    let (numbers, ()) = soon(async { tokio::join!(receiving, publishing) }).await;
    numbers
}

/// [MQTT-4.3.2-1], [MQTT-4.6.0-1]: at least once, first transmissions in order.
#[tokio::test]
async fn qos_1_arrives_through_cuts() {
    let numbers = through_cuts(Qos::AtLeastOnce).await;
    let mut seen = BTreeSet::new();
    let first: Vec<_> = numbers.into_iter().filter(|n| seen.insert(*n)).collect();
    assert_eq!(first, (0..COUNT).collect::<Vec<_>>());
}

/// [MQTT-4.3.3-1]: exactly once, in order.
#[tokio::test]
async fn qos_2_arrives_once_through_cuts() {
    let numbers = through_cuts(Qos::ExactlyOnce).await;
    assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());
}

#[tokio::test]
async fn receiving_goes_on_through_cuts() {
    let broker = Broker::start().unwrap();
    let proxy = Proxy::start(broker.address()).await;
    let sender = builder(&broker.url()).connect().await.unwrap();
    let client = builder(&proxy.url()).connect().await.unwrap();
    let subscribe = Subscribe::to("a").qos(Qos::ExactlyOnce);
    let mut messages = client.subscribe(subscribe).await.unwrap();
    let sending = async {
        for number in 0..COUNT {
            let publish = Publish::new("a", number.to_string());
            let publish = publish.qos(Qos::ExactlyOnce);
            sender.enqueue(publish).await.map(drop).unwrap();
        }
    };
    let receiving = async {
        for number in 0..COUNT {
            if number % 100 == 50 {
                proxy.cut();
            }
            let message = messages.next().await.unwrap();
            assert_eq!(message.payload()[..], *number.to_string().as_bytes());
        }
    };
    soon(async { tokio::join!(sending, receiving) }).await;
}

/// [MQTT-4.4.0-1], [MQTT-3.3.1-1]: the same packet IDs, DUP, the old order; what was not sent yet
/// comes after it.
#[tokio::test]
async fn a_kept_session_gets_what_is_unanswered_again_and_no_subscribe() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.grant());
    let mut messages = messages.unwrap();
    let mut answers = Vec::new();
    for (payload, qos) in [
        ("1", Qos::ExactlyOnce),
        ("2", Qos::AtLeastOnce),
        ("3", Qos::ExactlyOnce),
    ] {
        let publish = Publish::new("a", payload).qos(qos);
        answers.push(client.enqueue(publish).await.unwrap());
    }
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(peer.receive_publish().await.pkid);
    }
    peer.send(Packet::PubRec(PubRec::new(ids[0], None))).await;
    assert!(matches!(peer.receive().await, Packet::PubRel(release) if release.pkid == ids[0]));
    drop(peer);

    let mut peer = broker.connected(true).await;
    for (id, payload) in [(ids[1], "2"), (ids[2], "3")] {
        let again = peer.receive_publish().await;
        assert!(again.dup);
        assert_eq!((again.pkid, &again.payload[..]), (id, payload.as_bytes()));
    }
    assert!(matches!(peer.receive().await, Packet::PubRel(release) if release.pkid == ids[0]));
    answers.push(client.enqueue(("a", "4")).await.unwrap());
    let new = peer.receive_publish().await;
    assert!(!new.dup && !ids.contains(&new.pkid));

    peer.send(Packet::PubComp(PubComp::new(ids[0], None))).await;
    peer.send(Packet::PubAck(PubAck::new(ids[1], None))).await;
    peer.send(Packet::PubRec(PubRec::new(ids[2], None))).await;
    assert!(matches!(peer.receive().await, Packet::PubRel(release) if release.pkid == ids[2]));
    peer.send(Packet::PubComp(PubComp::new(ids[2], None))).await;
    peer.send(Packet::PubAck(PubAck::new(new.pkid, None))).await;
    for answer in answers {
        soon(answer).await.unwrap();
    }
    // The stream is still there.
    let message = publish(1, QoS::AtLeastOnce, "x");
    peer.send(Packet::Publish(message)).await;
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "x");
}

#[tokio::test]
async fn a_lost_session_is_made_anew() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let (messages, _) = tokio::join!(client.subscribe("a/#"), peer.grant());
    let _messages = messages.unwrap();
    let least = client.enqueue(("a", "1")).await.unwrap();
    let once = Publish::new("a", "2").qos(Qos::ExactlyOnce);
    let once = client.enqueue(once).await.unwrap();
    for _ in 0..2 {
        peer.receive_publish().await;
    }
    drop(peer);

    let mut peer = broker.connected(false).await;
    assert!(!peer.connect.clean_start);
    assert_eq!(peer.grant().await, "a/#");
    let anew = peer.receive_publish().await;
    assert_eq!((anew.dup, &anew.payload[..]), (false, &b"1"[..]));
    peer.send(Packet::PubAck(PubAck::new(anew.pkid, None)))
        .await;
    soon(least).await.unwrap();
    assert!(matches!(soon(once).await, Err(Error::SessionLost)));
}

#[tokio::test]
async fn another_broker_gets_the_subscriptions() {
    let (broker, other) = (Broker::start().unwrap(), Broker::start().unwrap());
    let proxy = Proxy::start(broker.address()).await;
    let client = builder(&proxy.url()).connect().await.unwrap();
    let mut events = client.events();
    let mut messages = client.subscribe("a").await.unwrap();
    proxy.cut();
    assert!(connected(&mut events).await);
    proxy.redirect(other.address());
    proxy.cut();
    assert!(!connected(&mut events).await);
    // Behind the SUBSCRIBE of the same connection.
    client.publish(("a", "x")).await.unwrap();
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "x");
}

#[tokio::test]
async fn subscribers_go_first_when_the_broker_has_lost_sessions() {
    let broker = Broker::start().unwrap();
    let (url, address) = (broker.url(), broker.address());
    let builder = builder(&url).subscribers_first(Duration::from_secs(3));
    let client = builder.connect().await.unwrap();
    let mut events = client.events();
    drop(broker);
    soon(async { while !matches!(events.next().await, Some(Event::Disconnected { .. })) {} }).await;
    let published = client.enqueue(("a", "x")).await.unwrap();
    let _broker = Broker::builder().at(address).start().unwrap();
    assert!(!connected(&mut events).await);
    let other = self::builder(&url).connect().await.unwrap();
    let mut messages = other.subscribe("a").await.unwrap();
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "x");
    soon(published).await.unwrap();
}

#[tokio::test]
async fn publishes_do_not_wait_when_no_session_is_lost() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let builder = || builder(&url).subscribers_first(Duration::from_secs(3600));
    let client = builder().start().unwrap();
    // A new session has lost nothing, and one that is there has not either.
    for session_present in [false, true] {
        let mut peer = broker.connected(session_present).await;
        let published = client.enqueue(("a", "x")).await.unwrap();
        let publish = peer.receive_publish().await;
        let ack = PubAck::new(publish.pkid, None);
        peer.send(Packet::PubAck(ack)).await;
        soon(published).await.unwrap();
    }
    drop(client);
    // One that ends with its connection is never there.
    let client = builder().session_expiry(Duration::ZERO).start().unwrap();
    for _ in 0..2 {
        let mut peer = broker.connected(false).await;
        drop(client.enqueue(("a", "x")).await.unwrap());
        assert_eq!(&peer.receive_publish().await.payload[..], b"x");
    }
}

/// [MQTT-4.3.3-10]: a message whose PUBREC was lost is not handed out again, and a PUBREL of the
/// last connection, or of the last process, is answered.
#[tokio::test]
async fn a_message_at_qos_2_comes_once_whatever_breaks() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let (messages, _) = tokio::join!(client.subscribe("a"), peer.grant());
    let mut messages = messages.unwrap();
    let mut message = publish(5, QoS::ExactlyOnce, "x");
    peer.send(Packet::Publish(message.clone())).await;
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "x");
    assert!(matches!(peer.receive().await, Packet::PubRec(ack) if ack.pkid == 5));
    drop(peer);

    let mut peer = broker.connected(true).await;
    message.dup = true;
    peer.send(Packet::Publish(message)).await;
    assert!(matches!(peer.receive().await, Packet::PubRec(ack) if ack.pkid == 5));
    drop(peer);

    let mut peer = broker.connected(true).await;
    peer.send(Packet::PubRel(PubRel::new(5, None))).await;
    assert!(matches!(peer.receive().await, Packet::PubComp(complete) if complete.pkid == 5));

    // One of an earlier process costs a connection, and no more.
    peer.send(Packet::PubRel(PubRel::new(77, None))).await;
    let mut peer = broker.connected(true).await;
    peer.send(Packet::PubRel(PubRel::new(77, None))).await;
    assert!(matches!(peer.receive().await, Packet::PubComp(complete) if complete.pkid == 77));
    assert!(messages.try_next().is_none());
}

#[tokio::test]
async fn a_message_that_the_program_still_has_is_not_handed_out_again() {
    let broker = Broker::start().unwrap();
    let proxy = Proxy::start(broker.address()).await;
    let client = builder(&proxy.url()).connect().await.unwrap();
    let mut events = client.events();
    let subscribe = Subscribe::to("a").acknowledge_manually();
    let mut messages = client.subscribe(subscribe).await.unwrap();
    client.publish(("a", "1")).await.unwrap();
    let held = soon(messages.next()).await.unwrap();
    proxy.cut();
    assert!(connected(&mut events).await);
    held.acknowledge();
    client.publish(("a", "2")).await.unwrap();
    assert_eq!(soon(messages.next()).await.unwrap().payload(), "2");
}
