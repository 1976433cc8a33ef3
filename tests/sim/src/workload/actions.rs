//! What a client does next.

use catena_mqtt::{Qos, RetainHandling, SubscriptionOptions};

use super::{FILTERS, Profile, SHARED_FILTERS, SHARED_TOPICS, TOPICS};
use crate::client::Farewell;
use crate::model::{SHARE_GROUPS, Terms};
use crate::rng::Rng;
use crate::time::ms;

/// One thing that a client does, if it can.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Nothing.
    Idle,
    /// Connects, if it is offline.
    Connect {
        /// With a new session.
        clean: bool,
    },
    /// Publishes these.
    Publish(Vec<Terms>),
    /// Asks something of the state store.
    Call,
    /// Subscribes to these, with one identifier.
    Subscribe(Vec<(String, SubscriptionOptions)>, Option<u32>),
    /// Unsubscribes from these.
    Unsubscribe(Vec<String>),
    /// Does not read for a while.
    Pause(std::time::Duration),
    /// Says goodbye.
    Disconnect(Farewell),
    /// Closes its socket without a word.
    Hang,
    /// The network between it and the broker is cut.
    Cut,
    /// Connects again without closing the old connection.
    Again {
        /// With a new session.
        clean: bool,
    },
    /// Loses its memory.
    Restart,
}

/// Draws actions, a stream of numbers per client.
#[derive(Debug)]
pub(crate) struct Script {
    rng: Rng,
    index: usize,
    is_v5: bool,
    subscription_id: u32,
}

impl Script {
    /// The script of a client.
    pub(crate) fn new(seed: u64, index: usize, profile: &Profile) -> Self {
        Self {
            rng: Rng::new(seed, &format!("script-{index}")),
            index,
            is_v5: profile.clients[index].version.is_v5(),
            subscription_id: 0,
        }
    }

    /// How long until the next action.
    pub(crate) fn pause(&mut self, profile: &Profile) -> std::time::Duration {
        ms(self.rng.between(1, profile.pause_ms * 2))
    }

    /// What an offline client does.
    pub(crate) fn offline(&mut self) -> Action {
        if self.rng.percent(60) {
            let clean = self.rng.one_in(10);
            Action::Connect { clean }
        } else {
            Action::Idle
        }
    }

    /// What a connected client does.
    pub(crate) fn connected(&mut self, profile: &Profile) -> Action {
        let trouble = profile.roughness * 4;
        if self.rng.percent(trouble) {
            return self.trouble();
        }
        if profile.store && self.rng.percent(70) {
            return Action::Call;
        }
        match self.rng.below(100) {
            0..50 => self.publish(profile),
            50..65 => self.subscribe(),
            65..70 => self.unsubscribe(),
            70..73 => Action::Pause(ms(self.rng.between(100, 3_000))),
            73..75 => Action::Disconnect(self.farewell()),
            _ => Action::Idle,
        }
    }

    fn trouble(&mut self) -> Action {
        let clean = self.rng.one_in(8);
        match self.rng.below(10) {
            0..4 => Action::Cut,
            4..6 => Action::Hang,
            6..9 => Action::Again { clean },
            _ => Action::Restart,
        }
    }

    fn farewell(&mut self) -> Farewell {
        match self.rng.below(4) {
            0 => Farewell::WithWill,
            1 => Farewell::WithExpiry(*self.rng.pick(&[0, 3, 10_000])),
            _ => Farewell::Normal,
        }
    }

    fn publish(&mut self, profile: &Profile) -> Action {
        let topics = if self.rng.one_in(4) {
            SHARED_TOPICS
        } else {
            TOPICS
        };
        // In runs, as clients do.
        let mut topic = *self.rng.pick(topics);
        let count = self.rng.between(1, 6);
        let terms = (0..count).map(|_| {
            if self.rng.one_in(3) {
                topic = *self.rng.pick(topics);
            }
            let retain = !crate::model::is_shared(topic) && self.rng.one_in(4);
            let clears = retain && self.rng.one_in(6);
            Terms {
                topic: topic.to_owned(),
                qos: self.qos(),
                retain,
                size: if clears {
                    0
                } else {
                    self.rng.between(8, profile.payload_bytes_max) as usize
                },
                expiry_seconds: (self.is_v5 && self.rng.one_in(10))
                    .then(|| self.rng.between(1, 8) as u32),
            }
        });
        Action::Publish(terms.collect())
    }

    fn qos(&mut self) -> Qos {
        *self.rng.pick(&[
            Qos::AtMostOnce,
            Qos::AtLeastOnce,
            Qos::AtLeastOnce,
            Qos::ExactlyOnce,
            Qos::ExactlyOnce,
        ])
    }

    fn subscribe(&mut self) -> Action {
        let count = self.rng.between(1, 3);
        let mut filters: Vec<(String, SubscriptionOptions)> = Vec::new();
        for _ in 0..count {
            let (filter, options) = if self.rng.one_in(4) {
                self.shared()
            } else {
                self.plain()
            };
            if filters.iter().all(|(other, _)| *other != filter) {
                filters.push((filter, options));
            }
        }
        let id = (self.is_v5 && self.rng.one_in(2)).then(|| {
            self.subscription_id += 1;
            self.subscription_id
        });
        Action::Subscribe(filters, id)
    }

    fn plain(&mut self) -> (String, SubscriptionOptions) {
        let mut options = SubscriptionOptions {
            qos: self.qos(),
            ..SubscriptionOptions::default()
        };
        if self.is_v5 {
            options.no_local = self.rng.one_in(6);
            options.retain_as_published = self.rng.one_in(3);
            options.retain_handling = *self.rng.pick(&[
                RetainHandling::Send,
                RetainHandling::Send,
                RetainHandling::SendIfNew,
                RetainHandling::DoNotSend,
            ]);
        }
        ((*self.rng.pick(FILTERS)).to_owned(), options)
    }

    fn shared(&mut self) -> (String, SubscriptionOptions) {
        let options = SubscriptionOptions {
            qos: *self.rng.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce]),
            ..SubscriptionOptions::default()
        };
        // Whole groups have one filter: with two, a message would come once for each.
        let group = self.index % SHARE_GROUPS;
        let filter = SHARED_FILTERS[group % SHARED_FILTERS.len()];
        (format!("$share/group-{group}/{filter}"), options)
    }

    fn unsubscribe(&mut self) -> Action {
        let filter = if self.rng.one_in(8) {
            self.shared().0
        } else {
            self.plain().0
        };
        Action::Unsubscribe(vec![filter])
    }
}
