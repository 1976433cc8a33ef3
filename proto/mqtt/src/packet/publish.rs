//! PUBLISH (MQTT 5.0, section 3.3): the packet that decides how fast the broker is.

use std::num::NonZeroU16;

use crate::encode;
use crate::error::{DecodeError, EncodeError};
use crate::frame;
use crate::limits::Limits;
use crate::packet_id::PacketId;
use crate::properties::{Forwarded, ForwardedBuilder, Property, PropertySet, Section};
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
        frame::check_first_byte(first_byte)?;
        if first_byte >> 4 != super::PUBLISH {
            return Err(DecodeError::protocol("not a PUBLISH"));
        }
        Self::decode_body(version, first_byte, body, limits)
    }

    /// For a first byte that is already checked.
    #[inline]
    pub(super) fn decode_body(
        version: Version,
        first_byte: u8,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let qos = Qos::try_from(first_byte >> 1 & 0b11)?;
        let topic = topic::decode(reader.binary()?, limits)?;
        let packet_id = match qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce | Qos::ExactlyOnce => Some(reader.packet_id()?),
        };
        let payload = match reader.rest() {
            payload if !version.is_v5() => payload,
            // No properties, which is the property length 0 [MQTT-2.2.2-1].
            [0, payload @ ..] => payload,
            _ => return Self::decode_properties(first_byte, topic, packet_id, reader, limits),
        };
        if topic.is_empty() {
            return Err(EMPTY_TOPIC);
        }
        // Everything is in registers so far, and stored once.
        Ok(Self {
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
        })
    }

    /// The rest of a PUBLISH that has properties.
    #[inline(never)]
    fn decode_properties(
        first_byte: u8,
        topic: &'a str,
        packet_id: Option<PacketId>,
        mut reader: Reader<'a>,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet =
            PropertySet::of(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26]);
        const REPEATABLE: PropertySet = PropertySet::of(&[0x0B, 0x26]);
        let mut section = Section::open(&mut reader, ALLOWED, limits)?.repeatable(REPEATABLE);
        let mut forwarded = ForwardedBuilder::default();
        let mut topic_alias = None;
        let mut message_expiry = None;
        let mut subscription_ids = 0;
        while let Some(property) = section.next()? {
            match property {
                Property::MessageExpiryInterval(seconds) => message_expiry = Some(seconds),
                Property::TopicAlias(alias) => topic_alias = Some(alias),
                Property::SubscriptionIdentifier(_) => subscription_ids += 1,
                _ => {
                    forwarded.add(section.position());
                    continue;
                }
            }
            forwarded.skip(section.position());
        }
        if topic.is_empty() && topic_alias.is_none() {
            return Err(EMPTY_TOPIC);
        }
        Ok(Self {
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
        })
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
