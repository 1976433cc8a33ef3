//! The properties of CONNACK (MQTT 5.0, section 3.2.2.3).

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::properties::{Property, PropertySet, Section, UserProperties};
use crate::qos::Qos;
use crate::reader::Reader;
use crate::writer::Sink;

/// The properties of CONNACK. The default is that of a CONNACK without any, so also of MQTT 3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnAckProperties<'a> {
    /// The session expiry that the server uses, in seconds. Absent: what the client asked for.
    pub session_expiry: Option<u32>,
    /// How many QoS 1 and 2 publishes the server takes unacknowledged. Absent: 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// The highest QoS that the server takes. Written unless it is 2.
    pub maximum_qos: Qos,
    /// Whether the server has retained messages. Written if not.
    pub retain_available: bool,
    /// The largest packet that the server takes, in bytes. Absent: no limit.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The client identifier that the server chose.
    pub assigned_client_id: Option<&'a str>,
    /// The highest topic alias that the server takes. 0: none.
    pub topic_alias_maximum: u16,
    /// A reason for people to read.
    pub reason_string: Option<&'a str>,
    /// The user's own.
    pub user_properties: UserProperties<'a>,
    /// Whether the server has wildcard subscriptions. Written if not.
    pub wildcard_subscription_available: bool,
    /// Whether the server has subscription identifiers. Written if not.
    pub subscription_identifiers_available: bool,
    /// Whether the server has shared subscriptions. Written if not.
    pub shared_subscription_available: bool,
    /// The keep alive that the client has to use, in seconds.
    pub server_keep_alive: Option<u16>,
    /// A base for response topics.
    pub response_information: Option<&'a str>,
    /// Another server to use.
    pub server_reference: Option<&'a str>,
    /// Name of the method of extended authentication.
    pub authentication_method: Option<&'a str>,
    /// The last data of that method.
    pub authentication_data: Option<&'a [u8]>,
}

impl Default for ConnAckProperties<'_> {
    fn default() -> Self {
        Self {
            session_expiry: None,
            receive_maximum: None,
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: None,
            assigned_client_id: None,
            topic_alias_maximum: 0,
            reason_string: None,
            user_properties: UserProperties::EMPTY,
            wildcard_subscription_available: true,
            subscription_identifiers_available: true,
            shared_subscription_available: true,
            server_keep_alive: None,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }
    }
}

impl<'a> ConnAckProperties<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27,
            0x28, 0x29, 0x2A,
        ]);
        let mut section = Section::open(reader, ALLOWED, limits)?;
        let mut found = Self::default();
        while let Some(property) = section.next()? {
            found.set(property);
        }
        let count = section.user_properties();
        found.user_properties = UserProperties::within(section.whole(), count);
        Ok(found)
    }

    /// Takes one property of the section, whichever it is.
    fn set(&mut self, property: Property<'a>) {
        match property {
            Property::SessionExpiryInterval(seconds) => self.session_expiry = Some(seconds),
            Property::ReceiveMaximum(maximum) => self.receive_maximum = Some(maximum),
            Property::MaximumQos(qos) => self.maximum_qos = qos,
            Property::RetainAvailable(is) => self.retain_available = is,
            Property::MaximumPacketSize(bytes) => self.maximum_packet_size = Some(bytes),
            Property::AssignedClientIdentifier(id) => self.assigned_client_id = Some(id),
            Property::TopicAliasMaximum(maximum) => self.topic_alias_maximum = maximum,
            Property::ReasonString(text) => self.reason_string = Some(text),
            Property::WildcardSubscriptionAvailable(is) => {
                self.wildcard_subscription_available = is;
            }
            Property::SubscriptionIdentifierAvailable(is) => {
                self.subscription_identifiers_available = is;
            }
            Property::SharedSubscriptionAvailable(is) => self.shared_subscription_available = is,
            Property::ServerKeepAlive(seconds) => self.server_keep_alive = Some(seconds),
            Property::ResponseInformation(text) => self.response_information = Some(text),
            Property::ServerReference(text) => self.server_reference = Some(text),
            Property::AuthenticationMethod(name) => self.authentication_method = Some(name),
            Property::AuthenticationData(data) => self.authentication_data = Some(data),
            _ => {}
        }
    }

    /// Writes what differs from the default.
    pub(super) fn write(&self, sink: &mut dyn Sink) {
        let flag = |is: bool| (!is).then_some(false);
        let properties = [
            self.session_expiry.map(Property::SessionExpiryInterval),
            self.receive_maximum.map(Property::ReceiveMaximum),
            (self.maximum_qos != Qos::ExactlyOnce)
                .then_some(Property::MaximumQos(self.maximum_qos)),
            flag(self.retain_available).map(Property::RetainAvailable),
            self.maximum_packet_size.map(Property::MaximumPacketSize),
            self.assigned_client_id
                .map(Property::AssignedClientIdentifier),
            (self.topic_alias_maximum > 0)
                .then_some(Property::TopicAliasMaximum(self.topic_alias_maximum)),
            self.reason_string.map(Property::ReasonString),
            flag(self.wildcard_subscription_available).map(Property::WildcardSubscriptionAvailable),
            flag(self.subscription_identifiers_available)
                .map(Property::SubscriptionIdentifierAvailable),
            flag(self.shared_subscription_available).map(Property::SharedSubscriptionAvailable),
            self.server_keep_alive.map(Property::ServerKeepAlive),
            self.response_information.map(Property::ResponseInformation),
            self.server_reference.map(Property::ServerReference),
            self.authentication_method
                .map(Property::AuthenticationMethod),
            self.authentication_data.map(Property::AuthenticationData),
        ];
        properties
            .iter()
            .flatten()
            .for_each(|property| property.write(sink));
        self.user_properties.write(sink);
    }
}

impl fmt::Debug for ConnAckProperties<'_> {
    /// Authentication data is a secret: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnAckProperties")
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_qos", &self.maximum_qos)
            .field("retain_available", &self.retain_available)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("assigned_client_id", &self.assigned_client_id)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .field("server_keep_alive", &self.server_keep_alive)
            .field("authentication_method", &self.authentication_method)
            .field(
                "authentication_data_bytes",
                &self.authentication_data.map(<[u8]>::len),
            )
            .finish_non_exhaustive()
    }
}
