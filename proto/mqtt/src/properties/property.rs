//! One property: identifier, type and value.

use std::num::{NonZeroU16, NonZeroU32};

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::qos::Qos;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::topic;
use crate::writer::{Sink, Size};

/// A property with its value (MQTT 5.0, section 2.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property<'a> {
    /// 0x01: whether the payload is UTF-8 text.
    PayloadFormatIndicator(bool),
    /// 0x02: lifetime of the message, in seconds.
    MessageExpiryInterval(u32),
    /// 0x03: the type of the payload.
    ContentType(&'a str),
    /// 0x08: where the response is to be published.
    ResponseTopic(&'a str),
    /// 0x09: what the requester knows its request by.
    CorrelationData(&'a [u8]),
    /// 0x0B: the number of a subscription, 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// 0x11: lifetime of the session after its connection, in seconds.
    SessionExpiryInterval(u32),
    /// 0x12: the client identifier that the server chose.
    AssignedClientIdentifier(&'a str),
    /// 0x13: the keep alive that the server asks for, in seconds.
    ServerKeepAlive(u16),
    /// 0x15: name of the authentication method.
    AuthenticationMethod(&'a str),
    /// 0x16: what the method exchanges.
    AuthenticationData(&'a [u8]),
    /// 0x17: whether reason strings and user properties may be sent with failures.
    RequestProblemInformation(bool),
    /// 0x18: how long the will waits, in seconds.
    WillDelayInterval(u32),
    /// 0x19: whether the client wants response information.
    RequestResponseInformation(bool),
    /// 0x1A: a base for response topics.
    ResponseInformation(&'a str),
    /// 0x1C: another server to use.
    ServerReference(&'a str),
    /// 0x1F: a reason for people to read.
    ReasonString(&'a str),
    /// 0x21: how many QoS 1 and 2 publishes may be unacknowledged.
    ReceiveMaximum(NonZeroU16),
    /// 0x22: the highest topic alias that the sender accepts.
    TopicAliasMaximum(u16),
    /// 0x23: a number in place of the topic name.
    TopicAlias(NonZeroU16),
    /// 0x24: the highest QoS of the server, 0 or 1.
    MaximumQos(Qos),
    /// 0x25: whether the server has retained messages.
    RetainAvailable(bool),
    /// 0x26: name and value of the user's own.
    UserProperty(&'a str, &'a str),
    /// 0x27: the largest packet that the sender accepts, in bytes.
    MaximumPacketSize(NonZeroU32),
    /// 0x28: whether the server has wildcard subscriptions.
    WildcardSubscriptionAvailable(bool),
    /// 0x29: whether the server has subscription identifiers.
    SubscriptionIdentifierAvailable(bool),
    /// 0x2A: whether the server has shared subscriptions.
    SharedSubscriptionAvailable(bool),
}

impl<'a> Property<'a> {
    /// Appends identifier and value to `out`, for example to build the forwarded properties of a
    /// publish. Strings and binary data above 65,535 bytes cannot be written.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), crate::EncodeError> {
        let mut size = Size::default();
        self.write(&mut size);
        out.reserve(size.finish()?);
        self.write(out);
        Ok(())
    }

    /// Appends correlation data of at most 65,535 bytes; nothing if there are more.
    #[inline]
    pub fn write_correlation_data(data: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.push(CORRELATION_DATA);
        if !write_short(data, out) {
            out.truncate(start);
        }
    }

    /// Appends a user property whose value is written in place, of at most 65,535 bytes of text.
    pub fn write_user_property(name: &str, value: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let start = out.len();
        out.push(USER_PROPERTY);
        if !write_short(name.as_bytes(), out) {
            return out.truncate(start);
        }
        let length = out.len();
        out.extend_from_slice(&[0, 0]);
        value(out);
        match u16::try_from(out.len() - length - 2) {
            Ok(count) => out[length..length + 2].copy_from_slice(&count.to_be_bytes()),
            Err(_) => out.truncate(start),
        }
    }

    /// Reads the value of the property `id`. Values are checked here; whether the property may
    /// stand where it does is checked by [`Section`](super::Section).
    #[inline]
    pub(super) fn read(
        id: u8,
        reader: &mut Reader<'a>,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        Ok(match id {
            0x01 => Self::PayloadFormatIndicator(boolean(reader)?),
            0x02 => Self::MessageExpiryInterval(reader.u32()?),
            0x03 => Self::ContentType(reader.string()?),
            0x08 => Self::ResponseTopic(response_topic(reader, limits)?),
            0x09 => Self::CorrelationData(reader.binary()?),
            0x0B => Self::SubscriptionIdentifier(subscription_identifier(reader)?),
            0x23 => Self::TopicAlias(topic_alias(reader)?),
            0x26 => Self::UserProperty(reader.string()?, reader.free_text()?),
            _ => return Self::read_connection_property(id, reader),
        })
    }

    /// Reads the value of the property `id` only to check it, as [`read`](Self::read) would.
    #[inline]
    pub(super) fn check(
        id: u8,
        reader: &mut Reader<'a>,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        match id {
            0x26 => {
                reader.check_string()?;
                reader.check_free_text()
            }
            0x03 => reader.check_string(),
            0x08 => check_response_topic(reader, limits),
            0x09 => reader.binary().map(|_| ()),
            _ => Self::read(id, reader, limits).map(|_| ()),
        }
    }

    /// The properties that no PUBLISH has.
    fn read_connection_property(id: u8, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match id {
            0x11 => Self::SessionExpiryInterval(reader.u32()?),
            0x12 => Self::AssignedClientIdentifier(reader.string()?),
            0x13 => Self::ServerKeepAlive(reader.u16()?),
            0x15 => Self::AuthenticationMethod(reader.string()?),
            0x16 => Self::AuthenticationData(reader.binary()?),
            0x17 => Self::RequestProblemInformation(boolean(reader)?),
            0x18 => Self::WillDelayInterval(reader.u32()?),
            0x19 => Self::RequestResponseInformation(boolean(reader)?),
            0x1A => Self::ResponseInformation(reader.string()?),
            0x1C => Self::ServerReference(reader.string()?),
            0x1F => Self::ReasonString(reader.free_text()?),
            0x21 => Self::ReceiveMaximum(
                NonZeroU16::new(reader.u16()?).ok_or(DecodeError::protocol("Receive Maximum 0"))?,
            ),
            0x22 => Self::TopicAliasMaximum(reader.u16()?),
            0x24 => Self::MaximumQos(match reader.u8()? {
                0 => Qos::AtMostOnce,
                1 => Qos::AtLeastOnce,
                _ => return Err(DecodeError::protocol("Maximum QoS above 1")),
            }),
            0x25 => Self::RetainAvailable(boolean(reader)?),
            0x27 => Self::MaximumPacketSize(
                NonZeroU32::new(reader.u32()?)
                    .ok_or(DecodeError::protocol("Maximum Packet Size 0"))?,
            ),
            0x28 => Self::WildcardSubscriptionAvailable(boolean(reader)?),
            0x29 => Self::SubscriptionIdentifierAvailable(boolean(reader)?),
            0x2A => Self::SharedSubscriptionAvailable(boolean(reader)?),
            _ => return Err(DecodeError::malformed("undefined property")),
        })
    }

    #[inline]
    pub(crate) fn write<S: Sink + ?Sized>(&self, sink: &mut S) {
        sink.u8(self.id());
        match *self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value) => sink.u8(u8::from(value)),
            Self::MaximumQos(qos) => sink.u8(qos as u8),
            Self::ServerKeepAlive(value) | Self::TopicAliasMaximum(value) => sink.u16(value),
            Self::ReceiveMaximum(value) | Self::TopicAlias(value) => sink.u16(value.get()),
            Self::MessageExpiryInterval(value)
            | Self::SessionExpiryInterval(value)
            | Self::WillDelayInterval(value) => sink.u32(value),
            Self::MaximumPacketSize(value) => sink.u32(value.get()),
            Self::SubscriptionIdentifier(value) => sink.variable_byte_integer(value as usize),
            Self::CorrelationData(bytes) | Self::AuthenticationData(bytes) => sink.binary(bytes),
            Self::ContentType(text)
            | Self::ResponseTopic(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => sink.string(text),
            Self::UserProperty(name, value) => {
                sink.string(name);
                sink.string(value);
            }
        }
    }

    /// The identifier on the wire.
    #[must_use]
    pub const fn id(&self) -> u8 {
        match self {
            Self::PayloadFormatIndicator(_) => 0x01,
            Self::MessageExpiryInterval(_) => 0x02,
            Self::ContentType(_) => 0x03,
            Self::ResponseTopic(_) => 0x08,
            Self::CorrelationData(_) => 0x09,
            Self::SubscriptionIdentifier(_) => 0x0B,
            Self::SessionExpiryInterval(_) => 0x11,
            Self::AssignedClientIdentifier(_) => 0x12,
            Self::ServerKeepAlive(_) => 0x13,
            Self::AuthenticationMethod(_) => 0x15,
            Self::AuthenticationData(_) => 0x16,
            Self::RequestProblemInformation(_) => 0x17,
            Self::WillDelayInterval(_) => 0x18,
            Self::RequestResponseInformation(_) => 0x19,
            Self::ResponseInformation(_) => 0x1A,
            Self::ServerReference(_) => 0x1C,
            Self::ReasonString(_) => 0x1F,
            Self::ReceiveMaximum(_) => 0x21,
            Self::TopicAliasMaximum(_) => 0x22,
            Self::TopicAlias(_) => 0x23,
            Self::MaximumQos(_) => 0x24,
            Self::RetainAvailable(_) => 0x25,
            Self::UserProperty(..) => 0x26,
            Self::MaximumPacketSize(_) => 0x27,
            Self::WildcardSubscriptionAvailable(_) => 0x28,
            Self::SubscriptionIdentifierAvailable(_) => 0x29,
            Self::SharedSubscriptionAvailable(_) => 0x2A,
        }
    }
}

fn boolean(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::protocol("property value neither 0 nor 1")),
    }
}

/// A topic name [MQTT-3.3.2-13], so without wildcards [MQTT-3.3.2-14].
fn response_topic<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<&'a str, DecodeError> {
    let name = topic::decode(reader.binary()?, limits)?;
    if name.is_empty() {
        return Err(EMPTY_RESPONSE_TOPIC);
    }
    Ok(name)
}

/// Reads a response topic without giving it out.
fn check_response_topic(reader: &mut Reader<'_>, limits: &Limits) -> Result<(), DecodeError> {
    let name = reader.binary()?;
    if name.is_empty() {
        return Err(EMPTY_RESPONSE_TOPIC);
    }
    topic::check_bytes(name, limits)
}

const EMPTY_RESPONSE_TOPIC: DecodeError = DecodeError::protocol("empty response topic");

pub(crate) fn subscription_identifier(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match reader.variable_byte_integer()? {
        0 => Err(DecodeError::protocol("subscription identifier 0")),
        identifier => Ok(identifier),
    }
}

/// Never zero [MQTT-3.3.2-8].
pub(crate) fn topic_alias(reader: &mut Reader<'_>) -> Result<NonZeroU16, DecodeError> {
    NonZeroU16::new(reader.u16()?).ok_or(DecodeError::new(
        ReasonCode::TopicAliasInvalid,
        "topic alias 0",
    ))
}

/// A set of property identifiers, one bit each: all are below 64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PropertySet(u64);

impl PropertySet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) const fn of(ids: &[u8]) -> Self {
        let mut bits = 0;
        let mut rest = ids;
        while let [id, after @ ..] = rest {
            bits |= 1 << *id;
            rest = after;
        }
        Self(bits)
    }

    #[inline]
    pub(crate) const fn contains(self, id: u8) -> bool {
        id < 64 && self.0 & (1 << id) != 0
    }

    #[inline]
    pub(crate) const fn insert(&mut self, id: u8) {
        if id < 64 {
            self.0 |= 1 << id;
        }
    }
}
/// Appends a length of two bytes and the bytes; `false` if there are too many.
#[inline]
fn write_short(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(bytes.len()) else {
        return false;
    };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    true
}

/// The identifier of correlation data.
const CORRELATION_DATA: u8 = 0x09;

/// The identifier of a user property.
const USER_PROPERTY: u8 = 0x26;
