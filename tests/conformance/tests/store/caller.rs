//! A client of the state store that can also get every part of a request wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use catena_conformance::{Broker, Client, Options, QOS1, Received, properties, unique};
use catena_mqtt::{
    Ack, Forwarded, Limits, Packet, PacketId, Property, Publish, Qos, ReasonCode, SubscriptionIds,
    Version,
};
use catena_rpc::topics;

/// A connected client with a subscription to its responses.
pub(crate) struct Caller {
    /// Its connection.
    pub(crate) client: Client,
    /// Its client ID.
    pub(crate) id: String,
    /// Where its responses go.
    pub(crate) responses: String,
    calls: u64,
}

/// A request, with everything that can be wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) payload: Vec<u8>,
    pub(crate) timestamp: Option<String>,
    pub(crate) fencing_token: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
    pub(crate) response_topic: Option<String>,
    pub(crate) expiry: Option<u32>,
    pub(crate) user: Vec<(&'static str, &'static str)>,
    pub(crate) qos: Qos,
    pub(crate) dup: bool,
}

impl Call {
    /// The request with this `__ts`, or none.
    pub(crate) fn stamped(mut self, timestamp: Option<&str>) -> Self {
        self.timestamp = timestamp.map(str::to_owned);
        self
    }
}

/// A publish of the broker: a response or a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) expiry: Option<u32>,
    pub(crate) packet_id: Option<PacketId>,
    pub(crate) correlation: Option<Vec<u8>>,
    pub(crate) user: Vec<(String, String)>,
    /// Properties of any other kind.
    pub(crate) others: usize,
}

impl Said {
    /// What a packet says, if it is a publish.
    pub(crate) fn of(received: &Received) -> Option<Self> {
        let packet = received.packet();
        let Packet::Publish(publish) = &packet else {
            return None;
        };
        let mut said = Self {
            topic: publish.topic.to_owned(),
            payload: publish.payload.to_vec(),
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            expiry: publish.message_expiry,
            packet_id: publish.packet_id,
            correlation: None,
            user: Vec::new(),
            others: 0,
        };
        for property in publish.forwarded.iter() {
            match property {
                Property::CorrelationData(bytes) => said.correlation = Some(bytes.to_vec()),
                Property::UserProperty(name, value) => {
                    said.user.push((name.to_owned(), value.to_owned()));
                }
                _ => said.others += 1,
            }
        }
        Some(said)
    }

    /// The value of a user property.
    pub(crate) fn user(&self, name: &str) -> Option<&str> {
        let mut named = self.user.iter().filter(|(found, _)| found == name);
        named.next().map(|(_, value)| &**value)
    }

    /// `__ts`.
    pub(crate) fn version(&self) -> Option<&str> {
        self.user("__ts")
    }

    /// The payload as text, a bar for each line end.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).replace("\r\n", "|")
    }

    /// Whether it is a notification.
    pub(crate) fn is_notification(&self) -> bool {
        self.topic.starts_with(topics::NOTIFICATIONS)
    }
}

impl Caller {
    /// A client with a clean start.
    #[track_caller]
    pub(crate) fn new(broker: &Broker) -> Self {
        Self::with(broker, &Options::clean(Version::V5))
    }

    /// A client with this client ID and a clean start.
    #[track_caller]
    pub(crate) fn named(broker: &Broker, id: &str) -> Self {
        let client_id = id.to_owned();
        let options = Options::clean(Version::V5);
        Self::with(
            broker,
            &Options {
                client_id,
                ..options
            },
        )
    }

    /// A client that connects with these options, and subscribes.
    #[track_caller]
    pub(crate) fn with(broker: &Broker, options: &Options) -> Self {
        let mut caller = Self::resumed(broker, options);
        let filter = caller.responses.clone();
        caller.client.subscribe(&filter, QOS1);
        caller
    }

    /// A client that connects with these options, and does not subscribe again.
    #[track_caller]
    pub(crate) fn resumed(broker: &Broker, options: &Options) -> Self {
        Self {
            client: Client::connect(broker, options),
            responses: topics::response(&options.client_id),
            id: options.client_id.clone(),
            calls: 0,
        }
    }

    /// A proper request with a correlation of its own.
    pub(crate) fn call(&mut self, payload: &[u8]) -> Call {
        self.calls += 1;
        Call {
            payload: payload.to_vec(),
            timestamp: Some(stamp(0)),
            fencing_token: None,
            correlation: Some(format!("{:016}", self.calls).into_bytes()),
            response_topic: Some(self.responses.clone()),
            expiry: Some(10),
            user: Vec::new(),
            qos: QOS1,
            dup: false,
        }
    }

    /// Sends words and takes the response.
    #[track_caller]
    pub(crate) fn say(&mut self, words: &[&str]) -> Said {
        self.ask(&payload(words))
    }

    /// Sends words and returns the payload of the response, a bar for each line end.
    #[track_caller]
    pub(crate) fn answer(&mut self, words: &[&str]) -> String {
        self.say(words).text()
    }

    /// Sends a payload and takes the response.
    #[track_caller]
    pub(crate) fn ask(&mut self, payload: &[u8]) -> Said {
        let call = self.call(payload);
        self.ask_as(&call)
    }

    /// Sends a request, which is acknowledged with success, and takes the response.
    #[track_caller]
    pub(crate) fn ask_as(&mut self, call: &Call) -> Said {
        let id = self.send(call);
        // Some clients take any other code for a failure.
        assert_eq!(self.client.expect_puback(id), ReasonCode::Success);
        self.response_to(call)
    }

    /// Sends a request and does not wait.
    pub(crate) fn send(&mut self, call: &Call) -> PacketId {
        let id = self.client.next_id();
        self.send_numbered(call, id);
        id
    }

    /// Sends a request with this packet ID and does not wait.
    pub(crate) fn send_numbered(&mut self, call: &Call, id: PacketId) {
        let forwarded = forwarded(call);
        self.client.send(&Packet::Publish(Publish {
            dup: call.dup,
            qos: call.qos,
            retain: false,
            topic: topics::INVOKE,
            packet_id: (call.qos != Qos::AtMostOnce).then_some(id),
            topic_alias: None,
            message_expiry: call.expiry,
            subscription_ids: SubscriptionIds::EMPTY,
            forwarded: Forwarded::parse(&forwarded, &Limits::DEFAULT).unwrap(),
            payload: &call.payload,
        }));
    }

    /// Takes the response to a request; what comes before it stays for later.
    #[track_caller]
    pub(crate) fn response_to(&mut self, call: &Call) -> Said {
        let correlation = call.correlation.as_deref();
        let is_meant = |property: Property<'_>| match property {
            Property::CorrelationData(found) => Some(found) == correlation,
            _ => false,
        };
        let received = self.client.receive_meant(|packet| match packet {
            Packet::Publish(publish) => publish.forwarded.iter().any(is_meant),
            _ => false,
        });
        self.acknowledged(&received)
    }

    /// Takes the next publish of the broker; other packets stay for later.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Said {
        let meant = |packet: &Packet<'_>| matches!(packet, Packet::Publish(_));
        let received = self.client.receive_meant(meant);
        self.acknowledged(&received)
    }

    fn acknowledged(&mut self, received: &Received) -> Said {
        let said = Said::of(received).unwrap();
        if let Some(id) = said.packet_id {
            self.client.send(&Packet::PubAck(Ack::success(id)));
        }
        said
    }
}

/// The bytes of a request's properties.
fn forwarded(call: &Call) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(topic) = &call.response_topic {
        all.push(Property::ResponseTopic(topic));
    }
    if let Some(bytes) = &call.correlation {
        all.push(Property::CorrelationData(bytes));
    }
    if let Some(token) = &call.fencing_token {
        all.push(Property::UserProperty("__ft", token));
    }
    if let Some(timestamp) = &call.timestamp {
        all.push(Property::UserProperty("__ts", timestamp));
    }
    for (name, value) in &call.user {
        all.push(Property::UserProperty(name, value));
    }
    properties(&all)
}

/// A request's payload.
pub(crate) fn payload(words: &[&str]) -> Vec<u8> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    array(&words)
}

/// A request's payload of any bytes.
pub(crate) fn array(words: &[&[u8]]) -> Vec<u8> {
    let mut payload = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        payload.extend(format!("${}\r\n", word.len()).into_bytes());
        payload.extend(*word);
        payload.extend(b"\r\n");
    }
    payload
}

/// A client's stamp, so many milliseconds ahead of the clock or behind it.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no clock of their own"
)]
pub(crate) fn stamp(ahead: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let millis = i64::try_from(now.as_millis()).unwrap() + ahead;
    format!("{millis:015}:00000:tester")
}

/// A key that no other test uses.
pub(crate) fn key() -> String {
    unique("key")
}
