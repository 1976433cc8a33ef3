//! SUBSCRIBE (MQTT 5.0 and 3.1.1, section 3.8).

use crate::error::{DecodeError, EncodeError};
use crate::filter::Filter;
use crate::limits::Limits;
use crate::packet_id::PacketId;
use crate::properties::{Property, PropertySet, Section, UserProperties};
use crate::qos::Qos;
use crate::reader::{self, Reader};
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::writer::{self, Sink};

/// A client asks for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// To be repeated in SUBACK [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// The number to send with every message of these subscriptions, 1 to 268,435,455.
    pub subscription_id: Option<u32>,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
    /// What is subscribed to: at least one [MQTT-3.8.3-2].
    pub filters: SubscribeFilters<'a>,
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[0x0B, 0x26]);
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut subscription_id = None;
        let mut user_properties = UserProperties::EMPTY;
        if version.is_v5() {
            let mut section = Section::open(&mut reader, ALLOWED, limits)?;
            while let Some(property) = section.next()? {
                if let Property::SubscriptionIdentifier(identifier) = property {
                    subscription_id = Some(identifier);
                }
            }
            let count = section.user_properties();
            user_properties = UserProperties::within(section.whole(), count);
        }
        let filters = SubscribeFilters::decode(version, reader, limits)?;
        Ok(Self {
            packet_id,
            subscription_id,
            user_properties,
            filters,
        })
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::SUBSCRIBE << 4 | 0b0010, &|sink| {
            self.write(version, sink);
        })
    }

    fn write(&self, version: Version, sink: &mut dyn Sink) {
        sink.u16(self.packet_id.number());
        if version.is_v5() {
            sink.section(&|sink| {
                if let Some(identifier) = self.subscription_id {
                    Property::SubscriptionIdentifier(identifier).write(sink);
                }
                self.user_properties.write(sink);
            });
        }
        for (filter, options) in self.filters.iter() {
            sink.string(filter);
            sink.u8(options.byte(version));
        }
    }
}

/// How the messages of a subscription are to be delivered. MQTT 3 has only the QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The highest QoS to deliver with.
    pub qos: Qos,
    /// Whether the client's own messages are left out [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Whether RETAIN is delivered as it was published.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

/// When a subscription brings retained messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// Whenever it is subscribed to [MQTT-3.3.1-9].
    #[default]
    Send = 0,
    /// Only if the subscription did not exist [MQTT-3.3.1-10].
    SendIfNew = 1,
    /// Never [MQTT-3.3.1-11].
    DoNotSend = 2,
}

impl SubscriptionOptions {
    fn decode(version: Version, byte: u8) -> Result<Self, DecodeError> {
        // [MQTT-3.8.3-5] [MQTT3-3.8.3-4]
        let reserved = if version.is_v5() {
            0b1100_0000
        } else {
            0b1111_1100
        };
        if byte & reserved != 0 {
            return Err(DecodeError::malformed("reserved subscription options set"));
        }
        let qos = Qos::try_from(byte & 0b11)
            .map_err(|_| DecodeError::protocol("subscription with QoS 3"))?;
        let retain_handling = match byte >> 4 & 0b11 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(DecodeError::protocol("Retain Handling 3")),
        };
        let no_local = byte & 0b0100 != 0;
        let retain_as_published = byte & 0b1000 != 0;
        Ok(Self {
            qos,
            no_local,
            retain_as_published,
            retain_handling,
        })
    }

    const fn byte(self, version: Version) -> u8 {
        let qos = self.qos as u8;
        if !version.is_v5() {
            return qos;
        }
        let no_local = if self.no_local { 0b0100 } else { 0 };
        let retain_as_published = if self.retain_as_published { 0b1000 } else { 0 };
        qos | no_local | retain_as_published | (self.retain_handling as u8) << 4
    }
}

/// The filters of a SUBSCRIBE with their options, in order.
#[derive(Clone, Copy)]
pub struct SubscribeFilters<'a> {
    source: Source<'a>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    /// A checked payload.
    Payload(Version, &'a [u8]),
    List(&'a [(&'a str, SubscriptionOptions)]),
}

impl<'a> SubscribeFilters<'a> {
    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Each filter and its options, in order. [`Filter::parse`] takes the filter apart.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, SubscriptionOptions)> + Clone + use<'a> {
        let mut source = self.source;
        std::iter::from_fn(move || match &mut source {
            Source::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
            // Checked when the packet was decoded, so only the end of the payload ends this.
            Source::Payload(version, payload) => {
                let mut reader = Reader::new(payload);
                let filter = reader::utf8(reader.binary().ok()?).ok()?;
                let options = SubscriptionOptions::decode(*version, reader.u8().ok()?).ok()?;
                *payload = reader.rest();
                Some((filter, options))
            }
        })
    }

    fn decode(
        version: Version,
        mut reader: Reader<'a>,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let payload = reader.rest();
        let mut count = 0;
        while !reader.is_empty() {
            count += 1;
            check_count(count, limits)?;
            let filter = Filter::parse_limited(reader::utf8(reader.binary()?)?, limits)?;
            let options = SubscriptionOptions::decode(version, reader.u8()?)?;
            // [MQTT-3.8.3-4]
            if filter.share.is_some() && options.no_local {
                return Err(DecodeError::protocol("No Local on a shared subscription"));
            }
        }
        if count == 0 {
            return Err(DecodeError::protocol("no topic filter"));
        }
        Ok(Self {
            source: Source::Payload(version, payload),
            count: count as usize,
        })
    }
}

/// Fails if a packet with `count` filters has too many.
pub(super) fn check_count(count: u32, limits: &Limits) -> Result<(), DecodeError> {
    if count > limits.filters_max {
        return Err(DecodeError::new(
            ReasonCode::QuotaExceeded,
            "too many topic filters",
        ));
    }
    Ok(())
}

impl<'a> From<&'a [(&'a str, SubscriptionOptions)]> for SubscribeFilters<'a> {
    fn from(list: &'a [(&'a str, SubscriptionOptions)]) -> Self {
        Self {
            source: Source::List(list),
            count: list.len(),
        }
    }
}

impl PartialEq for SubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for SubscribeFilters<'_> {}

impl std::fmt::Debug for SubscribeFilters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
