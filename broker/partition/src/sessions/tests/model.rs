//! A reference model of presence, takeover, wills and expiry: no generations, no timers, no
//! indices, time in whole seconds; and a comparison with the sessions after each random step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::steps::{CLIENTS, Frontends, Step, connection_step};
use super::*;

/// What a client's session is, as the standard tells it.
#[derive(Debug, Clone)]
struct Model {
    connection: Option<Connection>,
    /// When the connection went; of no meaning while there is one.
    left: u64,
    expiry: u64,
    will: Option<(u64, String)>,
}

#[derive(Debug, Clone, Default)]
struct Connection {
    waiting: Option<Wanted>,
}

/// A CONNECT.
#[derive(Debug, Clone)]
struct Wanted {
    request: u64,
    clean: bool,
    expiry: u64,
    will: Option<(u64, String)>,
}

/// What the clients and subscribers of wills see of a step.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Request number and session present; `None` for a connect that was replaced.
    answers: Vec<(u64, Option<bool>)>,
    /// Topics of wills, in alphabetical order.
    wills: Vec<String>,
    /// How many connections were told to close.
    closing: usize,
}

#[derive(Debug, Default)]
struct World {
    now: u64,
    requests: u64,
    clients: BTreeMap<usize, Model>,
}

impl World {
    fn run(&mut self, step: &Step) -> Seen {
        self.requests += 1;
        let mut seen = Seen::default();
        match *step {
            Step::Connect {
                client,
                clean_start,
                expiry_seconds,
                will_delay,
            } => {
                let request = self.requests;
                let will = will_delay.map(|d| (u64::from(d), Frontends::will_topic(request)));
                let expiry = interval(expiry_seconds);
                let wanted = Wanted {
                    request,
                    clean: clean_start,
                    expiry,
                    will,
                };
                self.connect(client, wanted, &mut seen);
            }
            Step::Disconnect {
                client,
                will,
                expiry_seconds,
            } => {
                self.leave(client, will, expiry_seconds.map(interval), &mut seen);
            }
            Step::Closed { client } => self.leave(client, WillFate::Publish, None, &mut seen),
            Step::Pass { seconds } => {
                self.now += seconds;
                (0..CLIENTS.len()).for_each(|client| self.settle(client, &mut seen));
            }
            Step::PassUnnoticed { seconds } => self.now += seconds,
            ref other => panic!("not a step of connections: {other:?}"),
        }
        seen.wills.sort();
        seen
    }

    fn connect(&mut self, client: usize, wanted: Wanted, seen: &mut Seen) {
        self.settle(client, seen);
        let connection = self
            .clients
            .get_mut(&client)
            .and_then(|m| m.connection.as_mut());
        let Some(connection) = connection else {
            return self.open(client, wanted, seen);
        };
        match connection.waiting.replace(wanted) {
            Some(replaced) => seen.answers.push((replaced.request, None)),
            None => seen.closing += 1,
        }
    }

    fn open(&mut self, client: usize, wanted: Wanted, seen: &mut Seen) {
        let mut old = self.clients.remove(&client);
        if wanted.clean {
            seen.wills.extend(
                old.take()
                    .and_then(|model| model.will)
                    .map(|(_, topic)| topic),
            );
        }
        seen.answers.push((wanted.request, Some(old.is_some())));
        let (expiry, will) = (wanted.expiry, wanted.will);
        let connection = Some(Connection::default());
        self.clients.insert(
            client,
            Model {
                connection,
                left: 0,
                expiry,
                will,
            },
        );
    }

    fn leave(&mut self, client: usize, fate: WillFate, expiry: Option<u64>, seen: &mut Seen) {
        let Some(model) = self.clients.get_mut(&client) else {
            return;
        };
        let Some(connection) = model.connection.take() else {
            return;
        };
        model.left = self.now;
        model.expiry = expiry.unwrap_or(model.expiry);
        if fate == WillFate::Forget {
            model.will = None;
        }
        self.settle(client, seen);
        if let Some(wanted) = connection.waiting {
            self.open(client, wanted, seen);
        }
    }

    /// Does what is due for a client without a connection.
    fn settle(&mut self, client: usize, seen: &mut Seen) {
        let Some(model) = self.clients.get_mut(&client) else {
            return;
        };
        if model.connection.is_some() {
            return;
        }
        let over = self.now - model.left >= model.expiry;
        let due = |(delay, _): &mut (u64, String)| over || self.now - model.left >= *delay;
        seen.wills
            .extend(model.will.take_if(due).map(|(_, topic)| topic));
        if over {
            self.clients.remove(&client);
        }
    }
}

fn interval(seconds: u32) -> u64 {
    if seconds == u32::MAX {
        u64::MAX
    } else {
        u64::from(seconds)
    }
}

fn seen(harness: &Harness, effects: &[Effect]) -> Seen {
    let answers = replies_in(effects)
        .into_iter()
        .filter_map(|(origin, reply)| {
            let Origin::Frontend(_, request) = origin else {
                return None;
            };
            match reply {
                Reply::Connected(connected) => Some((request, Some(connected.present))),
                Reply::Stale => Some((request, None)),
                _ => None,
            }
        });
    let mut wills = harness.published(effects);
    wills.sort();
    Seen {
        answers: answers.collect(),
        wills,
        closing: notices_in(effects).len(),
    }
}

proptest! {
    /// [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-8] [MQTT-3.1.2-10]
    /// [MQTT-3.1.3-9] [MQTT-3.1.4-3] [MQTT-4.1.0-2]
    #[test]
    fn sessions_do_what_the_model_does(
        steps in proptest::collection::vec(connection_step(), 0..80),
    ) {
        let mut harness = Harness::new();
        let mut frontends = Frontends::default();
        let mut world = World::default();
        for (i, step) in steps.iter().enumerate() {
            let effects = frontends.run(&mut harness, step);
            prop_assert_eq!(seen(&harness, &effects), world.run(step), "step {}: {:?}", i, step);
            let stats = harness.stats();
            prop_assert_eq!(stats.sessions, world.clients.len() as u64);
            let connected = world.clients.values().filter(|model| model.connection.is_some());
            prop_assert_eq!(stats.connected, connected.count() as u64);
        }
    }
}
