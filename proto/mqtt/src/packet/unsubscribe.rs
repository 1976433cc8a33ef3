//! UNSUBSCRIBE (MQTT 5.0 and 3.1.1, section 3.10).

use super::subscribe::check_count;
use crate::error::{DecodeError, EncodeError};
use crate::filter::Filter;
use crate::limits::Limits;
use crate::packet_id::PacketId;
use crate::properties::{PropertySet, Section, UserProperties};
use crate::reader::{self, Reader};
use crate::version::Version;
use crate::writer::{self, Sink};

/// A client wants no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// To be repeated in UNSUBACK [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
    /// What is unsubscribed from: at least one [MQTT-3.10.3-2].
    pub filters: UnsubscribeFilters<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[0x26]);
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let mut user_properties = UserProperties::EMPTY;
        if version.is_v5() {
            let mut section = Section::open(&mut reader, ALLOWED, limits)?;
            while section.next()?.is_some() {}
            let count = section.user_properties();
            user_properties = UserProperties::within(section.whole(), count);
        }
        let filters = UnsubscribeFilters::decode(reader, limits)?;
        Ok(Self {
            packet_id,
            user_properties,
            filters,
        })
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::UNSUBSCRIBE << 4 | 0b0010, &|sink| {
            self.write(version, sink);
        })
    }

    fn write(&self, version: Version, sink: &mut dyn Sink) {
        sink.u16(self.packet_id.number());
        if version.is_v5() {
            sink.section(&|sink| self.user_properties.write(sink));
        }
        self.filters.iter().for_each(|filter| sink.string(filter));
    }
}

/// The filters of an UNSUBSCRIBE, in order.
#[derive(Clone, Copy)]
pub struct UnsubscribeFilters<'a> {
    source: Source<'a>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    /// A checked payload.
    Payload(&'a [u8]),
    List(&'a [&'a str]),
}

impl<'a> UnsubscribeFilters<'a> {
    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Each filter, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let mut source = self.source;
        std::iter::from_fn(move || match &mut source {
            Source::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
            // Checked when the packet was decoded, so only the end of the payload ends this.
            Source::Payload(payload) => {
                let mut reader = Reader::new(payload);
                let filter = reader::utf8(reader.binary().ok()?).ok()?;
                *payload = reader.rest();
                Some(filter)
            }
        })
    }

    fn decode(mut reader: Reader<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        let payload = reader.rest();
        let mut count = 0;
        while !reader.is_empty() {
            count += 1;
            check_count(count, limits)?;
            Filter::parse_limited(reader::utf8(reader.binary()?)?, limits)?;
        }
        if count == 0 {
            return Err(DecodeError::protocol("no topic filter"));
        }
        Ok(Self {
            source: Source::Payload(payload),
            count: count as usize,
        })
    }
}

impl<'a> From<&'a [&'a str]> for UnsubscribeFilters<'a> {
    fn from(list: &'a [&'a str]) -> Self {
        Self {
            source: Source::List(list),
            count: list.len(),
        }
    }
}

impl PartialEq for UnsubscribeFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for UnsubscribeFilters<'_> {}

impl std::fmt::Debug for UnsubscribeFilters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
