//! The properties of CONNECT (MQTT 5.0, section 3.1.2.11).

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::properties::{Property, PropertySet, Section, UserProperties};
use crate::reader::Reader;
use crate::writer::Sink;

/// The properties of CONNECT. The default is that of a CONNECT without any, so also of MQTT 3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectProperties<'a> {
    /// Lifetime of the session after the connection, in seconds. Absent: it ends with it.
    pub session_expiry: Option<u32>,
    /// How many QoS 1 and 2 publishes the client takes unacknowledged. Absent: 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// The largest packet that the client takes, in bytes. Absent: no limit.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The highest topic alias that the client takes. 0: none.
    pub topic_alias_maximum: u16,
    /// Whether the client wants response information in CONNACK.
    pub request_response_information: bool,
    /// Whether the client wants reason strings and user properties with failures.
    pub request_problem_information: bool,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
    /// Name of the method of extended authentication.
    pub authentication_method: Option<&'a str>,
    /// The first data of that method.
    pub authentication_data: Option<&'a [u8]>,
}

impl Default for ConnectProperties<'_> {
    fn default() -> Self {
        Self {
            session_expiry: None,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            user_properties: UserProperties::EMPTY,
            authentication_method: None,
            authentication_data: None,
        }
    }
}

impl<'a> ConnectProperties<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet =
            PropertySet::of(&[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27]);
        let mut section = Section::open(reader, ALLOWED, limits)?;
        let mut found = Self::default();
        while let Some(property) = section.next()? {
            match property {
                Property::SessionExpiryInterval(seconds) => found.session_expiry = Some(seconds),
                Property::ReceiveMaximum(maximum) => found.receive_maximum = Some(maximum),
                Property::MaximumPacketSize(bytes) => found.maximum_packet_size = Some(bytes),
                Property::TopicAliasMaximum(maximum) => found.topic_alias_maximum = maximum,
                Property::RequestResponseInformation(wanted) => {
                    found.request_response_information = wanted;
                }
                Property::RequestProblemInformation(wanted) => {
                    found.request_problem_information = wanted;
                }
                Property::AuthenticationMethod(name) => found.authentication_method = Some(name),
                Property::AuthenticationData(data) => found.authentication_data = Some(data),
                _ => {}
            }
        }
        if found.authentication_data.is_some() && found.authentication_method.is_none() {
            return Err(DecodeError::protocol(
                "authentication data without a method",
            ));
        }
        let count = section.user_properties();
        found.user_properties = UserProperties::within(section.whole(), count);
        Ok(found)
    }

    /// Writes what differs from the default.
    pub(super) fn write(&self, sink: &mut dyn Sink) {
        if let Some(seconds) = self.session_expiry {
            Property::SessionExpiryInterval(seconds).write(sink);
        }
        if let Some(maximum) = self.receive_maximum {
            Property::ReceiveMaximum(maximum).write(sink);
        }
        if let Some(bytes) = self.maximum_packet_size {
            Property::MaximumPacketSize(bytes).write(sink);
        }
        if self.topic_alias_maximum > 0 {
            Property::TopicAliasMaximum(self.topic_alias_maximum).write(sink);
        }
        if self.request_response_information {
            Property::RequestResponseInformation(true).write(sink);
        }
        if !self.request_problem_information {
            Property::RequestProblemInformation(false).write(sink);
        }
        self.user_properties.write(sink);
        if let Some(name) = self.authentication_method {
            Property::AuthenticationMethod(name).write(sink);
        }
        if let Some(data) = self.authentication_data {
            Property::AuthenticationData(data).write(sink);
        }
    }
}

impl fmt::Debug for ConnectProperties<'_> {
    /// Authentication data is a secret: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProperties")
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field(
                "request_response_information",
                &self.request_response_information,
            )
            .field(
                "request_problem_information",
                &self.request_problem_information,
            )
            .field("user_properties", &self.user_properties)
            .field("authentication_method", &self.authentication_method)
            .field(
                "authentication_data_bytes",
                &self.authentication_data.map(<[u8]>::len),
            )
            .finish()
    }
}
