//! What can be asked of the routing table, and what is answered.

use catena_types::{RoutingVersion, SessionId};

use catena_mqtt::Qos;

/// A change of the routing table, asked for by the partition that owns the session.
#[derive(Debug, Clone, Copy)]
pub enum Command<'a> {
    /// The filters of one SUBSCRIBE that were authorized.
    Subscribe {
        /// Whose subscriptions.
        session: SessionId,
        /// The Subscription Identifier of the SUBSCRIBE, in `1..=`[`crate::SUBSCRIPTION_ID_MAX`].
        subscription_id: Option<u32>,
        /// What is subscribed to, in the order of the packet.
        filters: &'a [FilterRequest<'a>],
    },
    /// The filters of one UNSUBSCRIBE.
    Unsubscribe {
        /// Whose subscriptions.
        session: SessionId,
        /// What is no longer subscribed to, in the order of the packet.
        filters: &'a [&'a str],
    },
    /// The session has ended, and all its subscriptions with it.
    EndSession {
        /// Which one.
        session: SessionId,
    },
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy)]
pub struct FilterRequest<'a> {
    /// The filter as the client wrote it, with `$share/name/` if it is shared.
    pub filter: &'a str,
    /// What goes with it.
    pub options: SubscriptionOptions,
}

/// The options of a subscription that matter whenever a message matches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The maximum QoS that was granted.
    pub qos: Qos,
    /// What the session itself publishes does not match [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Messages keep the retain flag they were published with [MQTT-3.3.1-13].
    pub retain_as_published: bool,
}

/// What an applied command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The version of the table from this command on.
    pub version: RoutingVersion,
    /// Whose subscriptions changed.
    pub session: SessionId,
    /// One for each filter of the command, in its order; of an ended session, one for each
    /// subscription it had, in an order that depends on nothing but the filters.
    pub filters: Vec<FilterOutcome>,
}

/// What happened to one filter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterOutcome {
    /// Which topics it can match, so which partitions it concerns.
    pub reach: Reach,
    /// What became of the subscription.
    pub change: Change,
}

/// The topics that a filter can match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// None: the filter was refused as invalid.
    Nothing,
    /// Topics in any partition: the filter has a wildcard.
    All,
    /// This topic only.
    Topic(Box<str>),
}

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// There was none with this filter before.
    New,
    /// It took the place of the one with the same filter [MQTT-3.8.4-3] [MQTT3-3.8.4-3].
    Replaced,
    /// It is gone.
    Removed,
    /// There was none to remove; UNSUBACK says so with 0x11 [MQTT-3.11.3-2].
    Absent,
    /// Nothing changed.
    Refused(Refusal),
}

/// Why a filter was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The text is no topic filter, or the subscription identifier is out of range.
    Invalid,
    /// The table holds [`crate::SUBSCRIPTIONS_MAX`] subscriptions.
    Full,
}
