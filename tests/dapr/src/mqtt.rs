//! A client that speaks MQTT with the broker itself, beside all sidecars.

use std::time::Duration;

use anyhow::{Context, bail};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, PublishProperties};
use rumqttc::v5::{Client, Connection, Event, MqttOptions};

use crate::clock::Deadline;

/// A connected client. It reads only while it is asked to wait.
pub struct Mqtt {
    client: Client,
    connection: Connection,
}

impl Mqtt {
    /// Connects at a port of 127.0.0.1 with a session that ends with the connection.
    ///
    /// # Errors
    ///
    /// That the broker does not take it.
    pub fn connect(port: u16, name: &str) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_max_packet_size(Some(64 * 1024 * 1024));
        options.set_keep_alive(Duration::from_secs(30));
        let (client, connection) = Client::new(options, 100);
        let mut mqtt = Self { client, connection };
        mqtt.wait("CONNACK", |packet| {
            matches!(packet, Packet::ConnAck(_)).then_some(())
        })?;
        Ok(mqtt)
    }

    /// Subscribes with QoS 1, and waits for the answer.
    ///
    /// # Errors
    ///
    /// That there is none.
    pub fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        self.client.subscribe(filter, QoS::AtLeastOnce)?;
        self.wait("SUBACK", |packet| {
            matches!(packet, Packet::SubAck(_)).then_some(())
        })
    }

    /// Publishes with QoS 1, and waits until it is acknowledged.
    ///
    /// # Errors
    ///
    /// That it is not.
    pub fn publish(
        &mut self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        properties: PublishProperties,
    ) -> anyhow::Result<()> {
        let payload: Vec<u8> = payload.into();
        let qos = QoS::AtLeastOnce;
        let client = &self.client;
        client.publish_with_properties(topic, qos, false, payload, properties)?;
        self.wait("PUBACK", |packet| {
            matches!(packet, Packet::PubAck(_)).then_some(())
        })
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// That none comes.
    pub fn message(&mut self) -> anyhow::Result<Publish> {
        self.wait("a message", |packet| match packet {
            Packet::Publish(publish) => Some(publish),
            _ => None,
        })
    }

    fn wait<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(Packet) -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Deadline::after(PATIENCE);
        while !deadline.is_over() {
            let event = self.connection.recv_timeout(deadline.left());
            let Ok(event) = event else { break };
            if let Event::Incoming(packet) = event.with_context(|| format!("no {what}"))?
                && let Some(found) = wanted(packet)
            {
                return Ok(found);
            }
        }
        bail!("no {what} within {PATIENCE:?}")
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
