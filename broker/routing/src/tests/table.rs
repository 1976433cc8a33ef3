//! What commands do, one by one.

use super::*;
use crate::{Reach, Refusal, Stats};
use catena_types::{Digest, Machine, RoutingVersion};

/// [MQTT-3.8.4-3] [MQTT3-3.8.4-3]
#[test]
fn the_same_filter_again_replaces() {
    let mut routing = Routing::new(1);
    let first = subscribe_with(&mut routing, 1, "a/+", QOS_1, Some(1));
    assert_eq!(changes(&first), [Change::New]);
    let qos_2 = SubscriptionOptions {
        qos: Qos::ExactlyOnce,
        ..QOS_1
    };
    let second = subscribe_with(&mut routing, 1, "a/+", qos_2, None);
    assert_eq!(changes(&second), [Change::Replaced]);
    assert_eq!(second.version, RoutingVersion::new(2));
    let mut matches = Matches::default();
    routing.matching("a/b", &mut matches);
    let recipient = matches.recipients().next().unwrap();
    assert_eq!(
        (recipient.qos, recipient.subscription_ids),
        (Qos::ExactlyOnce, &[][..])
    );
    assert_eq!(routing.subscription_count(session(1)), 1);
    routing.validate().unwrap();
}

/// [MQTT-3.10.4-1] [MQTT3-3.10.4-1] [MQTT-3.11.3-2]
#[test]
fn only_the_very_same_filter_is_unsubscribed() {
    let mut routing = Routing::new(1);
    for filter in ["a/+", "a/b", "$share/g/a/b", "#"] {
        subscribe(&mut routing, 1, filter);
    }
    for filter in [
        "a/",
        "a",
        "+/b",
        "a/b/",
        "$share/h/a/b",
        "$share/g/a/c",
        "+",
        "a#",
        "",
    ] {
        let outcome = unsubscribe(&mut routing, 1, filter);
        assert_eq!(changes(&outcome), [Change::Absent], "{filter}");
    }
    assert_eq!(
        changes(&unsubscribe(&mut routing, 2, "a/b")),
        [Change::Absent]
    );
    assert_eq!(
        changes(&unsubscribe(&mut routing, 1, "a/b")),
        [Change::Removed]
    );
    assert_eq!(
        changes(&unsubscribe(&mut routing, 1, "a/b")),
        [Change::Absent]
    );
    assert_eq!(routing.subscription_count(session(1)), 3);
    routing.validate().unwrap();
}

#[test]
fn outcomes_name_the_topics_concerned() {
    let mut routing = Routing::new(1);
    let request = |filter| FilterRequest {
        filter,
        options: QOS_1,
    };
    let filters = ["b", "$share/g/c", "a/#", "x#", "b"].map(request);
    let command = Command::Subscribe {
        session: session(1),
        subscription_id: None,
        filters: &filters,
    };
    let outcome = routing.apply_command(command).unwrap();
    let of = |reach, change| FilterOutcome { reach, change };
    let topic = |topic: &str| Reach::Topic(topic.into());
    let expected = [
        of(topic("b"), Change::New),
        of(topic("c"), Change::New),
        of(Reach::All, Change::New),
        of(Reach::Nothing, Change::Refused(Refusal::Invalid)),
        of(topic("b"), Change::Replaced),
    ];
    assert_eq!(outcome.filters, expected);
    let ended = end(&mut routing, 1);
    let removed = |reach| of(reach, Change::Removed);
    assert_eq!(
        ended.filters,
        [Reach::All, topic("b"), topic("c")].map(removed)
    );
    assert_eq!(ended.version, RoutingVersion::new(2));
    assert_eq!(end(&mut routing, 1).filters, []);
    assert_eq!(routing.version(), RoutingVersion::new(3));
}

#[test]
fn a_full_table_refuses_what_is_new_and_takes_what_replaces() {
    let mut routing = Routing::new(1);
    routing.subscriptions_max = 2;
    subscribe(&mut routing, 1, "a");
    subscribe(&mut routing, 1, "$share/g/a");
    for filter in ["b", "b/+", "$share/h/a"] {
        let outcome = subscribe(&mut routing, 1, filter);
        assert_eq!(changes(&outcome), [Change::Refused(Refusal::Full)]);
    }
    assert_eq!(
        changes(&subscribe(&mut routing, 1, "a")),
        [Change::Replaced]
    );
    assert_eq!(
        changes(&subscribe(&mut routing, 1, "$share/g/a")),
        [Change::Replaced]
    );
    unsubscribe(&mut routing, 1, "a");
    assert_eq!(changes(&subscribe(&mut routing, 2, "b/+")), [Change::New]);
    routing.validate().unwrap();
}

#[test]
fn identifiers_out_of_range_are_refused() {
    let mut routing = Routing::new(1);
    for id in [0, crate::SUBSCRIPTION_ID_MAX + 1, u32::MAX] {
        let outcome = subscribe_with(&mut routing, 1, "a", QOS_1, Some(id));
        assert_eq!(changes(&outcome), [Change::Refused(Refusal::Invalid)]);
    }
    let highest = Some(crate::SUBSCRIPTION_ID_MAX);
    let outcome = subscribe_with(&mut routing, 1, "a", QOS_1, highest);
    assert_eq!(changes(&outcome), [Change::New]);
}

#[test]
fn statistics_count_what_is_there() {
    let mut routing = Routing::new(1);
    for filter in ["a", "a/+", "$share/g/a/+", "$share/h/a/+"] {
        subscribe(&mut routing, 1, filter);
    }
    subscribe(&mut routing, 2, "$share/g/a/+");
    let expected = Stats {
        sessions: 2,
        subscriptions: 5,
        shared_subscriptions: 3,
        share_groups: 2,
        filters: 2,
        wildcard_filters: 1,
    };
    assert_eq!(routing.stats(), expected);
}

#[test]
fn without_subscriptions_nothing_is_kept() {
    let mut routing = Routing::new(1);
    let filters = [
        "a",
        "a/+",
        "a/+/c",
        "a/+/c/#",
        "#",
        "$share/g/a/+/c",
        "/",
        "+//",
    ];
    for number in 0..4 {
        for filter in filters {
            subscribe(&mut routing, number, filter);
        }
    }
    for filter in filters {
        unsubscribe(&mut routing, 0, filter);
        unsubscribe(&mut routing, 1, filter);
        routing.validate().unwrap();
    }
    end(&mut routing, 2);
    end(&mut routing, 3);
    assert_eq!(routing.stats(), Stats::default());
    assert_eq!((routing.content, routing.filters.trie.node_count()), (0, 0));
    let digest: Digest = routing.digest();
    assert_ne!(
        digest,
        Routing::new(1).digest(),
        "version and group numbers go on"
    );
}
