//! What enters a partition's log.

use catena_hlc::Millis;
use catena_mqtt::{Qos, ReasonCode};
use catena_types::{RoutingVersion, SessionId};

use crate::{Attachment, Origin, Publish, Request, StoreRequest, Subscribed};

/// A command with the requester who waits for its answer.
#[derive(Debug, Clone)]
pub struct Command<'a> {
    /// Who is answered.
    pub origin: Origin,
    /// What is asked.
    pub what: What<'a>,
}

/// The commands. Those of [`Request`] enter the log as they came; the head makes the others.
#[derive(Debug, Clone)]
pub enum What<'a> {
    /// A request that needs nothing from the head but its place in the log.
    Request(&'a Request<'a>),
    /// A message; the topic's recipients are those of the last `Recipients`.
    Publish(&'a Publish<'a>),
    /// The recipients of a topic from here on, as the head has matched them.
    Recipients {
        /// The topic name.
        topic: &'a str,
        /// The result of matching.
        recipients: &'a RecipientList,
    },
    /// The head no longer keeps the recipients of a topic.
    Forget {
        /// The topic name.
        topic: &'a str,
    },
    /// Changes of the routing table that concern this partition, up to a version.
    Routing {
        /// The version reached.
        version: RoutingVersion,
        /// The changes since the last such entry, in order.
        changes: &'a [RoutingChange],
    },
    /// Another chain has done what was asked of it.
    Done {
        /// The number of the ask.
        ask: u64,
        /// What came of it.
        outcome: AskOutcome,
    },
    /// A session that may have no subscription here is about to ask something of the state store:
    /// what there is for it goes to this connection.
    Attach {
        /// The session.
        session: SessionId,
        /// Where its connection is.
        attachment: Attachment,
    },
    /// A request to the state store.
    Store {
        /// What is asked.
        request: &'a StoreRequest<'a>,
        /// The head's wall time.
        wall: Millis,
    },
    /// How much this partition may hold from here on: the node's partitions share its memory, and
    /// the head knows what it has of it.
    Allow {
        /// Of what.
        held: Held,
        /// Bytes, by the partition's accounting.
        bytes: u64,
    },
    /// A timer is due.
    Tick {
        /// The head's wall time.
        wall: Millis,
    },
}

/// What takes a node's memory, each with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Queued and retained messages.
    Messages,
    /// Entries of the state store.
    Entries,
}

/// Who gets the messages of a topic: the result of one match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientList {
    /// Plain subscriptions, merged per session, ascending by session.
    pub recipients: Vec<Recipient>,
    /// Share groups with a matching filter, ascending by group text.
    pub groups: Vec<GroupRecipient>,
    /// The subscription identifiers that the others point into.
    pub ids: Vec<u32>,
}

/// A run of subscription identifiers in [`RecipientList::ids`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdRun {
    /// The first.
    pub start: u32,
    /// How many.
    pub count: u32,
}

/// A session with at least one matching plain subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// The session.
    pub session: SessionId,
    /// The highest granted QoS [MQTT-3.3.4-2].
    pub qos: Qos,
    /// Whether RETAIN goes through as published.
    pub retain_as_published: bool,
    /// The identifiers of all its matching subscriptions [MQTT-3.3.4-4].
    pub ids: IdRun,
    /// How its own publishes are treated [MQTT-3.8.3-3].
    pub own: Own,
}

/// What a session gets of its own publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// The same as of any other.
    Same,
    /// Nothing: all its matching subscriptions have No Local.
    Excluded,
    /// What its subscriptions without No Local give.
    Only {
        /// Their highest QoS.
        qos: Qos,
        /// Their Retain As Published.
        retain_as_published: bool,
        /// Their identifiers.
        ids: IdRun,
    },
}

/// A share group with a matching filter. Its members were told by `Routing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRecipient {
    /// The whole filter as subscribed: `$share/name/filter`.
    pub filter: Box<str>,
}

/// One change of the routing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingChange {
    /// A subscription that this partition's topics can match.
    Subscribed {
        /// The session.
        session: SessionId,
        /// The filter as sent, with `$share/…` if it is shared.
        filter: Box<str>,
        /// The granted QoS.
        qos: Qos,
        /// Retain As Published.
        retain_as_published: bool,
        /// The subscription identifier.
        subscription_id: Option<u32>,
        /// Whether retained messages are to be replayed from here.
        replay: bool,
        /// Where the session's connection is.
        attachment: Attachment,
    },
    /// A subscription that is gone.
    Unsubscribed {
        /// The session.
        session: SessionId,
        /// The filter as it was subscribed.
        filter: Box<str>,
    },
    /// A session that is gone with everything it had here.
    Ended {
        /// The session.
        session: SessionId,
        /// Its filters that could match here, for invalidation.
        filters: Box<[Box<str>]>,
    },
}

/// What came of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskOutcome {
    /// The topic's partition has (or refuses) the message.
    Published(ReasonCode),
    /// The routing table and every partition concerned have the subscriptions.
    Subscribed(Box<Subscribed>),
    /// The routing table and every partition concerned have dropped the subscriptions.
    Unsubscribed {
        /// UNSUBACK codes in the order of the filters.
        codes: Box<[ReasonCode]>,
    },
    /// The session's subscriptions and queues are gone.
    Ended,
}
