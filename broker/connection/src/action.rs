//! What a connection asks of the broker. Actions borrow from the bytes they were read from.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use catena_mqtt::{Forwarded, PacketId, Qos, ReasonCode, RetainHandling, Version};
use catena_types::{PartitionId, Position};

use crate::{Stats, Ticket};

/// Where a call leaves what it has to say. All three belong to the caller and are only added to.
#[derive(Debug)]
pub struct Outbox<'o, 'a> {
    /// Bytes to send, in order.
    pub bytes: &'o mut Vec<u8>,
    /// What the broker is asked, in the order of the packets. Actions of other connections may
    /// stand here before.
    pub actions: &'o mut Vec<Action<'a>>,
    /// What was counted.
    pub stats: &'o mut Stats,
}

/// One thing that the broker is asked to do.
#[derive(Debug)]
pub enum Action<'a> {
    /// A step of an enhanced authentication. Answer with `handle_auth`.
    Authenticate {
        /// Which step.
        step: AuthenticationStep,
        /// One of [`Settings::authentication_methods`](crate::Settings).
        method: &'a str,
        /// What the client sent. A secret.
        data: Option<&'a [u8]>,
    },
    /// Check credentials, open the session. Answer with `handle_connected` or
    /// `handle_connect_refused`; until then nothing more is read.
    Connect(Box<ConnectAction>),
    /// A QoS 0 or 1 message.
    Publish {
        /// To be answered with `handle_published`. QoS 0 has none.
        ticket: Option<Ticket>,
        /// The message.
        message: Incoming<'a>,
    },
    /// A QoS 2 message, possibly sent again. Answer with `handle_published` once it is owned.
    Receive {
        /// What the answer refers to.
        ticket: Ticket,
        /// By which the session knows whether it has the message already [MQTT-4.3.3-10].
        packet_id: PacketId,
        /// The message.
        message: Incoming<'a>,
    },
    /// PUBREL: forget a QoS 2 message. Answer with `handle_released`.
    Release {
        /// That of the message.
        packet_id: PacketId,
    },
    /// SUBSCRIBE. Answer with `handle_subscribed`, a code for each filter.
    Subscribe {
        /// For the answer.
        packet_id: PacketId,
        /// The identifier for all of the filters.
        subscription_id: Option<u32>,
        /// In the order of the packet.
        filters: Vec<FilterAction<'a>>,
    },
    /// UNSUBSCRIBE. Answer with `handle_unsubscribed`, a code for each filter.
    Unsubscribe {
        /// For the answer.
        packet_id: PacketId,
        /// In the order of the packet.
        filters: Vec<&'a str>,
    },
    /// The client acknowledges `count` deliveries from position `from` on.
    Ack {
        /// Where they came from.
        partition: PartitionId,
        /// What was offered with them.
        attachment: u32,
        /// The first position.
        from: Position,
        /// How many, ascending without gaps.
        count: u32,
        /// How far the exchange has come.
        phase: Phase,
    },
    /// DISCONNECT: send what is left to send, close the socket, tell the session.
    Disconnect {
        /// What becomes of the will.
        will: WillFate,
        /// A new session expiry interval in seconds, already capped.
        expiry_seconds: Option<u32>,
    },
}

/// A step of an authentication exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationStep {
    /// The first, from CONNECT.
    Begin,
    /// A further one [MQTT-4.12.0-3].
    Continue,
    /// The first of a re-authentication; the connection goes on meanwhile [MQTT-4.12.1-1].
    Again,
}

/// How far an outgoing exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// PUBREC: the client has it. PUBREL leaves when the partition says so.
    Received,
    /// PUBACK, PUBCOMP or a failure in PUBREC: it can be forgotten.
    Complete,
}

/// What becomes of the will when a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WillFate {
    /// Forget it [MQTT-3.1.2-10].
    Forget,
    /// Publish it, after its delay or when the session ends [MQTT-3.1.2-8].
    Publish,
}

/// A message from the client. Its topic is valid and not empty.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// Where it is published.
    pub topic: Topic<'a>,
    /// At which QoS.
    pub qos: Qos,
    /// Whether it becomes the retained message of its topic.
    pub retain: bool,
    /// Whether it may have been sent before; not passed on [MQTT-3.3.1-3].
    pub dup: bool,
    /// Its lifetime in seconds, already capped.
    pub expiry_seconds: Option<u32>,
    /// The properties that are passed on.
    pub forwarded: Forwarded<'a>,
    /// The application's bytes.
    pub payload: &'a [u8],
}

/// A topic name: as it was sent, or as it stands for a topic alias.
#[derive(Clone)]
pub enum Topic<'a> {
    /// Sent with the packet.
    Borrowed(&'a str),
    /// Sent before.
    Shared(Arc<str>),
}

impl Deref for Topic<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(topic) => topic,
            Self::Shared(topic) => topic,
        }
    }
}

impl fmt::Debug for Topic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// One filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterAction<'a> {
    /// A valid filter as it was sent, with `$share/NAME/` if it is shared.
    pub filter: &'a str,
    /// The QoS to grant: what was asked, or the listener's maximum if that is lower.
    pub qos: Qos,
    /// No Local [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Which retained messages the subscription draws.
    pub retain_handling: RetainHandling,
    /// Set if the listener does not allow it: only carried for its place in SUBACK.
    pub refused: Option<ReasonCode>,
}

/// A client that wants a session. Owned: checking it may take long.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectAction {
    /// The protocol version.
    pub version: Version,
    /// Empty if the broker is to assign one, which it then tells `handle_connected`.
    pub client_id: Box<str>,
    /// Clean Start, or Clean Session in MQTT 3.
    pub clean_start: bool,
    /// The session expiry interval in seconds, already capped; `u32::MAX` never expires.
    pub session_expiry_seconds: u32,
    /// The will.
    pub will: Option<ConnectWill>,
    /// Who it is.
    pub username: Option<Box<str>>,
    /// The proof. A secret.
    pub password: Option<Box<[u8]>>,
    /// The method of a finished enhanced authentication.
    pub authentication_method: Option<Box<str>>,
    /// User properties, in order.
    pub user_properties: Vec<(Box<str>, Box<str>)>,
}

impl fmt::Debug for ConnectAction {
    /// Shows the length of the password only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectAction")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("session_expiry_seconds", &self.session_expiry_seconds)
            .field("will", &self.will)
            .field("username", &self.username)
            .field(
                "password_bytes",
                &self.password.as_ref().map(|password| password.len()),
            )
            .field("authentication_method", &self.authentication_method)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

/// The will of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectWill {
    /// A valid topic name.
    pub topic: Box<str>,
    /// Its QoS.
    pub qos: Qos,
    /// Whether it becomes the retained message of its topic.
    pub retain: bool,
    /// Seconds to wait after the connection has ended.
    pub delay_seconds: u32,
    /// Its lifetime in seconds once published, already capped.
    pub expiry_seconds: Option<u32>,
    /// The encoded properties that are passed on, in order [MQTT-3.1.3-10].
    pub properties: Box<[u8]>,
    /// The application's bytes.
    pub payload: Box<[u8]>,
}

impl fmt::Debug for ConnectWill {
    /// Shows the length of the payload only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectWill")
            .field("topic", &self.topic)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("delay_seconds", &self.delay_seconds)
            .field("expiry_seconds", &self.expiry_seconds)
            .field("property_bytes", &self.properties.len())
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}
