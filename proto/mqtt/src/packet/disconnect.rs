//! DISCONNECT (MQTT 5.0 and 3.1.1, section 3.14).

use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::properties::{Property, PropertySet, Section, UserProperties};
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::writer::{self, Sink};

/// The last packet of a connection, from either side under MQTT 5.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why. Always success under MQTT 3, which has no code.
    pub reason: ReasonCode,
    /// A new session expiry, in seconds; from a client only [MQTT-3.14.2-2].
    pub session_expiry: Option<u32>,
    /// A reason for people to read.
    pub reason_string: Option<&'a str>,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
    /// Another server to use; from a server only.
    pub server_reference: Option<&'a str>,
}

impl<'a> Disconnect<'a> {
    /// A DISCONNECT without properties.
    #[must_use]
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            session_expiry: None,
            reason_string: None,
            user_properties: UserProperties::EMPTY,
            server_reference: None,
        }
    }

    /// Whether the code may stand in this packet, from one side or the other [MQTT-3.14.2-1].
    #[must_use]
    pub const fn allows(reason: ReasonCode) -> bool {
        !matches!(
            reason,
            ReasonCode::GrantedQos1
                | ReasonCode::GrantedQos2
                | ReasonCode::NoMatchingSubscribers
                | ReasonCode::NoSubscriptionExisted
                | ReasonCode::ContinueAuthentication
                | ReasonCode::Reauthenticate
                | ReasonCode::UnsupportedProtocolVersion
                | ReasonCode::ClientIdentifierNotValid
                | ReasonCode::BadUserNameOrPassword
                | ReasonCode::ServerUnavailable
                | ReasonCode::Banned
                | ReasonCode::PacketIdentifierInUse
                | ReasonCode::PacketIdentifierNotFound
        )
    }

    /// Whether only servers give this reason (table 3-13).
    #[must_use]
    pub const fn is_of_servers(reason: ReasonCode) -> bool {
        matches!(
            reason,
            ReasonCode::NotAuthorized
                | ReasonCode::ServerBusy
                | ReasonCode::ServerShuttingDown
                | ReasonCode::KeepAliveTimeout
                | ReasonCode::SessionTakenOver
                | ReasonCode::TopicFilterInvalid
                | ReasonCode::RetainNotSupported
                | ReasonCode::QosNotSupported
                | ReasonCode::UseAnotherServer
                | ReasonCode::ServerMoved
                | ReasonCode::SharedSubscriptionsNotSupported
                | ReasonCode::ConnectionRateExceeded
                | ReasonCode::MaximumConnectTime
                | ReasonCode::SubscriptionIdentifiersNotSupported
                | ReasonCode::WildcardSubscriptionsNotSupported
        )
    }

    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[0x11, 0x1C, 0x1F, 0x26]);
        let mut reader = Reader::new(body);
        if !version.is_v5() {
            reader.finish()?;
            return Ok(Self::default());
        }
        if reader.is_empty() {
            return Ok(Self::default());
        }
        let mut disconnect = Self::new(ReasonCode::try_from(reader.u8()?)?);
        if !Self::allows(disconnect.reason) {
            return Err(DecodeError::protocol(
                "reason code not allowed in this packet",
            ));
        }
        if reader.is_empty() {
            return Ok(disconnect);
        }
        let mut section = Section::open(&mut reader, ALLOWED, limits)?;
        while let Some(property) = section.next()? {
            match property {
                Property::SessionExpiryInterval(seconds) => {
                    disconnect.session_expiry = Some(seconds);
                }
                Property::ReasonString(text) => disconnect.reason_string = Some(text),
                Property::ServerReference(text) => disconnect.server_reference = Some(text),
                _ => {}
            }
        }
        reader.finish()?;
        let count = section.user_properties();
        disconnect.user_properties = UserProperties::within(section.whole(), count);
        Ok(disconnect)
    }

    /// Appends the packet to `out`, in its shortest form.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::DISCONNECT << 4, &|sink| {
            self.write(version, sink);
        })
    }

    /// The packet without what would make it larger than the receiver's Maximum Packet Size: first
    /// the user properties [MQTT-3.14.2-4], then the reason string [MQTT-3.14.2-3].
    #[must_use]
    pub fn fit(mut self, packet_bytes_max: u32) -> Self {
        if !self.fits(packet_bytes_max) {
            self.user_properties = UserProperties::EMPTY;
        }
        if !self.fits(packet_bytes_max) {
            self.reason_string = None;
        }
        self
    }

    fn fits(&self, packet_bytes_max: u32) -> bool {
        writer::packet_size(&|sink| self.write(Version::V5, sink))
            .is_ok_and(|size| size <= packet_bytes_max as usize)
    }

    fn write(&self, version: Version, sink: &mut dyn Sink) {
        if !version.is_v5() || *self == Self::default() {
            return;
        }
        sink.u8(self.reason as u8);
        if *self != Self::new(self.reason) {
            sink.section(&|sink| self.write_properties(sink));
        }
    }

    fn write_properties(&self, sink: &mut dyn Sink) {
        if let Some(seconds) = self.session_expiry {
            Property::SessionExpiryInterval(seconds).write(sink);
        }
        if let Some(text) = self.reason_string {
            Property::ReasonString(text).write(sink);
        }
        self.user_properties.write(sink);
        if let Some(text) = self.server_reference {
            Property::ServerReference(text).write(sink);
        }
    }
}
