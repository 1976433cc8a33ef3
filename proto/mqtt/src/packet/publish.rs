//! PUBLISH (MQTT 5.0, section 3.3): the packet that decides how fast the broker is.

use std::num::NonZeroU16;

use crate::encode;
use crate::error::{DecodeError, EncodeError};
use crate::frame;
use crate::limits::Limits;
use crate::packet_id::PacketId;
use crate::properties::{self, Forwarded, ForwardedBuilder, Property, PropertySet, Section};
use crate::qos::Qos;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::topic;
use crate::version::Version;

/// A message on its way to the server or to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Whether this may be sent for the second time.
    pub dup: bool,
    /// The quality of service of this hop.
    pub qos: Qos,
    /// Whether to keep the message for later subscribers, or that it was kept.
    pub retain: bool,
    /// Where it is published. Empty only together with a topic alias.
    pub topic: &'a str,
    /// Present exactly if the QoS is above 0 [MQTT-2.2.1-2] [MQTT-2.2.1-3].
    pub packet_id: Option<PacketId>,
    /// A number that stands for the topic, or will from now on.
    pub topic_alias: Option<NonZeroU16>,
    /// Lifetime in seconds.
    pub message_expiry: Option<u32>,
    /// The subscriptions that the message is for. Only a server may send these; who decodes for
    /// a server refuses them [MQTT-3.3.4-6].
    pub subscription_ids: SubscriptionIds<'a>,
    /// The properties that a server passes on.
    pub forwarded: Forwarded<'a>,
    /// The application's bytes.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Decodes a PUBLISH: what [`Packet::decode`](super::Packet::decode) does for one, without the
    /// other packets.
    ///
    /// # Errors
    /// What is wrong with the packet.
    #[inline]
    pub fn decode(
        version: Version,
        first_byte: u8,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        Self::decode_after("", version, first_byte, body, limits)
    }

    /// Decodes a PUBLISH whose topic may be known: `known_topic` is the topic of an earlier PUBLISH
    /// of the same connection, or empty. If it comes again, it is not checked again, which saves
    /// two thirds of the time.
    ///
    /// # Errors
    /// What is wrong with the packet.
    #[inline]
    pub fn decode_after(
        known_topic: &'a str,
        version: Version,
        first_byte: u8,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        frame::check_first_byte(first_byte)?;
        if first_byte >> 4 != super::PUBLISH {
            return Err(DecodeError::protocol("not a PUBLISH"));
        }
        Self::decode_into(version, first_byte, body, known_topic, limits, |publish| {
            publish
        })
    }

    /// For a first byte that is already checked. `wrap` puts the packet where it is wanted, so
    /// that it is built there: moving it costs as much as decoding it.
    #[inline]
    pub(super) fn decode_into<T>(
        version: Version,
        first_byte: u8,
        body: &'a [u8],
        known_topic: &'a str,
        limits: &Limits,
        wrap: impl FnOnce(Self) -> T,
    ) -> Result<T, DecodeError> {
        let mut reader = Reader::new(body);
        let qos = Qos::try_from(first_byte >> 1 & 0b11)?;
        let topic = match reader.binary()? {
            bytes if bytes == known_topic.as_bytes() => known_topic,
            bytes => topic::decode(bytes, limits)?,
        };
        let packet_id = match qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce | Qos::ExactlyOnce => Some(reader.packet_id()?),
        };
        let payload = match reader.rest() {
            payload if !version.is_v5() => payload,
            // No properties, which is the property length 0 [MQTT-2.2.2-1].
            [0, payload @ ..] => payload,
            _ => {
                return Self::decode_rest(first_byte, topic, packet_id, reader, limits, wrap);
            }
        };
        if topic.is_empty() {
            return Err(EMPTY_TOPIC);
        }
        Ok(wrap(Self {
            dup: first_byte & 0b1000 != 0,
            qos,
            retain: first_byte & 0b0001 != 0,
            topic,
            packet_id,
            topic_alias: None,
            message_expiry: None,
            subscription_ids: SubscriptionIds::EMPTY,
            forwarded: Forwarded::EMPTY,
            payload,
        }))
    }

    /// Properties and payload.
    #[inline(never)]
    fn decode_rest<T>(
        first_byte: u8,
        topic: &'a str,
        packet_id: Option<PacketId>,
        mut reader: Reader<'a>,
        limits: &Limits,
        wrap: impl FnOnce(Self) -> T,
    ) -> Result<T, DecodeError> {
        const ALLOWED: PropertySet =
            PropertySet::of(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26]);
        const REPEATABLE: PropertySet = PropertySet::of(&[0x0B, 0x26]);
        let mut section = Section::open(&mut reader, ALLOWED, limits)?.repeatable(REPEATABLE);
        let mut forwarded = ForwardedBuilder::default();
        let mut topic_alias = None;
        let mut message_expiry = None;
        let mut subscription_ids = 0;
        while let Some(id) = section.next_id()? {
            match id {
                0x02 => message_expiry = Some(section.reader().u32()?),
                0x23 => topic_alias = Some(properties::topic_alias(section.reader())?),
                0x0B => {
                    properties::subscription_identifier(section.reader())?;
                    subscription_ids += 1;
                }
                _ => {
                    section.check_value(id)?;
                    forwarded.add(section.position());
                    continue;
                }
            }
            forwarded.skip(section.position());
        }
        if topic.is_empty() && topic_alias.is_none() {
            return Err(EMPTY_TOPIC);
        }
        Ok(wrap(Self {
            dup: first_byte & 0b1000 != 0,
            qos: Qos::try_from(first_byte >> 1 & 0b11)?,
            retain: first_byte & 0b0001 != 0,
            topic,
            packet_id,
            topic_alias,
            message_expiry,
            subscription_ids: match subscription_ids {
                0 => SubscriptionIds::EMPTY,
                count => SubscriptionIds(Source::Section(count, section.whole())),
            },
            forwarded: forwarded.finish(&section),
            payload: reader.rest(),
        }))
    }

    /// Appends the packet to `out`. Under MQTT 3 everything that needs properties is left out.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode::publish_from(out, version, self)
    }
}

const EMPTY_TOPIC: DecodeError = DecodeError::new(
    ReasonCode::ProtocolError,
    "empty topic name without a topic alias",
);

/// The subscription identifiers of a PUBLISH, in their order.
#[derive(Clone, Copy)]
pub struct SubscriptionIds<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// So many within a checked property section. Other properties may stand between.
    Section(u32, &'a [u8]),
    Numbers(&'a [u32]),
}

impl<'a> SubscriptionIds<'a> {
    /// None.
    pub const EMPTY: Self = Self(Source::Numbers(&[]));

    /// How many there are.
    #[inline]
    #[must_use]
    pub const fn count(&self) -> usize {
        match self.0 {
            Source::Section(count, _) => count as usize,
            Source::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The identifiers, 1 to 268,435,455 each.
    pub fn iter(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        let (section, numbers) = match self.0 {
            Source::Section(_, section) => (section, [].as_slice()),
            Source::Numbers(numbers) => ([].as_slice(), numbers),
        };
        let all = PropertySet::ALL;
        let mut section = Section::over(section, all, &Limits::NONE).repeatable(all);
        let decoded = std::iter::from_fn(move || next_id(&mut section));
        decoded.chain(numbers.iter().copied())
    }
}

/// The next identifier in a checked section.
fn next_id(section: &mut Section<'_, '_>) -> Option<u32> {
    while let Ok(Some(property)) = section.next() {
        if let Property::SubscriptionIdentifier(identifier) = property {
            return Some(identifier);
        }
    }
    None
}

impl Default for SubscriptionIds<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a> From<&'a [u32]> for SubscriptionIds<'a> {
    fn from(numbers: &'a [u32]) -> Self {
        Self(Source::Numbers(numbers))
    }
}

impl PartialEq for SubscriptionIds<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && self.iter().eq(other.iter())
    }
}

impl Eq for SubscriptionIds<'_> {}

impl std::fmt::Debug for SubscriptionIds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
