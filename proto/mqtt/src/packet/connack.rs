//! CONNACK (MQTT 5.0 and 3.1.1, section 3.2).

use super::ConnAckProperties;
use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::properties::UserProperties;
use crate::reader::Reader;
use crate::reason::{ConnectReturnCode, ReasonCode};
use crate::version::Version;
use crate::writer::{self, Sink};

/// The server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether the server had state for this client. Never with a refusal [MQTT-3.2.2-6].
    pub session_present: bool,
    /// The outcome. Under MQTT 3 the nearest [`ConnectReturnCode`] stands for it.
    pub reason: ReasonCode,
    /// Defaults under MQTT 3.
    pub properties: ConnAckProperties<'a>,
}

impl<'a> ConnAck<'a> {
    /// A refusal without properties.
    #[must_use]
    pub fn refusal(reason: ReasonCode) -> Self {
        Self {
            session_present: false,
            reason,
            properties: ConnAckProperties::default(),
        }
    }

    /// Whether the code may stand in this packet [MQTT-3.2.2-8].
    #[must_use]
    pub const fn allows(reason: ReasonCode) -> bool {
        matches!(
            reason,
            ReasonCode::Success
                | ReasonCode::UnspecifiedError
                | ReasonCode::MalformedPacket
                | ReasonCode::ProtocolError
                | ReasonCode::ImplementationSpecificError
                | ReasonCode::UnsupportedProtocolVersion
                | ReasonCode::ClientIdentifierNotValid
                | ReasonCode::BadUserNameOrPassword
                | ReasonCode::NotAuthorized
                | ReasonCode::ServerUnavailable
                | ReasonCode::ServerBusy
                | ReasonCode::Banned
                | ReasonCode::BadAuthenticationMethod
                | ReasonCode::TopicNameInvalid
                | ReasonCode::PacketTooLarge
                | ReasonCode::QuotaExceeded
                | ReasonCode::PayloadFormatInvalid
                | ReasonCode::RetainNotSupported
                | ReasonCode::QosNotSupported
                | ReasonCode::UseAnotherServer
                | ReasonCode::ServerMoved
                | ReasonCode::ConnectionRateExceeded
        )
    }

    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let flags = reader.u8()?;
        // [MQTT-3.2.2-1]
        if flags & 0b1111_1110 != 0 {
            return Err(DecodeError::malformed(
                "reserved connect acknowledge flags set",
            ));
        }
        let code = reader.u8()?;
        let (reason, properties) = if version.is_v5() {
            let reason = ReasonCode::try_from(code)?;
            if !Self::allows(reason) {
                return Err(DecodeError::protocol(
                    "reason code not allowed in this packet",
                ));
            }
            (reason, ConnAckProperties::decode(&mut reader, limits)?)
        } else {
            (
                ConnectReturnCode::try_from(code)?.into(),
                ConnAckProperties::default(),
            )
        };
        reader.finish()?;
        // MQTT 3.1 has no such flag.
        let session_present = flags != 0 && version != Version::V31;
        if session_present && reason.is_error() {
            return Err(DecodeError::protocol("session present with a refusal"));
        }
        Ok(Self {
            session_present,
            reason,
            properties,
        })
    }

    /// Appends the packet to `out`.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::CONNACK << 4, &|sink| self.write(version, sink))
    }

    /// The packet without what would make it larger than the client's Maximum Packet Size: first
    /// the user properties [MQTT-3.2.2-20], then the reason string [MQTT-3.2.2-19].
    #[must_use]
    pub fn fit(mut self, version: Version, packet_bytes_max: u32) -> Self {
        if !self.fits(version, packet_bytes_max) {
            self.properties.user_properties = UserProperties::EMPTY;
        }
        if !self.fits(version, packet_bytes_max) {
            self.properties.reason_string = None;
        }
        self
    }

    fn fits(&self, version: Version, packet_bytes_max: u32) -> bool {
        writer::packet_size(&|sink| self.write(version, sink))
            .is_ok_and(|size| size <= packet_bytes_max as usize)
    }

    fn write(&self, version: Version, sink: &mut dyn Sink) {
        let session_present =
            self.session_present && !self.reason.is_error() && version != Version::V31;
        sink.u8(u8::from(session_present));
        if version.is_v5() {
            sink.u8(self.reason as u8);
            sink.section(&|sink| self.properties.write(sink));
        } else {
            sink.u8(ConnectReturnCode::from(self.reason) as u8);
        }
    }
}
