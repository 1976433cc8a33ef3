//! A broker that does as the test says, packet by packet.

use std::collections::VecDeque;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode,
    Packet, Publish, SubAck, Subscribe, SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{Error, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::soon;

/// Where a client connects.
pub(crate) struct Scripted {
    listener: TcpListener,
}

/// One connection of a client.
pub(crate) struct Peer {
    stream: TcpStream,
    bytes: BytesMut,
    packets: VecDeque<Packet>,
    pub(crate) connect: Connect,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://{}", self.listener.local_addr().unwrap())
    }

    /// Takes a connection and its CONNECT.
    pub(crate) async fn connecting(&self) -> Peer {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        let mut peer = Peer {
            stream,
            bytes: BytesMut::new(),
            packets: VecDeque::new(),
            connect: Connect {
                keep_alive: 0,
                client_id: String::new(),
                clean_start: false,
                properties: None,
            },
        };
        match peer.receive().await {
            Packet::Connect(connect, ..) => peer.connect = connect,
            other => panic!("expected CONNECT, got {other:?}"),
        }
        peer
    }

    /// Takes a connection and accepts it.
    pub(crate) async fn connected(&self, session_present: bool) -> Peer {
        self.connected_with(session_present, properties()).await
    }

    pub(crate) async fn connected_with(
        &self,
        session_present: bool,
        properties: ConnAckProperties,
    ) -> Peer {
        let mut peer = self.connecting().await;
        let connack = ConnAck {
            session_present,
            code: ConnectReturnCode::Success,
            properties: Some(properties),
        };
        peer.send(Packet::ConnAck(connack)).await;
        peer
    }
}

impl Peer {
    pub(crate) async fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next packet, pings apart.
    pub(crate) async fn receive(&mut self) -> Packet {
        soon(async {
            loop {
                if let Some(packet) = self.packets.pop_front() {
                    return packet;
                }
                self.fill().await;
            }
        })
        .await
    }

    pub(crate) async fn receive_publish(&mut self) -> Publish {
        match self.receive().await {
            Packet::Publish(publish) => publish,
            other => panic!("expected PUBLISH, got {other:?}"),
        }
    }

    pub(crate) async fn receive_subscribe(&mut self) -> Subscribe {
        match self.receive().await {
            Packet::Subscribe(subscribe) => subscribe,
            other => panic!("expected SUBSCRIBE, got {other:?}"),
        }
    }

    pub(crate) async fn answer_subscribe(
        &mut self,
        subscribe: &Subscribe,
        code: SubscribeReasonCode,
    ) {
        let ack = SubAck {
            pkid: subscribe.pkid,
            return_codes: vec![code],
            properties: None,
        };
        self.send(Packet::SubAck(ack)).await;
    }

    /// Takes a SUBSCRIBE and answers it; gives back its filter.
    pub(crate) async fn grant(&mut self) -> String {
        self.grant_identified().await.0
    }

    /// As [`grant`](Self::grant); gives back filter and identifier.
    pub(crate) async fn grant_identified(&mut self) -> (String, Option<usize>) {
        let subscribe = self.receive_subscribe().await;
        let granted = SubscribeReasonCode::Success(subscribe.filters[0].qos);
        self.answer_subscribe(&subscribe, granted).await;
        let identifier = subscribe.properties.and_then(|it| it.id);
        (subscribe.filters[0].path.clone(), identifier)
    }

    async fn fill(&mut self) {
        let read = self.stream.read_buf(&mut self.bytes).await.unwrap();
        assert_ne!(read, 0, "the client has gone");
        loop {
            let packet = match Packet::read(&mut self.bytes, None) {
                Ok(packet) => packet,
                Err(Error::InsufficientBytes(_)) => return,
                // The shortest DISCONNECT.
                Err(Error::PayloadRequired) => {
                    Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection))
                }
                Err(error) => panic!("{error}"),
            };
            if packet == Packet::PingReq(rumqttc::v5::mqttbytes::v5::PingReq) {
                self.send(Packet::PingResp(rumqttc::v5::mqttbytes::v5::PingResp))
                    .await;
            } else {
                self.packets.push_back(packet);
            }
        }
    }
}

/// A message as a broker sends it.
pub(crate) fn publish(packet_id: u16, qos: QoS, payload: &'static str) -> Publish {
    let mut publish = Publish::new("a", qos, payload, None);
    publish.pkid = packet_id;
    publish
}

/// CONNACK without properties.
pub(crate) fn properties() -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}
