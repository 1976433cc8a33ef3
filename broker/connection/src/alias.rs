//! Topic aliases, both ways. They live as long as the connection [MQTT-3.3.2-7].

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use catena_mqtt::ReasonCode;

use crate::close::Failure;
use crate::{Settings, Topic};

/// The aliases that the client has set. Grows with what it sets, up to the listener's maximum.
#[derive(Debug, Default)]
pub(crate) struct InboundAliases(BTreeMap<NonZeroU16, Arc<str>>);

impl InboundAliases {
    /// The topic of a publish with this alias, and perhaps a topic name to remember it by.
    pub(crate) fn resolve<'a>(
        &mut self,
        settings: &Settings,
        alias: NonZeroU16,
        topic: &'a str,
    ) -> Result<Topic<'a>, Failure> {
        // [MQTT-3.2.2-17] [MQTT-3.2.2-18] [MQTT-3.3.2-9]
        if alias.get() > settings.topic_alias_maximum {
            let reason = ReasonCode::TopicAliasInvalid;
            return Err(Failure::new(reason, "topic alias above the maximum"));
        }
        if topic.is_empty() {
            let known = self
                .0
                .get(&alias)
                .map(|known| Topic::Shared(Arc::clone(known)));
            return known.ok_or(Failure::protocol("topic alias not set before"));
        }
        if self.0.get(&alias).is_none_or(|known| **known != *topic) {
            self.0.insert(alias, Arc::from(topic));
        }
        Ok(Topic::Borrowed(topic))
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The aliases that we have set: the first topics sent, as many as both sides allow.
#[derive(Debug)]
pub(crate) struct OutboundAliases {
    /// Hash and name; the alias is the index plus one.
    topics: Vec<(u32, Box<str>)>,
    maximum: u16,
    /// What was found last: deliveries come in runs of one topic.
    last: usize,
}

/// How a topic is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutboundAlias {
    /// By its name alone.
    None,
    /// By its name, with an alias for the next time.
    New(NonZeroU16),
    /// By its alias alone.
    Known(NonZeroU16),
}

impl OutboundAliases {
    pub(crate) const fn new(maximum: u16) -> Self {
        Self {
            topics: Vec::new(),
            maximum,
            last: 0,
        }
    }

    pub(crate) fn alias_of(&mut self, topic: &str) -> OutboundAlias {
        // An alias takes three bytes.
        if topic.len() <= 3 {
            return OutboundAlias::None;
        }
        if self
            .topics
            .get(self.last)
            .is_none_or(|(_, known)| **known != *topic)
        {
            let hash = hash(topic);
            let is_same = |known: &(u32, Box<str>)| known.0 == hash && *known.1 == *topic;
            match self.topics.iter().position(is_same) {
                Some(index) => self.last = index,
                None => {
                    return self
                        .next_alias()
                        .map_or(OutboundAlias::None, OutboundAlias::New);
                }
            }
        }
        number(self.last).map_or(OutboundAlias::None, OutboundAlias::Known)
    }

    /// A packet with a new alias for `topic` has been written [MQTT-3.3.2-11].
    pub(crate) fn set(&mut self, topic: &str) {
        self.last = self.topics.len();
        self.topics.push((hash(topic), Box::from(topic)));
    }

    fn next_alias(&self) -> Option<NonZeroU16> {
        number(self.topics.len()).filter(|alias| alias.get() <= self.maximum)
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn is_within_maximum(&self) -> bool {
        self.topics.len() <= usize::from(self.maximum)
    }
}

/// The alias at an index.
fn number(index: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(index + 1).ok()?)
}

/// FNV-1a. Whoever finds collisions only makes one bounded table slow to search.
fn hash(topic: &str) -> u32 {
    topic.bytes().fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
