//! The streams of a client, and which of them a message is for.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot};

use crate::{Error, Message, Qos, Reason, Subscribe, topic};

/// Where the answer to a subscription goes.
pub(crate) type Answer = oneshot::Sender<Result<Stream, Error>>;

/// What a stream of messages is made of. Dropping the receiver alone tells nobody; the guard does.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) receiver: mpsc::Receiver<Message>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) guard: Guard,
    pub(crate) granted: Qos,
}

/// Ends a subscription when dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) id: usize,
    pub(crate) shared: std::sync::Arc<super::Shared>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.drop_stream(self.id);
    }
}

/// The subscriptions, by subscription identifier.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<usize, Subscription>,
    next: usize,
    /// Those that were ended here in this session: their filters, and whether each was asked for
    /// with its identifier. A broker may still send what it had for them.
    ended: BTreeMap<usize, (String, bool)>,
    /// The session has subscriptions of an earlier process, whose identifiers nobody knows.
    is_inherited: bool,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) subscribe: Subscribe,
    pub(crate) sender: mpsc::Sender<Message>,
    /// Messages at QoS 0 that found no room.
    pub(crate) lost: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// Who asked for it, and what to give; until SUBACK.
    pub(crate) waiting: Option<(Answer, mpsc::Receiver<Message>)>,
    /// The broker has it.
    pub(crate) granted: bool,
    /// It was asked for with its identifier.
    pub(crate) is_identified: bool,
}

/// What an old one had queued comes soon or never.
const ENDED_MAX: usize = 256;

impl Subscriptions {
    /// Adds one.
    ///
    /// # Errors
    ///
    /// A second one for a filter: the session would have only one, and the first stream nothing.
    pub(crate) fn add(&mut self, subscription: Subscription) -> Result<usize, Subscription> {
        let filter = &subscription.subscribe.filter;
        if self
            .all
            .values()
            .any(|other| other.subscribe.filter == *filter)
        {
            return Err(subscription);
        }
        self.ended.retain(|_, (ended, _)| ended != filter);
        self.next += 1;
        self.all.insert(self.next, subscription);
        Ok(self.next)
    }

    /// Takes one out whose stream has gone.
    pub(crate) fn end(&mut self, id: usize) -> Option<Subscription> {
        let subscription = self.all.remove(&id)?;
        let filter = subscription.subscribe.filter.clone();
        self.ended.insert(id, (filter, subscription.is_identified));
        while self.ended.len() > ENDED_MAX {
            self.ended.pop_first();
        }
        Some(subscription)
    }

    /// Whether a message that no stream is for can only have come for one that has ended. In a
    /// session with subscriptions that nobody knows here, it may as well be for one of these, and
    /// so may its identifiers.
    pub(crate) fn is_left_over(&self, topic: &str, identifiers: &[usize]) -> bool {
        let is_of = |(id, (filter, is_identified)): (&usize, &(String, bool))| {
            topic::matches(filter, topic) && (!is_identified || identifiers.contains(id))
        };
        !self.is_inherited && self.ended.iter().any(is_of)
    }

    pub(crate) fn remove(&mut self, id: usize) -> Option<Subscription> {
        self.all.remove(&id)
    }

    pub(crate) fn find(&mut self, id: usize) -> Option<&mut Subscription> {
        self.all.get_mut(&id)
    }

    pub(crate) fn matches(&self, id: usize, topic: &str) -> bool {
        let subscription = self.all.get(&id);
        subscription.is_some_and(|it| topic::matches(&it.subscribe.filter, topic))
    }

    /// The broker has a session that an earlier process has left.
    pub(crate) fn inherit_session(&mut self) {
        self.is_inherited = true;
    }

    /// Decides whether a subscription is asked for with its identifier.
    ///
    /// A broker that sends one copy for several subscriptions names the identifiers of all in it
    /// [MQTT-3.3.4-4]. `rumqttc` misreads a message with two: properties end up in the payload. So
    /// subscriptions that overlap do not both have one, and none has one in a session with others
    /// that nobody knows here. Messages of shared subscriptions are never merged with others, and
    /// only their identifiers tell them apart.
    pub(crate) fn identify(&mut self, id: usize, has_identifiers: bool) -> bool {
        let Some(Subscription { subscribe, .. }) = self.all.get(&id) else {
            return false;
        };
        let is_merged_with = |other: &Subscription| {
            other.is_identified
                && !other.subscribe.is_shared()
                && topic::overlap(&other.subscribe.filter, &subscribe.filter)
        };
        let mut others = self.all.iter().filter(|(other, _)| **other != id);
        let is_alone = !self.is_inherited && !others.any(|(_, other)| is_merged_with(other));
        let is_identified = has_identifiers && (subscribe.is_shared() || is_alone);
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.is_identified = is_identified;
        }
        is_identified
    }

    /// Those that a broker with a new session does not have, and with the old one, in the order in
    /// which they were asked for.
    pub(crate) fn missing(&mut self, session_present: bool) -> Vec<usize> {
        if !session_present {
            self.is_inherited = false;
            self.ended.clear();
            for subscription in self.all.values_mut() {
                subscription.granted = false;
                subscription.is_identified = false;
            }
        }
        let missing = self.all.iter().filter(|(_, it)| !it.granted);
        missing.map(|(id, _)| *id).collect()
    }

    /// The streams that a message is for, of those whose filter matches. Identifiers alone would
    /// not do: those of an earlier process may come with an old session.
    ///
    /// A message that names a stream is for that one; and for those without an identifier, since
    /// it is taken for the only copy. Not so if it came by a shared subscription, or was retained:
    /// those are copies for one subscription. (A retain flag means nothing if a stream asked for
    /// it as published: one copy for all has it then.)
    ///
    /// A message that names none is for streams without an identifier; or for all, if there are
    /// none: an earlier process may have subscribed.
    ///
    /// A broker may as well send a copy for each subscription. The one that names a stream cannot
    /// be told from an only copy, nor the others from each other: then streams that overlap get
    /// some messages more than once, and none is lost.
    pub(crate) fn route(&self, topic: &str, retain: bool, identifiers: &[usize]) -> Vec<usize> {
        let matching = self.all.iter();
        let matching = matching.filter(|(_, it)| topic::matches(&it.subscribe.filter, topic));
        let mut streams: Vec<(&usize, &Subscription)> = matching.collect();
        let is_named = |id: &usize, it: &Subscription| it.is_identified && identifiers.contains(id);
        if streams.iter().any(|(id, it)| is_named(id, it)) {
            let is_plain = |it: &Subscription| !it.subscribe.is_shared();
            let is_merged = { streams.iter() }.any(|(id, it)| is_named(id, it) && is_plain(it));
            let keeps_flag = { streams.iter() }.any(|(_, it)| it.subscribe.retain_as_published);
            let is_for_all = is_merged && (!retain || keeps_flag);
            streams.retain(|(id, it)| {
                is_named(id, it) || is_for_all && is_plain(it) && !it.is_identified
            });
        } else if streams.iter().any(|(_, it)| !it.is_identified) {
            streams.retain(|(_, it)| !it.is_identified);
        }
        streams.into_iter().map(|(id, _)| *id).collect()
    }

    /// Ends all streams.
    pub(crate) fn end_all(&mut self, error: &Error) {
        for subscription in std::mem::take(&mut self.all).into_values() {
            if let Some((answer, _)) = subscription.waiting {
                // Whoever asked may have stopped waiting.
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

/// What the broker granted, from the code of SUBACK.
pub(crate) fn granted(reason: Reason) -> Result<Qos, Reason> {
    match reason.code() {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        2 => Ok(Qos::ExactlyOnce),
        _ => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(filter: &str) -> Subscription {
        Subscription {
            subscribe: Subscribe::to(filter),
            sender: mpsc::channel(1).0,
            lost: std::sync::Arc::default(),
            waiting: None,
            granted: false,
            is_identified: false,
        }
    }

    /// Subscriptions that are asked for one after the other, and which have identifiers.
    fn asked<const N: usize>(
        subscribes: [Subscribe; N],
        has_identifiers: bool,
    ) -> (Subscriptions, [usize; N], [bool; N]) {
        let mut all = Subscriptions::default();
        let ids = subscribes.map(|subscribe| {
            let filter = subscribe.filter.clone();
            let subscription = Subscription {
                subscribe,
                ..subscription(&filter)
            };
            all.add(subscription).unwrap()
        });
        let identified = ids.map(|id| all.identify(id, has_identifiers));
        (all, ids, identified)
    }

    #[test]
    fn of_subscriptions_that_overlap_one_has_an_identifier() {
        let filters = ["a/#", "a/b", "c", "+/b", "$share/g/a/b", "$share/h/a/b"];
        let (mut all, ids, identified) = asked(filters.map(Subscribe::to), true);
        assert_eq!(identified, [true, false, true, false, true, true]);
        // Asked for again on the next connection: the same.
        assert_eq!(ids.map(|id| all.identify(id, true)), identified);
        // Who had it is gone: the next one that is asked for may have it.
        all.remove(ids[0]);
        let next = all.add(subscription("a/+")).unwrap();
        assert!(all.identify(next, true));
        // A new session has none, until they are asked for.
        all.missing(false);
        assert!(all.identify(ids[1], true) && !all.identify(next, true));

        let (_, _, identified) = asked(filters.map(Subscribe::to), false);
        assert_eq!(identified, [false; 6]);
    }

    #[test]
    fn an_inherited_session_lets_only_shared_subscriptions_have_identifiers() {
        let (mut all, ids, _) = asked(["a", "$share/g/a"].map(Subscribe::to), true);
        all.inherit_session();
        assert_eq!(all.missing(true), ids);
        assert_eq!(ids.map(|id| all.identify(id, true)), [false, true]);
        // The session was lost, and with it what was inherited.
        assert_eq!(all.missing(false), ids);
        assert_eq!(ids.map(|id| all.identify(id, true)), [true, true]);
    }

    #[test]
    fn a_message_is_for_the_stream_it_names_and_for_those_without_a_name() {
        let filters = ["a/#", "a/b", "c", "a/+", "$share/g/a/b"];
        let (all, [wide, narrow, other, level, shared], _) =
            asked(filters.map(Subscribe::to), true);
        assert_eq!(all.route("a/b", false, &[wide]), [wide, narrow, level]);
        assert_eq!(all.route("a/b/c", false, &[wide]), [wide]);
        assert_eq!(all.route("a/b", false, &[shared]), [shared]);
        assert_eq!(
            all.route("a/b", false, &[wide, shared]),
            [wide, narrow, level, shared]
        );
        // It names none: a copy for those that have no name.
        assert_eq!(all.route("a/b", false, &[]), [narrow, level]);
        // Nor does the identifier of an earlier process, or of a stream that has gone.
        assert_eq!(all.route("a/b", false, &[narrow]), [narrow, level]);
        assert_eq!(all.route("a/b", false, &[other]), [narrow, level]);
        assert_eq!(all.route("a/b/c", false, &[other]), [wide]);
        assert_eq!(all.route("d", false, &[wide]), Vec::<usize>::new());
    }

    #[test]
    fn a_retained_message_is_for_the_stream_it_names_unless_one_keeps_the_flag() {
        let (all, [wide, narrow], _) = asked(["a/#", "a/b"].map(Subscribe::to), true);
        assert_eq!(all.route("a/b", true, &[wide]), [wide]);
        assert_eq!(all.route("a/b", true, &[]), [narrow]);

        let keeping = Subscribe::to("a/b").retain_as_published();
        let (all, [wide, narrow], _) = asked([Subscribe::to("a/#"), keeping], true);
        assert_eq!(all.route("a/b", true, &[wide]), [wide, narrow]);
    }

    #[test]
    fn without_identifiers_a_message_is_for_all_that_match() {
        let filters = ["a/#", "a/b", "c", "$share/g/a/b"];
        let (all, [wide, narrow, _, shared], _) = asked(filters.map(Subscribe::to), false);
        assert_eq!(all.route("a/b", false, &[]), [wide, narrow, shared]);
        assert_eq!(all.route("a/b", false, &[wide]), [wide, narrow, shared]);
    }

    #[test]
    fn a_new_session_lacks_all_and_an_old_one_what_was_not_granted() {
        let mut all = Subscriptions::default();
        let [first, second] = ["a", "b"].map(|filter| all.add(subscription(filter)).unwrap());
        assert!(all.add(subscription("a")).is_err());
        all.find(first).unwrap().granted = true;
        assert_eq!(all.missing(true), [second]);
        assert_eq!(all.missing(false), [first, second]);
        assert_eq!(all.missing(true), [first, second]);
    }
}
