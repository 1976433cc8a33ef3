//! SUBACK and UNSUBACK (MQTT 5.0 and 3.1.1, sections 3.9 and 3.11).

use super::ReasonProperties;
use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::packet_id::PacketId;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::writer::{self, Sink};

/// Answers SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// That of the SUBSCRIBE [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// None under MQTT 3.
    pub properties: ReasonProperties<'a>,
    /// One for each filter, in order [MQTT-3.9.3-1]. Under MQTT 3 every failure is 0x80.
    pub codes: ReasonCodes<'a>,
}

/// Answers UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// That of the UNSUBSCRIBE [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// None under MQTT 3.
    pub properties: ReasonProperties<'a>,
    /// One for each filter, in order [MQTT-3.11.3-1]. None under MQTT 3.
    pub codes: ReasonCodes<'a>,
}

impl<'a> SubAck<'a> {
    /// Whether the code may stand in this packet [MQTT-3.9.3-2].
    #[must_use]
    pub const fn allows(reason: ReasonCode) -> bool {
        matches!(
            reason,
            ReasonCode::Success
                | ReasonCode::GrantedQos1
                | ReasonCode::GrantedQos2
                | ReasonCode::UnspecifiedError
                | ReasonCode::ImplementationSpecificError
                | ReasonCode::NotAuthorized
                | ReasonCode::TopicFilterInvalid
                | ReasonCode::PacketIdentifierInUse
                | ReasonCode::QuotaExceeded
                | ReasonCode::SharedSubscriptionsNotSupported
                | ReasonCode::SubscriptionIdentifiersNotSupported
                | ReasonCode::WildcardSubscriptionsNotSupported
        )
    }

    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        let (properties, allowed): (_, fn(ReasonCode) -> bool) = if version.is_v5() {
            (ReasonProperties::decode(&mut reader, limits)?, Self::allows)
        } else {
            (ReasonProperties::EMPTY, is_suback_code_v3)
        };
        let codes = ReasonCodes::decode(reader, allowed)?;
        Ok(Self {
            packet_id,
            properties,
            codes,
        })
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::SUBACK << 4, &|sink| self.write(version, sink))
    }

    /// The packet without the properties that would make it larger than the client's Maximum
    /// Packet Size [MQTT-3.9.2-1] [MQTT-3.9.2-2].
    #[must_use]
    pub fn fit(mut self, packet_bytes_max: u32) -> Self {
        self.properties = self.properties.fit(packet_bytes_max, |properties| {
            writer::packet_size(&|sink| Self { properties, ..self }.write(Version::V5, sink)).ok()
        });
        self
    }

    fn write(&self, version: Version, sink: &mut dyn Sink) {
        sink.u16(self.packet_id.number());
        if version.is_v5() {
            sink.section(&|sink| self.properties.write(sink));
            self.codes.iter().for_each(|code| sink.u8(code as u8));
        } else {
            for code in self.codes.iter() {
                sink.u8(if code.is_error() { 0x80 } else { code as u8 });
            }
        }
    }
}

impl<'a> UnsubAck<'a> {
    /// Whether the code may stand in this packet [MQTT-3.11.3-2].
    #[must_use]
    pub const fn allows(reason: ReasonCode) -> bool {
        matches!(
            reason,
            ReasonCode::Success
                | ReasonCode::NoSubscriptionExisted
                | ReasonCode::UnspecifiedError
                | ReasonCode::ImplementationSpecificError
                | ReasonCode::NotAuthorized
                | ReasonCode::TopicFilterInvalid
                | ReasonCode::PacketIdentifierInUse
        )
    }

    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        if !version.is_v5() {
            reader.finish()?;
            let properties = ReasonProperties::EMPTY;
            return Ok(Self {
                packet_id,
                properties,
                codes: ReasonCodes::EMPTY,
            });
        }
        let properties = ReasonProperties::decode(&mut reader, limits)?;
        let codes = ReasonCodes::decode(reader, Self::allows)?;
        Ok(Self {
            packet_id,
            properties,
            codes,
        })
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::UNSUBACK << 4, &|sink| self.write(version, sink))
    }

    /// The packet without the properties that would make it larger than the client's Maximum
    /// Packet Size [MQTT-3.11.2-1] [MQTT-3.11.2-2].
    #[must_use]
    pub fn fit(mut self, packet_bytes_max: u32) -> Self {
        self.properties = self.properties.fit(packet_bytes_max, |properties| {
            writer::packet_size(&|sink| Self { properties, ..self }.write(Version::V5, sink)).ok()
        });
        self
    }

    fn write(&self, version: Version, sink: &mut dyn Sink) {
        sink.u16(self.packet_id.number());
        if version.is_v5() {
            sink.section(&|sink| self.properties.write(sink));
            self.codes.iter().for_each(|code| sink.u8(code as u8));
        }
    }
}

/// Reason codes, in order.
#[derive(Clone, Copy)]
pub struct ReasonCodes<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// A checked payload.
    Payload(&'a [u8]),
    List(&'a [ReasonCode]),
}

impl<'a> ReasonCodes<'a> {
    /// None.
    pub const EMPTY: Self = Self(Source::List(&[]));

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        match self.0 {
            Source::Payload(payload) => payload.len(),
            Source::List(list) => list.len(),
        }
    }

    /// Each code, in order.
    pub fn iter(&self) -> impl Iterator<Item = ReasonCode> + Clone + use<'a> {
        let (payload, list) = match self.0 {
            Source::Payload(payload) => (payload, [].as_slice()),
            Source::List(list) => ([].as_slice(), list),
        };
        let decoded = payload
            .iter()
            .filter_map(|byte| ReasonCode::try_from(*byte).ok());
        decoded.chain(list.iter().copied())
    }

    fn decode(reader: Reader<'a>, allowed: fn(ReasonCode) -> bool) -> Result<Self, DecodeError> {
        let payload = reader.rest();
        if payload.is_empty() {
            return Err(DecodeError::protocol("no reason code"));
        }
        for byte in payload {
            if !allowed(ReasonCode::try_from(*byte)?) {
                return Err(DecodeError::protocol(
                    "reason code not allowed in this packet",
                ));
            }
        }
        Ok(Self(Source::Payload(payload)))
    }
}

impl<'a> From<&'a [ReasonCode]> for ReasonCodes<'a> {
    fn from(list: &'a [ReasonCode]) -> Self {
        Self(Source::List(list))
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ReasonCodes<'_> {}

impl std::fmt::Debug for ReasonCodes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The codes that SUBACK may carry under MQTT 3 [MQTT3-3.9.3-2].
const fn is_suback_code_v3(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::Success
            | ReasonCode::GrantedQos1
            | ReasonCode::GrantedQos2
            | ReasonCode::UnspecifiedError
    )
}
