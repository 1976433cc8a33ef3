//! What a partition asks of other chains. An ask stays in the state until it is `Done`, so that a
//! new tail can send it again.

use std::sync::Arc;

use catena_mqtt::{PacketId, Qos};
use catena_types::SessionId;

use crate::{Attachment, Origin, Publish, Replay};

/// An ask in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What is asked; shared with whoever carries it out.
    pub what: Arc<Asked>,
    /// What to do with the outcome.
    pub then: Then,
}

/// What another chain is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// `partition(topic)`: publish a will or a QoS 2 message.
    Publish(OwnedPublish),
    /// The routing chain, then every partition concerned.
    Subscribe {
        /// The session.
        session: SessionId,
        /// Where its connection is.
        attachment: Attachment,
        /// The subscription identifier.
        subscription_id: Option<u32>,
        /// The filters.
        filters: Vec<OwnedFilter>,
    },
    /// The routing chain, then every partition concerned.
    Unsubscribe {
        /// The session.
        session: SessionId,
        /// The filters.
        filters: Vec<Box<str>>,
    },
    /// The routing chain, then every partition where the session had something.
    EndSession {
        /// The session.
        session: SessionId,
    },
}

/// What happens when an ask is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The requester gets the outcome as the reply.
    Answer(Origin),
    /// A QoS 2 message is with its topic: PUBREC to whoever sent it last.
    Received {
        /// The publishing session; it knows who waits.
        session: SessionId,
        /// The client's packet ID.
        packet_id: PacketId,
    },
}

/// A filter of [`Asked::Subscribe`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedFilter {
    /// The filter as sent.
    pub filter: Box<str>,
    /// The granted QoS.
    pub qos: Qos,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Retain Handling.
    pub replay: Replay,
    /// Set if the frontend refused this filter.
    pub refused: Option<catena_mqtt::ReasonCode>,
}

/// A message that a partition keeps for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedPublish {
    /// The topic name.
    pub topic: Box<str>,
    /// The QoS.
    pub qos: Qos,
    /// The RETAIN flag.
    pub retain: bool,
    /// The message expiry interval in seconds.
    pub expiry_seconds: Option<u32>,
    /// The encoded properties that are passed on unchanged.
    pub properties: Box<[u8]>,
    /// The payload.
    pub payload: Box<[u8]>,
    /// The publishing session.
    pub publisher: SessionId,
}

impl OwnedPublish {
    /// A copy of a borrowed message.
    pub fn copy(publish: &Publish<'_>) -> Self {
        Self {
            topic: publish.topic.into(),
            qos: publish.qos,
            retain: publish.retain,
            expiry_seconds: publish.expiry_seconds,
            properties: publish.properties.concat().into(),
            payload: publish.payload.into(),
            publisher: publish.publisher,
        }
    }

    /// The borrowed form.
    pub fn borrow(&self) -> Publish<'_> {
        Publish {
            topic: &self.topic,
            qos: self.qos,
            retain: self.retain,
            expiry_seconds: self.expiry_seconds,
            properties: [&self.properties, &[], &[]],
            payload: &self.payload,
            publisher: self.publisher,
            random: 0,
        }
    }

    /// Bytes of memory that it stands for, by the partition's accounting.
    pub fn bytes(&self) -> u64 {
        (self.topic.len() + self.properties.len() + self.payload.len()) as u64 + 64
    }
}
