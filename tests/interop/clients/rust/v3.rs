//! rumqttc's client for MQTT 3.1.1.

use rumqttc::{AsyncClient, EventLoop, LastWill, MqttOptions, Packet, QoS, SubscribeReasonCode};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use crate::Options;
use crate::peer::{Event, Message, Wish};

/// Connects and reads in the background.
pub(crate) fn start(
    options: &Options,
    wish: &Wish,
    events: Sender<Event>,
    polling: &mut JoinSet<()>,
) -> AsyncClient {
    let name = format!("rumqttc-{}", wish.name);
    let mut wanted = MqttOptions::new(name, &options.host, options.port);
    wanted.set_clean_session(wish.clean);
    wanted.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
    if let Some((topic, payload)) = wish.will {
        wanted.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false));
    }
    let (client, connection) = AsyncClient::new(wanted, 10);
    polling.spawn(poll(connection, events));
    client
}

pub(crate) fn qos(number: u8) -> QoS {
    match number {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

async fn poll(mut connection: EventLoop, events: Sender<Event>) {
    loop {
        let event = match connection.poll().await {
            Ok(rumqttc::Event::Incoming(packet)) => of(packet),
            Ok(rumqttc::Event::Outgoing(rumqttc::Outgoing::Disconnect)) => {
                Some(Event::Closed("by this side".to_owned()))
            }
            Ok(rumqttc::Event::Outgoing(_)) => None,
            Err(error) => Some(Event::Closed(error.to_string())),
        };
        let Some(event) = event else { continue };
        let last = matches!(event, Event::Closed(_));
        if events.send(event).await.is_err() || last {
            return;
        }
    }
}

fn of(packet: Packet) -> Option<Event> {
    Some(match packet {
        Packet::ConnAck(answer) => Event::Connected {
            session_present: answer.session_present,
        },
        Packet::SubAck(answer) => Event::Granted(answer.return_codes.iter().map(code).collect()),
        Packet::UnsubAck(_) => Event::Unsubscribed,
        Packet::PubAck(_) | Packet::PubComp(_) => Event::Acknowledged,
        Packet::Publish(publish) => Event::Message(Message {
            topic: publish.topic,
            payload: publish.payload.to_vec(),
            qos: publish.qos as u8,
            retain: publish.retain,
            properties: None,
        }),
        _ => return None,
    })
}

fn code(granted: &SubscribeReasonCode) -> u8 {
    match granted {
        SubscribeReasonCode::Success(qos) => *qos as u8,
        SubscribeReasonCode::Failure => 0x80,
    }
}

const PACKET_BYTES_MAX: usize = 2 * 1024 * 1024;
