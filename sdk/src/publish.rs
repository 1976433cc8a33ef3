//! What is published, and what comes back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5 as wire;
use tokio::sync::oneshot;

use crate::{Error, Qos, Reason, text, topic};

/// A message to publish. [`Client::publish`](crate::Client::publish) also takes a pair of topic and
/// payload.
///
/// Text in it has no line ends, tabs and other control characters, and no non-characters of
/// Unicode: brokers may end the connection for those. What needs them belongs in the payload.
///
/// ```
/// use std::time::Duration;
/// use catena_sdk::{Publish, Qos};
///
/// let publish = Publish::new("plant/line-1/temperature", "21.5")
///     .qos(Qos::AtLeastOnce)
///     .retain()
///     .expiry(Duration::from_secs(60))
///     .user_property("unit", "°C");
/// # let _ = publish;
/// ```
#[derive(Clone)]
#[must_use = "nothing is sent before the client has it"]
pub struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) properties: Properties,
}

/// The properties of MQTT 5 that a message carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Properties {
    /// Message Expiry Interval: after so long nobody gets the message any more. Whole seconds
    /// travel; a part of one counts as one.
    pub expiry: Option<Duration>,
    /// Content Type, such as a media type.
    pub content_type: Option<String>,
    /// Response Topic: where an answer is expected.
    pub response_topic: Option<String>,
    /// Correlation Data: what an answer has to repeat.
    pub correlation_data: Option<Bytes>,
    /// Payload Format Indicator: the payload is UTF-8 text.
    pub is_text: bool,
    /// User Properties, in order; names may repeat.
    pub user: Vec<(String, String)>,
}

impl Publish {
    /// A message at QoS 1, not retained.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: Qos::default(),
            retain: false,
            properties: Properties::default(),
        }
    }

    /// Its Message Expiry Interval.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.properties.expiry
    }

    /// With another quality of service.
    pub fn qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// The broker keeps it for later subscribers, until another one for the topic replaces it. An
    /// empty payload removes what is kept.
    pub fn retain(mut self) -> Self {
        self.retain = true;
        self
    }

    /// Whether the broker keeps it for later subscribers.
    #[must_use]
    pub fn is_retained(&self) -> bool {
        self.retain
    }

    /// Nobody gets it after so long.
    pub fn expiry(mut self, expiry: Duration) -> Self {
        self.properties.expiry = Some(expiry);
        self
    }

    /// With a content type, such as `application/json`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.properties.content_type = Some(content_type.into());
        self
    }

    /// With a topic for answers. For request and response in one call, see
    /// [`Requester`](crate::Requester).
    pub fn response_topic(mut self, topic: impl Into<String>) -> Self {
        self.properties.response_topic = Some(topic.into());
        self
    }

    /// With bytes that an answer has to repeat.
    pub fn correlation_data(mut self, data: impl Into<Bytes>) -> Self {
        self.properties.correlation_data = Some(data.into());
        self
    }

    /// Says that the payload is UTF-8 text.
    pub fn text(mut self) -> Self {
        self.properties.is_text = true;
        self
    }

    /// With one more user property.
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.user.push((name.into(), value.into()));
        self
    }

    /// The properties so far.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// What the client can refuse without asking the broker.
    pub(crate) fn check(&self) -> Result<(), Error> {
        topic::check_name("topic", &self.topic)?;
        if let Some(response) = &self.properties.response_topic {
            topic::check_name("response topic", response)?;
        }
        if let Some(content_type) = &self.properties.content_type {
            text::check("content type", content_type)?;
        }
        check_user_properties(&self.properties.user)?;
        let data = self.properties.correlation_data.as_ref();
        if data.is_some_and(|data| data.len() > usize::from(u16::MAX)) {
            return Err(Error::invalid(
                "correlation data",
                "longer than 65535 bytes",
            ));
        }
        Ok(())
    }

    /// The packet, without an identifier.
    pub(crate) fn packet(&self) -> wire::Publish {
        let properties = (self.properties != Properties::default()).then(|| self.properties.wire());
        let payload = self.payload.clone();
        let mut packet =
            wire::Publish::new(self.topic.as_str(), self.qos.into(), payload, properties);
        packet.retain = self.retain;
        packet
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("topic", &self.topic)
            .field("bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

impl<T: Into<String>, P: Into<Bytes>> From<(T, P)> for Publish {
    fn from((topic, payload): (T, P)) -> Self {
        Self::new(topic, payload)
    }
}

impl Properties {
    pub(crate) fn wire(&self) -> wire::PublishProperties {
        wire::PublishProperties {
            payload_format_indicator: self.is_text.then_some(1),
            message_expiry_interval: self.expiry.map(whole_seconds),
            response_topic: self.response_topic.clone(),
            correlation_data: self.correlation_data.clone(),
            user_properties: self.user.clone(),
            content_type: self.content_type.clone(),
            ..wire::PublishProperties::default()
        }
    }

    pub(crate) fn from_wire(properties: Option<wire::PublishProperties>) -> Self {
        let Some(properties) = properties else {
            return Self::default();
        };
        let seconds = properties.message_expiry_interval;
        Self {
            expiry: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            content_type: properties.content_type,
            response_topic: properties.response_topic,
            correlation_data: properties.correlation_data,
            is_text: properties.payload_format_indicator == Some(1),
            user: properties.user_properties,
        }
    }

    /// The value of the first user property with this name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&str> {
        let mut all = self.user.iter();
        all.find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

pub(crate) fn check_user_properties(properties: &[(String, String)]) -> Result<(), Error> {
    properties.iter().try_for_each(|(name, value)| {
        text::check("name of a user property", name)?;
        text::check("value of a user property", value)
    })
}

/// Seconds as they travel: rounded up, since 0 would mean at once.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let up = u64::from(duration.subsec_nanos() > 0);
    u32::try_from(duration.as_secs().saturating_add(up)).unwrap_or(u32::MAX)
}

/// What the broker said of a message that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub(crate) reason: Reason,
}

impl Published {
    /// The reason code of PUBACK or PUBREC; always success at QoS 0.
    #[must_use]
    pub fn reason(self) -> Reason {
        self.reason
    }

    /// Whether the broker said that nobody subscribes to the topic. Not every broker says so.
    #[must_use]
    pub fn is_unheard(self) -> bool {
        self.reason == Reason::NO_MATCHING_SUBSCRIBERS
    }
}

/// A message on its way: a future that ends when the broker has answered. It may be dropped; the
/// message is sent all the same.
#[derive(Debug)]
#[must_use = "the answer of the broker is in it"]
pub struct Pending {
    pub(crate) answer: oneshot::Receiver<Result<Published, Error>>,
}

impl Future for Pending {
    type Output = Result<Published, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(Error::ClosedUnanswered)))
    }
}
