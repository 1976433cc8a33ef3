//! The settings of a publish/subscribe component, and those that a subscription can have for
//! itself.

use std::time::Duration;

use catena_sdk::{Builder, Qos, RetainHandling};

use crate::instances::Flavour;
use crate::metadata::{Connection, Field, Invalid, Properties};

use super::mapping;

/// All of them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the broker is.
    pub connection: Connection,
    /// The MQTT client ID; none makes one up, for a session that nobody comes back to.
    pub client_id: Option<String>,
    /// Whether to begin with a new session.
    pub clean_session: bool,
    /// How long the broker keeps the session without a connection.
    pub session_expiry: Duration,
    /// Receive Maximum: how many unacknowledged messages the broker sends, over all subscriptions.
    pub receive_max: u16,
    /// The quality of service of publishes that do not say.
    pub qos: Qos,
    /// Whether publishes that do not say are retained.
    pub retain: bool,
    /// How long a publish waits for the broker's acknowledgement.
    pub publish_within: Duration,
    /// How long publishes wait when a broker is back that has forgotten its sessions.
    pub subscribers_first: Duration,
    /// Metadata of publishes that become user properties under the same name.
    pub user_properties: Vec<String>,
    /// The share group that subscriptions are put into.
    pub share_group: Option<String>,
    /// What holds for subscriptions that do not say.
    pub delivery: Delivery,
}

/// How the messages of a subscription are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The highest quality of service.
    pub qos: Qos,
    /// Which retained messages come.
    pub retained: RetainHandling,
    /// Whether the component's own publishes stay out.
    pub no_local: bool,
    /// Whether messages keep their retain flag.
    pub retain_as_published: bool,
    /// Whether the sidecar wraps what comes itself: then content types are handed over as they are.
    pub raw: bool,
    /// What a sidecar is told of the topic of a message.
    pub topic_name: TopicName,
    /// How many messages a stream may have unanswered.
    pub in_flight_max: usize,
    /// What follows when an application has failed on a message.
    pub on_failure: OnFailure,
    /// How often a message comes again after failures.
    pub redeliveries_max: u32,
    /// The pause before the first redelivery; it doubles.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// Whether later messages wait while one waits for redelivery.
    pub block_on_retry: bool,
    /// Where messages go that are given up.
    pub dead_letter_topic: Option<String>,
    /// How long messages wait for a new stream when the last one has ended, while other
    /// subscriptions of the component need the window. Zero is for ever.
    pub orphans_wait: Duration,
    /// Whether the end of the last stream ends the subscription at the broker.
    pub unsubscribe_on_close: bool,
}

/// What a sidecar is told of the topic of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicName {
    /// The topic that it was published to.
    Message,
    /// The one that the stream was opened for, which may have wildcards.
    Subscription,
}

/// What follows when an application has failed on a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It comes again.
    Redeliver,
    /// It is given up.
    Drop,
}

/// The names of all that there is to set here.
pub(super) const NAMES: &[&str] = &[
    "cleanSession",
    "cleanStart",
    "sessionExpiry",
    "receiveMaximum",
    "qos",
    "retain",
    "publishTimeout",
    "resubscribeTime",
    "userProperties",
    "shareGroup",
    "sharedSubscription",
    "maxInFlight",
    "onFailure",
    "maxRedeliveries",
    "redeliveryBackoff",
    "redeliveryBackoffMax",
    "blockOnRetry",
    "deadLetterTopic",
    "orphanTimeout",
    "unsubscribeOnClose",
    "retainHandling",
    "noLocal",
    "retainAsPublished",
    "topicName",
    "rawPayload",
];

/// Larger packets are not wanted: up to here, messages that are too large for a sidecar can be
/// counted and go to a dead-letter topic.
const PACKET_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// How long messages of an earlier session wait for a stream after the latest one was opened.
const CLAIM_WITHIN: Duration = Duration::from_secs(60);

/// A sidecar opens the streams of an application one right behind the other.
const CLAIM_TOGETHER: Duration = Duration::from_secs(1);

/// Longer than the longest pause between attempts to connect: that is when the last subscriber
/// comes back.
const SUBSCRIBERS_FIRST: Duration = Duration::from_secs(3);

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// Values that make no sense.
    pub fn read(properties: &Properties, flavour: Flavour) -> Result<Self, Invalid> {
        let connection = Connection::read(properties, flavour)?;
        let clean_session = properties.read(&["cleanSession", "cleanStart"], Field::boolean)?;
        let clean_session = clean_session.unwrap_or(false);
        let session_expiry = properties.read(&["sessionExpiry"], Field::duration)?;
        let day = Duration::from_secs(24 * 3600);
        let receive_max = properties.read(&["receiveMaximum"], |field| field.integer(1..=4096))?;
        let publish_within =
            properties.read(&["publishTimeout"], |field| match field.duration()? {
                Duration::ZERO => Err(field.invalid("more than 0")),
                time => Ok(time),
            })?;
        let publish_within = publish_within.unwrap_or(Duration::from_secs(10));
        // A publish must have time left for its answer.
        let half = publish_within / 2;
        let subscribers_first =
            properties.read(&["resubscribeTime"], |field| match field.duration()? {
                time if time > half => Err(field.invalid("not more than half of `publishTimeout`")),
                time => Ok(time),
            })?;
        let names = properties.text(&["userProperties"])?.unwrap_or_default();
        let names = names.split(',').map(|name| name.trim().to_owned());
        let qos = properties.read(&["qos"], qos)?.unwrap_or_default();
        let base = Delivery::base(qos, clean_session);
        let client_id = connection
            .client_id
            .clone()
            .or_else(|| connection.consumer_id.clone());
        Ok(Self {
            client_id,
            clean_session,
            session_expiry: session_expiry.unwrap_or(day),
            receive_max: receive_max.map_or(256, |it| u16::try_from(it).unwrap_or(u16::MAX)),
            qos,
            retain: properties
                .read(&["retain"], Field::boolean)?
                .unwrap_or(false),
            publish_within,
            subscribers_first: subscribers_first.unwrap_or(SUBSCRIBERS_FIRST.min(half)),
            user_properties: names.filter(|name| !name.is_empty()).collect(),
            share_group: share_group(properties, &connection)?,
            delivery: base.overlaid(properties)?,
            connection,
        })
    }

    /// A client as the component needs it, but for its ID.
    pub(super) fn tune(&self, builder: Builder) -> Builder {
        builder
            .clean_start(self.clean_session)
            .session_expiry(match self.clean_session {
                true => Duration::ZERO,
                false => self.session_expiry,
            })
            .receive_max(self.receive_max)
            .in_flight_max(256)
            .queue_len_max(256)
            .packet_bytes_max(PACKET_BYTES_MAX)
            .claim_within(CLAIM_WITHIN)
            .claim_from_subscribe()
            .claim_together(CLAIM_TOGETHER)
            .subscribers_first(self.subscribers_first)
    }

    /// Whether the broker keeps sessions whose connection has ended.
    pub(super) fn keeps_session(&self) -> bool {
        !self.clean_session && !self.session_expiry.is_zero()
    }

    /// The filter to subscribe to for a topic: in the share group, if there is one and the topic
    /// does not name another.
    #[must_use]
    pub fn filter(&self, topic: &str) -> String {
        match &self.share_group {
            Some(group) if !topic.starts_with("$share/") => format!("$share/{group}/{topic}"),
            _ => topic.to_owned(),
        }
    }
}

impl Delivery {
    pub(super) fn base(qos: Qos, clean_session: bool) -> Self {
        Self {
            qos,
            retained: RetainHandling::Always,
            no_local: false,
            retain_as_published: false,
            raw: false,
            topic_name: TopicName::Message,
            in_flight_max: 16,
            on_failure: OnFailure::Redeliver,
            redeliveries_max: 5,
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            block_on_retry: false,
            dead_letter_topic: None,
            orphans_wait: Duration::from_secs(60),
            unsubscribe_on_close: clean_session,
        }
    }

    /// With what the metadata of a component or subscription says.
    ///
    /// # Errors
    ///
    /// Values that make no sense.
    pub fn overlaid(&self, properties: &Properties) -> Result<Self, Invalid> {
        let switch = |name, base| {
            let read = properties.read(&[name], Field::boolean);
            read.map(|read| read.unwrap_or(base))
        };
        let time = |name, base| {
            let read = properties.read(&[name], Field::duration);
            read.map(|read| read.unwrap_or(base))
        };
        let retained = [
            ("0", RetainHandling::Always),
            ("1", RetainHandling::IfNew),
            ("2", RetainHandling::Never),
        ];
        let retained = properties.read(&["retainHandling"], |field| field.word(&retained))?;
        let topic_name = [
            ("message", TopicName::Message),
            ("subscription", TopicName::Subscription),
        ];
        let topic_name = properties.read(&["topicName"], |field| field.word(&topic_name))?;
        let on_failure = [
            ("redeliver", OnFailure::Redeliver),
            ("drop", OnFailure::Drop),
        ];
        let on_failure = properties.read(&["onFailure"], |field| field.word(&on_failure))?;
        let in_flight = properties.read(&["maxInFlight"], |field| field.integer(1..=4096))?;
        let redeliveries = properties.read(&["maxRedeliveries"], |field| {
            field.integer(0..=u64::from(u32::MAX))
        })?;
        let backoff_min = time("redeliveryBackoff", self.backoff_min)?;
        let backoff_max = properties.read(&["redeliveryBackoffMax"], |field| {
            match field.duration()? {
                time if time < backoff_min => {
                    Err(field.invalid("not less than `redeliveryBackoff`"))
                }
                time => Ok(time),
            }
        })?;
        let letters = properties.read(&["deadLetterTopic"], |field| {
            mapping::check_topic(field)?;
            Ok(field.text.to_owned())
        })?;
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Self {
            qos: properties.read(&["qos"], qos)?.unwrap_or(self.qos),
            retained: retained.unwrap_or(self.retained),
            no_local: switch("noLocal", self.no_local)?,
            retain_as_published: switch("retainAsPublished", self.retain_as_published)?,
            raw: switch("rawPayload", self.raw)?,
            topic_name: topic_name.unwrap_or(self.topic_name),
            in_flight_max: in_flight.map_or(self.in_flight_max, number),
            on_failure: on_failure.unwrap_or(self.on_failure),
            redeliveries_max: redeliveries.map_or(self.redeliveries_max, count),
            backoff_min,
            backoff_max: backoff_max.unwrap_or(self.backoff_max.max(backoff_min)),
            block_on_retry: switch("blockOnRetry", self.block_on_retry)?,
            dead_letter_topic: letters.or_else(|| self.dead_letter_topic.clone()),
            orphans_wait: time("orphanTimeout", self.orphans_wait)?,
            unsubscribe_on_close: switch("unsubscribeOnClose", self.unsubscribe_on_close)?,
        })
    }
}

/// A quality of service.
///
/// # Errors
///
/// None of the three.
pub(super) fn qos(field: Field<'_>) -> Result<Qos, Invalid> {
    match field.integer(0..=2)? {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        _ => Ok(Qos::ExactlyOnce),
    }
}

fn share_group(
    properties: &Properties,
    connection: &Connection,
) -> Result<Option<String>, Invalid> {
    let group = properties.field(&["shareGroup"])?;
    if let Some(group) = group.filter(|group| group.text.contains(['/', '+', '#'])) {
        return Err(group.invalid("a name without /, + and #"));
    }
    let shared = properties.field(&["sharedSubscription"])?;
    let is_shared = shared.map(Field::boolean).transpose()?.unwrap_or(false);
    match (group, shared) {
        (Some(group), _) => Ok(Some(group.text.to_owned())),
        (None, Some(shared)) if is_shared => match &connection.consumer_id {
            Some(consumer) => Ok(Some(consumer.clone())),
            None => Err(shared.unusable("it needs `shareGroup` or `consumerID`")),
        },
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Invalid> {
        let pairs = pairs.iter().chain(&[("url", "mqtt://h")]);
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::read(&Properties::new(pairs.collect()), Flavour::Catena)
    }

    #[test]
    fn the_metadata_of_mqtt3_means_the_same() {
        let settings = read(&[
            ("consumerID", "orders"),
            ("qos", "2"),
            ("retain", "true"),
            ("cleanSession", "true"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.client_id.as_deref(), Some("orders"));
        assert_eq!(
            (settings.qos, settings.delivery.qos),
            (Qos::ExactlyOnce, Qos::ExactlyOnce)
        );
        assert!(settings.retain && settings.clean_session);
        assert!(settings.delivery.unsubscribe_on_close);
    }

    #[test]
    fn a_client_id_of_its_own_leaves_the_consumer_to_the_group() {
        let settings = read(&[
            ("consumerID", "orders"),
            ("clientId", "orders-1"),
            ("sharedSubscription", "true"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.client_id.as_deref(), Some("orders-1"));
        assert_eq!(settings.filter("a/+"), "$share/orders/a/+");
        assert_eq!(settings.filter("$share/g/a"), "$share/g/a");
    }

    #[test]
    fn a_subscription_has_its_own_rules_over_those_of_the_component() {
        let base = read(&[("maxRedeliveries", "2"), ("redeliveryBackoff", "50ms")]);
        let base = base.unwrap().delivery;
        let own = [
            ("qos", "0"),
            ("rawPayload", "true"),
            ("onFailure", "drop"),
            ("topicName", "subscription"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = base.overlaid(&Properties::new(own.into())).unwrap();
        assert_eq!(own.redeliveries_max, 2);
        assert_eq!(own.backoff_min, Duration::from_millis(50));
        assert_eq!(
            (own.qos, own.on_failure, own.raw),
            (Qos::AtMostOnce, OnFailure::Drop, true)
        );
        assert_eq!(own.topic_name, TopicName::Subscription);
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (name, value) in [
            ("qos", "3"),
            ("retain", "perhaps"),
            ("receiveMaximum", "0"),
            ("maxInFlight", "none"),
            ("retainHandling", "3"),
            ("onFailure", "cry"),
            ("topicName", "any"),
            ("deadLetterTopic", "a/#"),
            ("shareGroup", "a/b"),
            ("sharedSubscription", "true"),
            ("publishTimeout", "0"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
