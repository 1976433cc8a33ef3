//! One client of either version: connects when made, collects what arrives.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{Options, v3, v5};

/// How a client connects.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) name: &'static str,
    /// Whether an earlier session is not wanted.
    pub(crate) clean: bool,
    /// Whether the session lasts.
    pub(crate) lasting: bool,
    /// Topic and payload, with QoS 1.
    pub(crate) will: Option<(&'static str, &'static str)>,
    /// Topic aliases that the broker may use.
    pub(crate) aliases: u16,
}

impl Wish {
    /// A client without anything special.
    pub(crate) fn plain(name: &'static str) -> Self {
        Self {
            name,
            clean: true,
            lasting: false,
            will: None,
            aliases: 0,
        }
    }

    /// A client whose session lasts.
    pub(crate) fn lasting(name: &'static str) -> Self {
        Self {
            clean: false,
            lasting: true,
            ..Self::plain(name)
        }
    }
}

/// What a client meets.
#[derive(Debug)]
pub(crate) enum Event {
    Connected { session_present: bool },
    Granted(Vec<u8>),
    Unsubscribed,
    Acknowledged,
    Message(Message),
    Closed(String),
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: Option<PublishProperties>,
}

/// The library's client for a version.
enum Library {
    V3(rumqttc::AsyncClient),
    V5(rumqttc::v5::AsyncClient),
}

/// A connected client. Dropped, its connection breaks off.
pub(crate) struct Peer {
    library: Library,
    events: mpsc::Receiver<Event>,
    messages: VecDeque<Message>,
    pub(crate) session_present: bool,
    _polling: JoinSet<()>,
}

impl Peer {
    pub(crate) async fn connect(options: &Options, wish: &Wish) -> anyhow::Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut polling = JoinSet::new();
        let library = if options.v5 {
            Library::V5(v5::start(options, wish, sender, &mut polling))
        } else {
            Library::V3(v3::start(options, wish, sender, &mut polling))
        };
        let mut peer = Self {
            library,
            events,
            messages: VecDeque::new(),
            session_present: false,
            _polling: polling,
        };
        match peer.answer().await? {
            Event::Connected { session_present } => peer.session_present = session_present,
            other => bail!("found {other:?}, expected CONNACK"),
        }
        Ok(peer)
    }

    pub(crate) async fn subscribe(&mut self, filter: &str, qos: u8) -> anyhow::Result<()> {
        match &self.library {
            Library::V3(client) => client.subscribe(filter, v3::qos(qos)).await?,
            Library::V5(client) => client.subscribe(filter, v5::qos(qos)).await?,
        }
        match self.answer().await? {
            Event::Granted(granted) if granted == [qos] => Ok(()),
            other => bail!("found {other:?}, expected SUBACK with {qos}"),
        }
    }

    pub(crate) async fn unsubscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        match &self.library {
            Library::V3(client) => client.unsubscribe(filter).await?,
            Library::V5(client) => client.unsubscribe(filter).await?,
        }
        match self.answer().await? {
            Event::Unsubscribed => Ok(()),
            other => bail!("found {other:?}, expected UNSUBACK"),
        }
    }

    /// Publishes without waiting.
    pub(crate) async fn send(
        &self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        qos: u8,
        retain: bool,
    ) -> anyhow::Result<()> {
        let payload = payload.into();
        match &self.library {
            Library::V3(client) => {
                let qos = v3::qos(qos);
                client.publish(topic, qos, retain, payload).await?;
            }
            Library::V5(client) => {
                let qos = v5::qos(qos);
                client.publish(topic, qos, retain, payload).await?;
            }
        }
        Ok(())
    }

    /// Publishes and waits for the acknowledgement.
    pub(crate) async fn publish(
        &mut self,
        topic: &str,
        payload: impl Into<Vec<u8>>,
        qos: u8,
    ) -> anyhow::Result<()> {
        self.send(topic, payload, qos, false).await?;
        self.acknowledged(qos).await
    }

    /// Publishes a retained message and waits for the acknowledgement.
    pub(crate) async fn retain(&mut self, topic: &str, payload: &str) -> anyhow::Result<()> {
        self.send(topic, payload, 1, true).await?;
        self.acknowledged(1).await
    }

    /// Publishes with properties and QoS 1, and waits for the acknowledgement.
    pub(crate) async fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        properties: PublishProperties,
    ) -> anyhow::Result<()> {
        let Library::V5(client) = &self.library else {
            bail!("MQTT 3.1.1 has no properties");
        };
        let payload = payload.to_owned();
        client
            .publish_with_properties(topic, v5::qos(1), false, payload, properties)
            .await?;
        self.acknowledged(1).await
    }

    async fn acknowledged(&mut self, qos: u8) -> anyhow::Result<()> {
        if qos == 0 {
            return Ok(());
        }
        match self.answer().await? {
            Event::Acknowledged => Ok(()),
            other => bail!("found {other:?}, expected an acknowledgement"),
        }
    }

    /// The next message. Acknowledgements of messages sent before are passed over.
    pub(crate) async fn receive(&mut self) -> anyhow::Result<Message> {
        if let Some(message) = self.messages.pop_front() {
            return Ok(message);
        }
        loop {
            match self.event().await? {
                Event::Message(message) => return Ok(message),
                Event::Acknowledged => {}
                other => bail!("found {other:?}, expected a message"),
            }
        }
    }

    /// Checks the next message.
    pub(crate) async fn expect(
        &mut self,
        payload: &str,
        qos: u8,
        retain: bool,
    ) -> anyhow::Result<Message> {
        let found = self.receive().await?;
        ensure!(
            found.payload == payload.as_bytes() && found.qos == qos && found.retain == retain,
            "found {} with QoS {} and retain {}, expected {payload} with {qos} and {retain}",
            String::from_utf8_lossy(&found.payload),
            found.qos,
            found.retain
        );
        Ok(found)
    }

    pub(crate) async fn disconnect(mut self) -> anyhow::Result<()> {
        match &self.library {
            Library::V3(client) => client.disconnect().await?,
            Library::V5(client) => client.disconnect().await?,
        }
        self.closed().await.map(|_| ())
    }

    /// Waits until the connection is closed; says why.
    pub(crate) async fn closed(&mut self) -> anyhow::Result<String> {
        loop {
            if let Event::Closed(why) = self.event().await? {
                return Ok(why);
            }
        }
    }

    /// The next event that is no message; messages are kept.
    async fn answer(&mut self) -> anyhow::Result<Event> {
        loop {
            match self.event().await? {
                Event::Message(message) => self.messages.push_back(message),
                other => return Ok(other),
            }
        }
    }

    async fn event(&mut self) -> anyhow::Result<Event> {
        let event = timeout(DEADLINE, self.events.recv()).await;
        let event = event.context("nothing arrives within 20 s")?;
        event.context("the connection is closed")
    }
}

const DEADLINE: Duration = Duration::from_secs(20);

/// More than any scenario leaves lying.
const EVENTS_MAX: usize = 10_000;
