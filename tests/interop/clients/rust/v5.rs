//! rumqttc's client for MQTT 5.0.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, LastWill, Packet, Publish, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, Event as Polled, EventLoop, MqttOptions};
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
    wanted.set_clean_start(wish.clean);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = wish.lasting.then_some(300);
    properties.max_packet_size = Some(2 * 1024 * 1024);
    properties.topic_alias_max = (wish.aliases > 0).then_some(wish.aliases);
    wanted.set_connect_properties(properties);
    if let Some((topic, payload)) = wish.will {
        wanted.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, false, None));
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
            Ok(Polled::Incoming(packet)) => of(packet),
            Ok(Polled::Outgoing(rumqttc::Outgoing::Disconnect)) => {
                Some(Event::Closed("by this side".to_owned()))
            }
            Ok(Polled::Outgoing(_)) => None,
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
        Packet::Publish(publish) => Event::Message(message(publish)),
        _ => return None,
    })
}

fn message(publish: Publish) -> Message {
    Message {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.to_vec(),
        qos: publish.qos as u8,
        retain: publish.retain,
        properties: publish.properties,
    }
}

fn code(granted: &SubscribeReasonCode) -> u8 {
    match granted {
        SubscribeReasonCode::Success(qos) => *qos as u8,
        _ => 0x80,
    }
}
