//! The packets: one file each, for all versions, since they differ in little but properties.

mod ack;
mod auth;
mod connack;
mod connack_properties;
mod connect;
mod connect_properties;
mod disconnect;
mod publish;
mod reason_properties;
mod suback;
mod subscribe;
mod unsubscribe;
mod will;

use crate::error::{DecodeError, EncodeError};
use crate::frame;
use crate::limits::Limits;
use crate::reader::Reader;
use crate::version::Version;

pub use ack::{Ack, AckKind};
pub use auth::Auth;
pub use connack::ConnAck;
pub use connack_properties::ConnAckProperties;
pub use connect::Connect;
pub use connect_properties::ConnectProperties;
pub use disconnect::Disconnect;
pub use publish::{Publish, SubscriptionIds};
pub use reason_properties::ReasonProperties;
pub use suback::{ReasonCodes, SubAck, UnsubAck};
pub use subscribe::{RetainHandling, Subscribe, SubscribeFilters, SubscriptionOptions};
pub use unsubscribe::{Unsubscribe, UnsubscribeFilters};
pub use will::Will;

/// A packet, borrowed from the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A client asks for a connection. Boxed: it is large, and comes once a connection.
    Connect(Box<Connect<'a>>),
    /// The server accepts or refuses the connection. Boxed for the same reason.
    ConnAck(Box<ConnAck<'a>>),
    /// A message.
    Publish(Publish<'a>),
    /// Answers a QoS 1 PUBLISH.
    PubAck(Ack<'a>),
    /// Answers a QoS 2 PUBLISH.
    PubRec(Ack<'a>),
    /// Answers PUBREC: the sender releases the packet identifier.
    PubRel(Ack<'a>),
    /// Answers PUBREL: the exchange is complete.
    PubComp(Ack<'a>),
    /// A client asks for messages.
    Subscribe(Subscribe<'a>),
    /// Answers SUBSCRIBE.
    SubAck(SubAck<'a>),
    /// A client wants no more messages.
    Unsubscribe(Unsubscribe<'a>),
    /// Answers UNSUBSCRIBE.
    UnsubAck(UnsubAck<'a>),
    /// A client shows that it is there.
    PingReq,
    /// Answers PINGREQ.
    PingResp,
    /// The last packet of a connection.
    Disconnect(Disconnect<'a>),
    /// A step of an authentication exchange, MQTT 5.0 only.
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Decodes a packet that [`frame::next`](crate::frame::next) has found, with the default
    /// limits. `version` is that of the connection; a CONNECT brings its own.
    ///
    /// # Errors
    /// What is wrong with the packet, with the reason code that MQTT 5.0 asks for.
    #[inline]
    pub fn decode(version: Version, first_byte: u8, body: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_limited(version, first_byte, body, &Limits::DEFAULT)
    }

    /// Decodes a packet with other limits.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    #[inline]
    pub fn decode_limited(
        version: Version,
        first_byte: u8,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        frame::check_first_byte(first_byte)?;
        match first_byte >> 4 {
            PUBLISH => Publish::decode_into(version, first_byte, body, "", limits, Self::Publish),
            PUBACK => Ack::decode_into(AckKind::PubAck, version, body, limits, Self::PubAck),
            PUBREC => Ack::decode_into(AckKind::PubRec, version, body, limits, Self::PubRec),
            PUBCOMP => Ack::decode_into(AckKind::PubComp, version, body, limits, Self::PubComp),
            PUBREL => {
                check_dup(version, first_byte)?;
                Ack::decode_into(AckKind::PubRel, version, body, limits, Self::PubRel)
            }
            _ => Self::decode_other(version, first_byte, body, limits),
        }
    }

    /// The packets that do not come for every message.
    #[inline(never)]
    fn decode_other(
        version: Version,
        first_byte: u8,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        match first_byte >> 4 {
            CONNECT => {
                check_connect_flags(first_byte, body)?;
                Ok(Self::Connect(Box::new(Connect::decode(body, limits)?)))
            }
            CONNACK => Ok(Self::ConnAck(Box::new(ConnAck::decode(
                version, body, limits,
            )?))),
            SUBSCRIBE => {
                check_dup(version, first_byte)?;
                Subscribe::decode(version, body, limits).map(Self::Subscribe)
            }
            SUBACK => SubAck::decode(version, body, limits).map(Self::SubAck),
            UNSUBSCRIBE => {
                check_dup(version, first_byte)?;
                Unsubscribe::decode(version, body, limits).map(Self::Unsubscribe)
            }
            UNSUBACK => UnsubAck::decode(version, body, limits).map(Self::UnsubAck),
            PINGREQ => Reader::new(body).finish().map(|()| Self::PingReq),
            PINGRESP => Reader::new(body).finish().map(|()| Self::PingResp),
            DISCONNECT => Disconnect::decode(version, body, limits).map(Self::Disconnect),
            AUTH => Auth::decode(version, body, limits).map(Self::Auth),
            _ => Err(DecodeError::malformed("undefined packet type")),
        }
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Connect(connect) => connect.encode(out),
            Self::ConnAck(connack) => connack.encode(version, out),
            Self::Publish(publish) => publish.encode(version, out),
            Self::PubAck(ack) => ack.encode(AckKind::PubAck, version, out),
            Self::PubRec(ack) => ack.encode(AckKind::PubRec, version, out),
            Self::PubRel(ack) => ack.encode(AckKind::PubRel, version, out),
            Self::PubComp(ack) => ack.encode(AckKind::PubComp, version, out),
            Self::Subscribe(subscribe) => subscribe.encode(version, out),
            Self::SubAck(suback) => suback.encode(version, out),
            Self::Unsubscribe(unsubscribe) => unsubscribe.encode(version, out),
            Self::UnsubAck(unsuback) => unsuback.encode(version, out),
            Self::PingReq => {
                crate::encode::pingreq(out);
                Ok(())
            }
            Self::PingResp => {
                crate::encode::pingresp(out);
                Ok(())
            }
            Self::Disconnect(disconnect) => disconnect.encode(version, out),
            Self::Auth(auth) => auth.encode(out),
        }
    }
}

/// Only MQTT 3.1 leaves the flags of CONNECT unused instead of zero [MQTT-2.1.3-1].
fn check_connect_flags(first_byte: u8, body: &[u8]) -> Result<(), DecodeError> {
    if first_byte & 0x0F != 0 && Connect::version_of(body) != Ok(Version::V31) {
        return Err(FLAGS);
    }
    Ok(())
}

/// Only MQTT 3.1 has a DUP flag on PUBREL, SUBSCRIBE and UNSUBSCRIBE [MQTT-2.1.3-1].
#[inline]
fn check_dup(version: Version, first_byte: u8) -> Result<(), DecodeError> {
    if first_byte & 0x08 != 0 && version != Version::V31 {
        return Err(FLAGS);
    }
    Ok(())
}

const FLAGS: DecodeError = DecodeError::malformed("flags not allowed for this packet type");

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;
pub(crate) const PUBREL: u8 = 6;
pub(crate) const PUBCOMP: u8 = 7;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBSCRIBE: u8 = 10;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGREQ: u8 = 12;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;
pub(crate) const AUTH: u8 = 15;
