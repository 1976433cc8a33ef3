//! Requests to the state store over one connection, and the notifications that come between.

use std::collections::VecDeque;
use std::time::Duration;

use catena_mqtt::{Packet, Property, Qos, SubscriptionOptions};
use catena_rpc::{ResponseHeaders, names, topics};
use catena_store::{Notification, Reply};

use super::super::connection::Connection;
use super::super::failure::{Failure, GENERAL, PROTOCOL};
use super::super::incoming::{Inbox, Message};
use super::super::message::{InFlight, Outgoing};
use super::super::request::unique;
use super::super::session::SessionArgs;
use super::super::subscribe::{judge, send_subscribe};
use super::within;
use crate::clock;
use crate::exit::Exit;

/// Seconds after which the broker need not carry out a request any more.
const EXPIRY_SECONDS: u32 = 30;

/// What the store's status says when the request got there.
const DONE: &str = "200";

/// A connection that may ask.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) connection: Connection,
    inbox: Inbox,
    in_flight: InFlight,
    response_topic: String,
    requests: u64,
    /// Changes that nobody has taken yet.
    changes: VecDeque<Change>,
}

/// What the store answered.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) payload: Vec<u8>,
    pub(super) version: Option<String>,
}

/// A change of a key.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) key: Vec<u8>,
    pub(super) version: String,
    /// None: it is gone.
    pub(super) value: Option<Vec<u8>>,
}

impl Caller {
    /// Connects and subscribes to responses, and to notifications if they are `watched`.
    pub(super) async fn open(args: &SessionArgs, watched: bool) -> Result<Self, Failure> {
        if !args.protocol_version.is_v5() {
            return Err(Failure::usage("the state store needs MQTT 5"));
        }
        let connection = Connection::open(args).await.map_err(unreached)?;
        let mut caller = Self {
            connection,
            inbox: Inbox::default(),
            in_flight: InFlight::default(),
            response_topic: format!("catena/state/{}", unique()),
            requests: 0,
            changes: VecDeque::new(),
        };
        let mut filters = vec![caller.response_topic.clone()];
        if watched {
            let client_id = &caller.connection.broker.client_id;
            filters.push(topics::notification_filter(client_id));
        }
        let options = SubscriptionOptions {
            qos: Qos::AtLeastOnce,
            ..SubscriptionOptions::default()
        };
        send_subscribe(&mut caller.connection, &filters, options)?;
        within(PATIENCE, caller.await_suback(&filters)).await?;
        Ok(caller)
    }

    async fn await_suback(&mut self, filters: &[String]) -> Result<(), Failure> {
        loop {
            let incoming = self.connection.next().await?;
            if let Packet::SubAck(suback) = incoming.packet(self.connection.version)? {
                let explanation = suback.properties.reason_string;
                return judge(filters, suback.codes.iter(), explanation);
            }
        }
    }

    /// Sends a request and waits for its response.
    pub(super) async fn ask(
        &mut self,
        payload: &[u8],
        fencing_token: Option<&str>,
    ) -> Result<Response, Failure> {
        let number = self.send(payload, fencing_token)?;
        let mut response = None;
        // The response may come before the request is acknowledged.
        while response.is_none() || !self.in_flight.is_empty() {
            match self.step().await? {
                Some((of, answer)) if of == number => response = Some(answer),
                _ => {}
            }
        }
        response.ok_or_else(Failure::lost)
    }

    /// Sends a request and gives its number, which its response has. Numbers begin at 1.
    pub(super) fn send(
        &mut self,
        payload: &[u8],
        fencing_token: Option<&str>,
    ) -> Result<u64, Failure> {
        let number = self.requests + 1;
        let mut forwarded = Vec::new();
        Property::ResponseTopic(&self.response_topic).encode(&mut forwarded)?;
        Property::CorrelationData(&number.to_be_bytes()).encode(&mut forwarded)?;
        let timestamp = format!("{:015}:00000:catena", clock::wall().as_millis());
        Property::UserProperty(names::TIMESTAMP, &timestamp).encode(&mut forwarded)?;
        if let Some(token) = fencing_token {
            Property::UserProperty(names::FENCING_TOKEN, token).encode(&mut forwarded)?;
        }
        let request = Outgoing {
            topic: topics::INVOKE,
            payload,
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry: Some(EXPIRY_SECONDS),
            forwarded: &forwarded,
        };
        self.in_flight.publish(&mut self.connection, &request)?;
        self.requests = number;
        Ok(number)
    }

    /// Whether another request may be sent before all responses have come.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.has_room(&self.connection)
    }

    /// The next change of a key that was asked for. May be abandoned at any point.
    pub(super) async fn next_change(&mut self) -> Result<Change, Failure> {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return Ok(change);
            }
            self.step().await?;
        }
    }

    /// Takes a packet. A response is handed back, with the number of its request. May be abandoned
    /// at any point.
    pub(super) async fn step(&mut self) -> Result<Option<(u64, Response)>, Failure> {
        let incoming = self.connection.next().await?;
        let mut answered = None;
        match incoming.packet(self.connection.version)? {
            Packet::Publish(publish) => {
                let Some(message) = self.inbox.accept(&mut self.connection, &publish)? else {
                    return Ok(None);
                };
                match topics::notified_key(&message.topic) {
                    Some(key) => self.changes.extend(change(key, &message)?),
                    None => answered = self.answered(message)?,
                }
            }
            packet => self.in_flight.handle(&mut self.connection, &packet)?,
        }
        match self.in_flight.refusal.take() {
            Some(refusal) => Err(refusal),
            None => Ok(answered),
        }
    }

    /// What a message answers, if anything that was asked here.
    fn answered(&self, message: Message) -> Result<Option<(u64, Response)>, Failure> {
        let correlation = message.properties.correlation_data.as_deref();
        let number = correlation.and_then(|data| data.try_into().ok());
        let Some(number) = number.map(u64::from_be_bytes) else {
            return Ok(None);
        };
        if message.topic != self.response_topic || !(1..=self.requests).contains(&number) {
            return Ok(None);
        }
        Ok(Some((number, read(message)?)))
    }
}

/// No connection is not what a missing key is: scripts tell them apart.
fn unreached(failure: Failure) -> Failure {
    let code = match failure.code {
        GENERAL => Exit::CONNECT_REFUSED.code(),
        code => code,
    };
    Failure { code, ..failure }
}

fn pairs(message: &Message) -> impl Iterator<Item = (&str, &str)> {
    let user = message.properties.user.iter();
    user.map(|(name, value)| (name.as_str(), value.as_str()))
}

fn read(message: Message) -> Result<Response, Failure> {
    let headers = ResponseHeaders::read(pairs(&message));
    if headers.status != Some(DONE) {
        let status = headers.status.unwrap_or("none");
        let text = headers.message.unwrap_or_default();
        let text = format!("the call failed with the status {status} {text}");
        return Err(Failure::new(PROTOCOL, text.trim_end()));
    }
    let version = headers.timestamp.map(str::to_owned);
    Ok(Response {
        payload: message.payload,
        version,
    })
}

fn change(key: Vec<u8>, message: &Message) -> Result<Option<Change>, Failure> {
    let headers = ResponseHeaders::read(pairs(message));
    let version = headers.timestamp.unwrap_or_default().to_owned();
    let value = match Notification::parse(&message.payload).map_err(|_| malformed())? {
        Notification::Set(value) => Some(value.to_vec()),
        Notification::Delete => None,
        // Only for registrations that resume, which nobody here asks for.
        Notification::Gap => return Ok(None),
    };
    Ok(Some(Change {
        key,
        version,
        value,
    }))
}

impl Response {
    /// The reply to a command for one key.
    pub(super) fn reply(&self) -> Result<Reply<'_>, Failure> {
        match Reply::parse(&self.payload).map_err(|_| malformed())? {
            Reply::Refused(text) => Err(refused(text)),
            reply => Ok(reply),
        }
    }
}

/// The store has refused, in these words.
pub(super) fn refused(text: &str) -> Failure {
    let exit = match text {
        "not authorized" => Exit::UNAUTHORIZED.code(),
        _ => REFUSED,
    };
    Failure::new(exit, format!("the state store refused: {text}"))
}

/// A reply that the protocol does not know.
pub(super) fn malformed() -> Failure {
    Failure::new(PROTOCOL, "the state store answered what is no reply")
}

/// What the process exits with if the store refuses, as for a fencing token that is too low.
const REFUSED: u8 = 6;

/// How long an answer of the broker is waited for unless `-W` says.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
