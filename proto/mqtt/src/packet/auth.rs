//! AUTH (MQTT 5.0, section 3.15).

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::limits::Limits;
use crate::properties::{Property, PropertySet, Section, UserProperties};
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::writer::{self, Sink};

/// A step of an extended authentication exchange.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue authentication or re-authenticate.
    pub reason: ReasonCode,
    /// The method of the exchange. Absent only in the short form of success.
    pub authentication_method: Option<&'a str>,
    /// What the method exchanges.
    pub authentication_data: Option<&'a [u8]>,
    /// A reason for people to read.
    pub reason_string: Option<&'a str>,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Auth<'a> {
    pub(super) fn decode(
        version: Version,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[0x15, 0x16, 0x1F, 0x26]);
        if !version.is_v5() {
            return Err(DecodeError::malformed("AUTH before MQTT 5.0"));
        }
        let mut reader = Reader::new(body);
        if reader.is_empty() {
            return Ok(Self::default());
        }
        let reason = ReasonCode::try_from(reader.u8()?)?;
        // [MQTT-3.15.2-1]
        if !matches!(
            reason,
            ReasonCode::Success | ReasonCode::ContinueAuthentication | ReasonCode::Reauthenticate
        ) {
            return Err(DecodeError::protocol(
                "reason code not allowed in this packet",
            ));
        }
        let mut auth = Self {
            reason,
            ..Self::default()
        };
        let mut section = Section::open(&mut reader, ALLOWED, limits)?;
        while let Some(property) = section.next()? {
            match property {
                Property::AuthenticationMethod(name) => auth.authentication_method = Some(name),
                Property::AuthenticationData(data) => auth.authentication_data = Some(data),
                Property::ReasonString(text) => auth.reason_string = Some(text),
                _ => {}
            }
        }
        reader.finish()?;
        if auth.authentication_method.is_none() {
            return Err(DecodeError::protocol(
                "AUTH without an authentication method",
            ));
        }
        let count = section.user_properties();
        auth.user_properties = UserProperties::within(section.whole(), count);
        Ok(auth)
    }

    /// Appends the packet to `out`, in its shortest form.
    ///
    /// # Errors
    /// What cannot be expressed. `out` is unchanged then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        writer::packet(out, super::AUTH << 4, &|sink| self.write(sink))
    }

    /// The packet without what would make it larger than the receiver's Maximum Packet Size: first
    /// the user properties [MQTT-3.15.2-3], then the reason string [MQTT-3.15.2-2].
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
        writer::packet_size(&|sink| self.write(sink))
            .is_ok_and(|size| size <= packet_bytes_max as usize)
    }

    fn write(&self, sink: &mut dyn Sink) {
        if *self == Self::default() {
            return;
        }
        sink.u8(self.reason as u8);
        sink.section(&|sink| self.write_properties(sink));
    }

    fn write_properties(&self, sink: &mut dyn Sink) {
        if let Some(name) = self.authentication_method {
            Property::AuthenticationMethod(name).write(sink);
        }
        if let Some(data) = self.authentication_data {
            Property::AuthenticationData(data).write(sink);
        }
        if let Some(text) = self.reason_string {
            Property::ReasonString(text).write(sink);
        }
        self.user_properties.write(sink);
    }
}

impl fmt::Debug for Auth<'_> {
    /// Authentication data is a secret: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("reason", &self.reason)
            .field("authentication_method", &self.authentication_method)
            .field(
                "authentication_data_bytes",
                &self.authentication_data.map(<[u8]>::len),
            )
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}
