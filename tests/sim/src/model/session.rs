//! A session as its client knows it: from the first CONNECT to the one that finds it gone.

use std::collections::BTreeMap;

use catena_mqtt::{Filter, Qos, RetainHandling, SubscriptionOptions};
use catena_types::Moment;

use super::{Message, MessageId, is_shared};

/// A session's place in the model.
pub(crate) type SessionNumber = usize;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) client: usize,
    /// When the client knew it to be over, or ended it.
    pub(crate) ended: Option<Moment>,
    /// When its first CONNACK came: then whatever the client had before is gone for the broker too.
    pub(crate) confirmed: Option<Moment>,
    /// CONNACKs received for it.
    pub(crate) connections: u32,
    /// All subscriptions, also those that are over.
    pub(crate) subscriptions: Vec<Subscription>,
    /// What came, in order; QoS 2 once each.
    pub(crate) received: BTreeMap<MessageId, Vec<Receipt>>,
    /// The highest message so far, by publisher, topic, QoS published and QoS delivered.
    pub(crate) newest: BTreeMap<(usize, String, Qos, Qos), MessageId>,
}

/// A subscription to one filter, by one SUBSCRIBE.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    /// The filter, with its share name if it has one.
    pub(crate) filter: String,
    /// How it was asked for.
    pub(crate) options: SubscriptionOptions,
    /// Its identifier.
    pub(crate) id: Option<u32>,
    /// When SUBSCRIBE was sent.
    pub(crate) asked: Moment,
    /// When SUBACK came.
    pub(crate) acked: Option<Moment>,
    /// When UNSUBSCRIBE, or a SUBSCRIBE in its place, was sent.
    pub(crate) end_asked: Option<Moment>,
    /// When that was acknowledged.
    pub(crate) end_acked: Option<Moment>,
    /// There surely was no such subscription before.
    pub(crate) is_surely_new: bool,
    /// There surely was one.
    pub(crate) is_surely_old: bool,
}

/// One delivery to the application.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    /// When.
    pub(crate) at: Moment,
    /// By which connection of the session, counted from 1.
    pub(crate) connection: u32,
    /// The QoS it came with.
    pub(crate) qos: Qos,
    /// RETAIN.
    pub(crate) retain: bool,
    /// DUP.
    pub(crate) dup: bool,
    /// Subscription identifiers.
    pub(crate) ids: Vec<u32>,
    /// What is left of its lifetime, in seconds.
    pub(crate) expiry_seconds: Option<u32>,
}

impl Session {
    /// A session that was asked for and has nothing yet.
    pub(crate) fn new(client: usize) -> Self {
        Self {
            client,
            ended: None,
            confirmed: None,
            connections: 0,
            subscriptions: Vec::new(),
            received: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }

    /// The subscriptions, also past ones, whose filter matches.
    pub(crate) fn matching<'s>(&'s self, topic: &'s str) -> impl Iterator<Item = &'s Subscription> {
        self.subscriptions
            .iter()
            .filter(move |subscription| subscription.matches(topic))
    }

    /// Whether a filter may be subscribed to now, and whether it surely is.
    pub(crate) fn standing(&self, filter: &str) -> (bool, bool) {
        let same = || self.subscriptions.iter().filter(|s| s.filter == filter);
        let may = same().any(|s| s.end_acked.is_none());
        let sure = same().any(|s| s.acked.is_some() && s.end_asked.is_none());
        (may, sure)
    }

    /// Copies of a message received so far.
    pub(crate) fn copies(&self, message: MessageId) -> &[Receipt] {
        self.received.get(&message).map_or(&[], Vec::as_slice)
    }
}

impl Subscription {
    /// Whether the filter matches a topic.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        let Ok(filter) = Filter::parse(&self.filter) else {
            return false;
        };
        filter.share.is_some() == is_shared(topic) && filter.matches(topic)
    }

    /// Whether it is shared.
    pub(crate) fn is_shared(&self) -> bool {
        self.filter.starts_with("$share/")
    }

    /// Whether it surely stood from before the message was sent until after it was acknowledged.
    pub(crate) fn surely_covers(&self, message: &Message) -> bool {
        let (Some(from), Some(until)) = (self.acked, message.acked) else {
            return false;
        };
        from < message.sent && self.end_asked.is_none_or(|end| end > until)
    }

    /// Whether it may have been there at some time from `since` on.
    pub(crate) fn may_stand_after(&self, since: Moment) -> bool {
        self.end_acked.is_none_or(|end| end >= since)
    }

    /// Whether it can have drawn retained messages.
    pub(crate) fn may_draw(&self) -> bool {
        match self.options.retain_handling {
            RetainHandling::Send => !self.is_shared(),
            RetainHandling::SendIfNew => !self.is_shared() && !self.is_surely_old,
            RetainHandling::DoNotSend => false,
        }
    }

    /// Whether it surely has.
    pub(crate) fn surely_draws(&self) -> bool {
        match self.options.retain_handling {
            RetainHandling::Send => !self.is_shared(),
            RetainHandling::SendIfNew => !self.is_shared() && self.is_surely_new,
            RetainHandling::DoNotSend => false,
        }
    }
}
