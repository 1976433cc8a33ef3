//! PUBACK, PUBREC, PUBREL and PUBCOMP (MQTT 5.0, sections 3.4 to 3.7): one shape.

use super::ReasonProperties;
use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::packet_id::PacketId;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::writer::{self, Sink};

/// An acknowledgement of a QoS 1 or 2 exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The packet identifier of the PUBLISH [MQTT-2.2.1-5].
    pub packet_id: PacketId,
    /// The outcome. Always success under MQTT 3, which has no code.
    pub reason: ReasonCode,
    /// Reason string and user properties.
    pub properties: ReasonProperties<'a>,
}

/// Which of the four acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckKind {
    /// Answers a QoS 1 PUBLISH.
    PubAck,
    /// Answers a QoS 2 PUBLISH.
    PubRec,
    /// Answers PUBREC.
    PubRel,
    /// Answers PUBREL.
    PubComp,
}

impl AckKind {
    /// Packet type and flags [MQTT-3.6.1-1].
    #[inline]
    #[must_use]
    pub const fn first_byte(self) -> u8 {
        match self {
            Self::PubAck => super::PUBACK << 4,
            Self::PubRec => super::PUBREC << 4,
            Self::PubRel => super::PUBREL << 4 | 0b0010,
            Self::PubComp => super::PUBCOMP << 4,
        }
    }

    /// Whether the code may stand in this packet [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1]
    /// [MQTT-3.7.2-1].
    #[must_use]
    pub const fn allows(self, reason: ReasonCode) -> bool {
        match self {
            Self::PubAck | Self::PubRec => matches!(
                reason,
                ReasonCode::Success
                    | ReasonCode::NoMatchingSubscribers
                    | ReasonCode::UnspecifiedError
                    | ReasonCode::ImplementationSpecificError
                    | ReasonCode::NotAuthorized
                    | ReasonCode::TopicNameInvalid
                    | ReasonCode::PacketIdentifierInUse
                    | ReasonCode::QuotaExceeded
                    | ReasonCode::PayloadFormatInvalid
            ),
            Self::PubRel | Self::PubComp => {
                matches!(
                    reason,
                    ReasonCode::Success | ReasonCode::PacketIdentifierNotFound
                )
            }
        }
    }
}

impl<'a> Ack<'a> {
    /// Success without properties.
    #[inline]
    #[must_use]
    pub const fn success(packet_id: PacketId) -> Self {
        Self {
            packet_id,
            reason: ReasonCode::Success,
            properties: ReasonProperties::EMPTY,
        }
    }

    /// `wrap` puts the packet where it is wanted, so that it is built there.
    #[inline]
    pub(super) fn decode_into<T>(
        kind: AckKind,
        version: Version,
        body: &'a [u8],
        limits: &Limits,
        wrap: impl FnOnce(Self) -> T,
    ) -> Result<T, DecodeError> {
        // Nearly all have the short form, which is the whole packet under MQTT 3.
        if let [high, low] = body {
            let packet_id = PacketId::try_from(u16::from_be_bytes([*high, *low]))?;
            return Ok(wrap(Self::success(packet_id)));
        }
        Self::decode_long(kind, version, body, limits).map(wrap)
    }

    /// With reason code, and properties unless the packet ends before them.
    #[inline(never)]
    fn decode_long(
        kind: AckKind,
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_id = reader.packet_id()?;
        if !version.is_v5() {
            return Err(DecodeError::malformed("bytes after the last field"));
        }
        let reason = ReasonCode::try_from(reader.u8()?)?;
        if !kind.allows(reason) {
            return Err(DecodeError::protocol(
                "reason code not allowed in this packet",
            ));
        }
        let properties = if reader.is_empty() {
            ReasonProperties::EMPTY
        } else {
            ReasonProperties::decode(&mut reader, limits)?
        };
        reader.finish()?;
        Ok(Self {
            packet_id,
            reason,
            properties,
        })
    }

    /// Appends the packet to `out`, in the shortest form: four bytes without properties on success.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    #[inline]
    pub fn encode(
        &self,
        kind: AckKind,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if !version.is_v5() || (self.reason == ReasonCode::Success && self.properties.is_empty()) {
            let [high, low] = self.packet_id.number().to_be_bytes();
            out.extend_from_slice(&[kind.first_byte(), 2, high, low]);
            return Ok(());
        }
        writer::packet(out, kind.first_byte(), &|sink| self.write_long(sink))
    }

    /// The acknowledgement without what would make it larger than the receiver's Maximum Packet
    /// Size [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2]
    /// [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3].
    #[must_use]
    pub fn fit(mut self, packet_bytes_max: u32) -> Self {
        self.properties = self.properties.fit(packet_bytes_max, |properties| {
            writer::packet_size(&|sink| Self { properties, ..self }.write_long(sink)).ok()
        });
        self
    }

    fn write_long(&self, sink: &mut dyn Sink) {
        sink.u16(self.packet_id.number());
        sink.u8(self.reason as u8);
        if !self.properties.is_empty() {
            sink.section(&|sink| self.properties.write(sink));
        }
    }
}
