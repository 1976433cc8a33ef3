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
}

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
        self.next += 1;
        self.all.insert(self.next, subscription);
        Ok(self.next)
    }

    pub(crate) fn remove(&mut self, id: usize) -> Option<Subscription> {
        self.all.remove(&id)
    }

    pub(crate) fn find(&mut self, id: usize) -> Option<&mut Subscription> {
        self.all.get_mut(&id)
    }

    /// Those that a broker with a new session does not have, and with the old one, in the order in
    /// which they were asked for.
    pub(crate) fn missing(&mut self, session_present: bool) -> Vec<usize> {
        if !session_present {
            for subscription in self.all.values_mut() {
                subscription.granted = false;
            }
        }
        let missing = self.all.iter().filter(|(_, it)| !it.granted);
        missing.map(|(id, _)| *id).collect()
    }

    /// The streams that a message is for: those whose filter matches. The broker may send one copy
    /// for each subscription; then the copy's identifiers say which. Identifiers alone would not
    /// do: those of an earlier process may come with an old session.
    pub(crate) fn route(&self, topic: &str, identifiers: &[usize]) -> Vec<usize> {
        let matching = self.all.iter();
        let matching = matching.filter(|(_, it)| topic::matches(&it.subscribe.filter, topic));
        let mut ids: Vec<usize> = matching.map(|(id, _)| *id).collect();
        if ids.iter().any(|id| identifiers.contains(id)) {
            ids.retain(|id| identifiers.contains(id));
        }
        ids
    }

    /// Ends all streams.
    pub(crate) fn end(&mut self, error: &Error) {
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
        }
    }

    #[test]
    fn identifiers_tell_copies_apart_and_nothing_else() {
        let mut all = Subscriptions::default();
        let [wide, narrow, other] =
            ["a/#", "a/b", "c"].map(|filter| all.add(subscription(filter)).unwrap());
        assert_eq!(all.route("a/b", &[]), [wide, narrow]);
        assert_eq!(all.route("a/b", &[wide]), [wide]);
        assert_eq!(all.route("a/b", &[wide, narrow]), [wide, narrow]);
        // An identifier of an earlier process.
        assert_eq!(all.route("a/c", &[other]), [wide]);
        assert_eq!(all.route("d", &[wide]), Vec::<usize>::new());
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
