//! Stores of other brokers, which know fewer commands.

use std::time::Duration;

use catena_sdk::{Error, StateStore, TimeToLive};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAck, PublishProperties};

use crate::scripted::{Peer, Scripted, publish};
use crate::{builder, soon};

/// A store that has answered `-ERR unknown command` once is not asked again: each later question
/// is the two that it knows.
#[tokio::test]
async fn a_store_without_getpx_is_asked_for_value_and_time_apart() {
    let (store, mut peer) = connected().await;
    let reading = async {
        let first = store.value_with_time_to_live("k").await.unwrap().unwrap();
        let again = store.value_with_time_to_live("k").await.unwrap();
        assert_eq!(again.as_ref(), Some(&first));
        first
    };
    let answering = async {
        peer.answer("GETPX", "-ERR unknown command\r\n").await;
        for _ in 0..2 {
            peer.answer("GET", "$1\r\nv\r\n").await;
            peer.answer("PTTL", ":1500\r\n").await;
        }
    };
    let ((entry, left), ()) = soon(async { tokio::join!(reading, answering) }).await;
    assert_eq!(entry.value, "v");
    assert_eq!(left, TimeToLive::For(Duration::from_millis(1_500)));
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_told() {
    let (store, mut peer) = connected().await;
    for _ in 0..2 {
        let reading = store.value_with_time_to_live("k");
        let answering = peer.answer("GETPX", "-ERR the request is not authorized\r\n");
        let (read, ()) = soon(async { tokio::join!(reading, answering) }).await;
        assert!(matches!(read, Err(Error::StoreRefused { text }) if text.ends_with("authorized")));
    }
}

async fn connected() -> (StateStore, Peer) {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let granting = async {
        peer.grant().await;
        peer.grant().await;
    };
    let (store, ()) = soon(async { tokio::join!(StateStore::new(&client), granting) }).await;
    (store.unwrap(), peer)
}

impl Peer {
    /// Takes a request, which has to be this command, and responds to it.
    async fn answer(&mut self, command: &str, reply: &'static str) {
        let request = loop {
            match self.receive().await {
                Packet::Publish(request) => break request,
                // Of a response before.
                Packet::PubAck(_) => {}
                other => panic!("expected PUBLISH, got {other:?}"),
            }
        };
        let payload = String::from_utf8_lossy(&request.payload);
        let asked = format!("*2\r\n${}\r\n{command}\r\n$1\r\nk\r\n", command.len());
        assert_eq!(payload, asked);
        let properties = request.properties.unwrap();
        let mut response = publish(request.pkid, QoS::AtLeastOnce, reply);
        response.topic = properties.response_topic.unwrap().into();
        response.properties = Some(PublishProperties {
            correlation_data: properties.correlation_data,
            user_properties: vec![("__stat".to_owned(), "200".to_owned())],
            ..PublishProperties::default()
        });
        self.send(Packet::PubAck(PubAck::new(request.pkid, None)))
            .await;
        self.send(Packet::Publish(response)).await;
    }
}
