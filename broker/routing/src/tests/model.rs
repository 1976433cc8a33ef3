//! Random commands against a table that is a plain list of subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use catena_mqtt::topic::matches;
use proptest::prelude::*;

use super::*;
use crate::Own;
use catena_types::{Machine, Reader};

/// What a client asks for.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Subscribe(u32, String, SubscriptionOptions, Option<u32>),
    Unsubscribe(u32, String),
    End(u32),
}

fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("a"), 2 => Just("b"), 1 => Just(""), 1 => Just("$x"), 1 => Just("ab")]
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5).prop_map(|levels| levels.join("/"))
}

fn filter() -> impl Strategy<Value = String> {
    let any_level = prop_oneof![3 => level(), 1 => Just("+")];
    let levels = prop::collection::vec(any_level, 0..5);
    let share = prop_oneof![3 => Just(""), 1 => Just("$share/g/"), 1 => Just("$share/h/")];
    let parts = (share, levels, any::<bool>());
    parts.prop_filter_map("no filter", |(share, mut levels, under)| {
        levels.extend(under.then_some("#"));
        let filter = levels.join("/");
        (!filter.is_empty()).then(|| format!("{share}{filter}"))
    })
}

fn options() -> impl Strategy<Value = SubscriptionOptions> {
    let qos = prop_oneof![
        Just(Qos::AtMostOnce),
        Just(Qos::AtLeastOnce),
        Just(Qos::ExactlyOnce)
    ];
    (qos, any::<bool>(), any::<bool>()).prop_map(|(qos, no_local, retain_as_published)| {
        SubscriptionOptions {
            qos,
            no_local,
            retain_as_published,
        }
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let number = || 0..4u32;
    let id = prop::option::of(1..4u32);
    prop_oneof![
        6 => (number(), filter(), options(), id)
            .prop_map(|(number, filter, options, id)| Step::Subscribe(number, filter, options, id)),
        4 => (number(), filter()).prop_map(|(number, filter)| Step::Unsubscribe(number, filter)),
        1 => number().prop_map(Step::End),
    ]
}

pub(super) fn apply(routing: &mut Routing, step: &Step) -> Outcome {
    match step {
        Step::Subscribe(number, filter, options, id) => {
            subscribe_with(routing, *number, filter, *options, *id)
        }
        Step::Unsubscribe(number, filter) => unsubscribe(routing, *number, filter),
        Step::End(number) => end(routing, *number),
    }
}

/// All subscriptions: by session and filter text.
#[derive(Debug, Default)]
struct Model(BTreeMap<(u32, String), (SubscriptionOptions, Option<u32>)>);

impl Model {
    fn apply(&mut self, step: &Step) -> Vec<Change> {
        match step {
            Step::Subscribe(number, filter, options, id) => {
                let old = self.0.insert((*number, filter.clone()), (*options, *id));
                vec![old.map_or(Change::New, |_| Change::Replaced)]
            }
            Step::Unsubscribe(number, filter) => {
                let old = self.0.remove(&(*number, filter.clone()));
                vec![old.map_or(Change::Absent, |_| Change::Removed)]
            }
            Step::End(number) => {
                let before = self.0.len();
                self.0.retain(|(other, _), _| other != number);
                vec![Change::Removed; before - self.0.len()]
            }
        }
    }

    /// What a session gets of a topic; its own if `own`.
    fn merged(&self, number: u32, topic: &str, own: bool) -> Option<(Qos, bool, Vec<u32>)> {
        let matching = self.0.iter().filter(|((other, filter), (options, _))| {
            let plain = !filter.starts_with("$share/");
            *other == number && plain && matches(filter, topic) && !(own && options.no_local)
        });
        let all: Vec<_> = matching.map(|(_, terms)| *terms).collect();
        let qos = all.iter().map(|(options, _)| options.qos).max()?;
        let retain = all.iter().any(|(options, _)| options.retain_as_published);
        let mut ids: Vec<u32> = all.iter().filter_map(|(_, id)| *id).collect();
        ids.sort_unstable();
        Some((qos, retain, ids))
    }

    /// Name, filter and members of the groups that match.
    fn shared(&self, topic: &str) -> BTreeMap<(String, String), Vec<u32>> {
        let mut groups = BTreeMap::<_, Vec<u32>>::new();
        for (number, filter) in self.0.keys() {
            let Some(rest) = filter.strip_prefix("$share/") else {
                continue;
            };
            let (name, filter) = rest.split_once('/').unwrap();
            if matches(filter, topic) {
                groups
                    .entry((name.into(), filter.into()))
                    .or_default()
                    .push(*number);
            }
        }
        groups
    }
}

fn compare(routing: &Routing, model: &Model, topic: &str) {
    let mut found = Matches::default();
    routing.matching(topic, &mut found);
    let numbers: BTreeSet<u32> = model.0.keys().map(|(number, _)| *number).collect();
    let expected: Vec<_> = numbers
        .into_iter()
        .filter_map(|number| Some((number, model.merged(number, topic, false)?)))
        .collect();
    assert_eq!(found.recipients().len(), expected.len(), "{topic}");
    for (recipient, (number, (qos, retain, ids))) in found.recipients().zip(expected) {
        assert_eq!(recipient.session, session(number));
        assert_eq!(
            (recipient.qos, recipient.retain_as_published),
            (qos, retain)
        );
        assert_eq!(recipient.subscription_ids, ids);
        let own = match recipient.own {
            Own::Same => Some((qos, retain, ids)),
            Own::Excluded => None,
            Own::Merge {
                qos,
                retain_as_published,
                subscription_ids,
            } => Some((qos, retain_as_published, subscription_ids.to_vec())),
        };
        assert_eq!(own, model.merged(number, topic, true));
    }
    let groups: Vec<_> = found
        .shared()
        .map(|group| {
            let number = |session: SessionId| session.packed() as u32;
            let members = group
                .members
                .iter()
                .map(|member| number(member.session))
                .collect();
            ((group.name.to_owned(), group.filter.to_owned()), members)
        })
        .collect();
    assert_eq!(groups, model.shared(topic).into_iter().collect::<Vec<_>>());
}

proptest! {
    /// With the codec's plain definition of what matches as the reference. [MQTT-4.7.1-1]
    /// [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4] [MQTT3-4.7.2-1]
    #[test]
    fn the_table_does_what_the_model_does(
        steps in prop::collection::vec(step(), 1..60),
        topics in prop::collection::vec(topic(), 1..12),
    ) {
        let mut routing = Routing::new(7);
        let mut model = Model::default();
        for step in &steps {
            let outcome = apply(&mut routing, step);
            prop_assert_eq!(changes(&outcome), model.apply(step));
            routing.validate().unwrap();
        }
        for topic in &topics {
            compare(&routing, &model, topic);
        }
        for number in 0..4 {
            let of_session = model.0.keys().filter(|(other, _)| *other == number).count();
            prop_assert_eq!(routing.subscription_count(session(number)), of_session);
            end(&mut routing, number);
        }
        prop_assert_eq!(routing.content, 0);
        prop_assert_eq!(routing.filters.trie.node_count(), 0);
        prop_assert_eq!(routing.stats(), crate::Stats::default());
    }

    #[test]
    fn a_restored_table_goes_on_as_the_one_it_was_taken_from(
        before in prop::collection::vec(step(), 0..40),
        after in prop::collection::vec(step(), 0..20),
        topics in prop::collection::vec(topic(), 1..6),
    ) {
        let mut routing = Routing::new(7);
        for step in &before {
            apply(&mut routing, step);
        }
        let mut bytes = Vec::new();
        routing.snapshot(&mut bytes);
        let mut restored = Routing::restore(&mut Reader::new(&bytes)).unwrap();
        restored.validate().unwrap();
        for step in &after {
            prop_assert_eq!(apply(&mut routing, step), apply(&mut restored, step));
            prop_assert_eq!(routing.digest(), restored.digest());
        }
        restored.validate().unwrap();
        let mut again = Vec::new();
        bytes.clear();
        routing.snapshot(&mut bytes);
        restored.snapshot(&mut again);
        prop_assert_eq!(bytes, again);
        let (mut left, mut right) = (Matches::default(), Matches::default());
        for topic in &topics {
            routing.matching(topic, &mut left);
            restored.matching(topic, &mut right);
            prop_assert!(left.recipients().eq(right.recipients()));
            prop_assert!(left.shared().eq(right.shared()));
        }
    }
}
