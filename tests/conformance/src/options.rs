//! What a client connects and publishes with.

use std::num::{NonZeroU16, NonZeroU32};

use catena_mqtt::{
    Connect, ConnectProperties, Forwarded, Limits, PacketId, Property, Publish, Qos,
    SubscriptionIds, UserProperties, Version, Will,
};

use crate::names::unique;

/// What stands in a CONNECT. Fields have the meaning and the defaults of the codec's.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields of CONNECT, described in the codec")]
pub struct Options {
    pub version: Version,
    pub client_id: String,
    pub clean_start: bool,
    pub keep_alive: u16,
    pub session_expiry: Option<u32>,
    pub receive_maximum: Option<u16>,
    pub maximum_packet_size: Option<u32>,
    pub topic_alias_maximum: u16,
    pub request_response_information: bool,
    pub request_problem_information: bool,
    pub authentication_method: Option<&'static str>,
    pub authentication_data: Option<&'static [u8]>,
    pub user_properties: &'static [(&'static str, &'static str)],
    pub will: Option<WillMessage>,
    pub username: Option<&'static str>,
    pub password: Option<&'static str>,
}

impl Options {
    /// A clean start with an identifier of its own.
    #[must_use]
    pub fn clean(version: Version) -> Self {
        Self {
            version,
            client_id: unique("c"),
            clean_start: true,
            keep_alive: 60,
            session_expiry: None,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            authentication_method: None,
            authentication_data: None,
            user_properties: &[],
            will: None,
            username: None,
            password: None,
        }
    }

    /// A session that outlives the connection by minutes, resumed where there is one.
    #[must_use]
    pub fn lasting(version: Version) -> Self {
        Self {
            clean_start: false,
            session_expiry: version.is_v5().then_some(300),
            ..Self::clean(version)
        }
    }

    /// With this will.
    #[must_use]
    pub fn with_will(self, will: WillMessage) -> Self {
        Self {
            will: Some(will),
            ..self
        }
    }

    /// The bytes of the CONNECT.
    ///
    /// # Panics
    /// If they cannot be expressed.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let properties = ConnectProperties {
            session_expiry: self.session_expiry,
            receive_maximum: self.receive_maximum.and_then(NonZeroU16::new),
            maximum_packet_size: self.maximum_packet_size.and_then(NonZeroU32::new),
            topic_alias_maximum: self.topic_alias_maximum,
            request_response_information: self.request_response_information,
            request_problem_information: self.request_problem_information,
            user_properties: UserProperties::from(self.user_properties),
            authentication_method: self.authentication_method,
            authentication_data: self.authentication_data,
        };
        let connect = Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: &self.client_id,
            properties,
            will: self.will.as_ref().map(WillMessage::will),
            username: self.username,
            password: self.password.map(str::as_bytes),
        };
        let mut bytes = Vec::new();
        connect.encode(&mut bytes).expect("an expressible CONNECT");
        bytes
    }
}

/// A will.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields of a will, described in the codec")]
pub struct WillMessage {
    pub topic: String,
    pub payload: String,
    pub qos: Qos,
    pub retain: bool,
    pub delay_seconds: u32,
    pub expiry: Option<u32>,
    pub forwarded: Vec<u8>,
}

impl WillMessage {
    /// At this QoS, not retained, without delay.
    #[must_use]
    pub fn new(topic: &str, payload: &str, qos: Qos) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.to_owned(),
            qos,
            retain: false,
            delay_seconds: 0,
            expiry: None,
            forwarded: Vec::new(),
        }
    }

    fn will(&self) -> Will<'_> {
        Will {
            qos: self.qos,
            retain: self.retain,
            topic: &self.topic,
            delay_seconds: self.delay_seconds,
            message_expiry: self.expiry,
            forwarded: forwarded(&self.forwarded),
            payload: self.payload.as_bytes(),
        }
    }
}

/// A PUBLISH without properties. Above QoS 0 it needs a packet identifier.
#[must_use]
pub fn post<'a>(topic: &'a str, payload: &'a str, qos: Qos, id: Option<PacketId>) -> Publish<'a> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_id: id,
        topic_alias: None,
        message_expiry: None,
        subscription_ids: SubscriptionIds::EMPTY,
        forwarded: Forwarded::EMPTY,
        payload: payload.as_bytes(),
    }
}

/// The packet identifier with this number.
///
/// # Panics
/// If it is 0.
#[must_use]
pub fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("0 is no packet identifier")
}

/// The bytes of properties, for [`forwarded`](Publish::forwarded).
///
/// # Panics
/// If one cannot be expressed.
#[must_use]
pub fn properties(properties: &[Property<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for property in properties {
        property.encode(&mut bytes).expect("a property");
    }
    bytes
}

fn forwarded(bytes: &[u8]) -> Forwarded<'_> {
    Forwarded::parse(bytes, &Limits::DEFAULT).expect("properties that are passed on")
}
