//! SUBSCRIBE and UNSUBSCRIBE.

use catena_mqtt::ReasonCode;
use catena_types::{PartitionSet, RoutingVersion};

use super::*;
use crate::{Replay, SubscribeFilter, Subscribed};

pub(super) fn filter(filter: &str) -> SubscribeFilter<'_> {
    SubscribeFilter {
        filter,
        qos: Qos::ExactlyOnce,
        no_local: true,
        retain_as_published: false,
        replay: Replay::IfNew,
        refused: None,
    }
}

pub(super) fn subscribed(partitions: PartitionSet) -> AskOutcome {
    let version = RoutingVersion::new(5);
    AskOutcome::Subscribed(Box::new(Subscribed {
        version,
        codes: [ReasonCode::GrantedQos2].into(),
        partitions,
    }))
}

fn unsubscribe(harness: &mut Harness, of: &Connected, filters: &[&str]) -> Vec<Effect> {
    let (session, generation) = (of.session, of.generation);
    harness.run(|s, ctx| s.unsubscribe(ctx, origin(5), session, generation, filters))
}

#[test]
fn a_subscribe_is_answered_when_the_routing_chain_has_it() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let effects = harness.subscribe(4, &connected, &["x/+", "y"]);
    assert_eq!(replies_in(&effects), []);
    match &*harness.asked(&effects)[0] {
        Asked::Subscribe {
            session,
            attachment: at,
            subscription_id,
            filters,
        } => {
            assert_eq!(
                (*session, *at),
                (connected.session, attachment(connected.generation))
            );
            assert_eq!(*subscription_id, Some(7));
            let texts: Vec<&str> = filters.iter().map(|filter| &*filter.filter).collect();
            assert_eq!(texts, ["x/+", "y"]);
            assert!(filters[0].no_local && !filters[0].retain_as_published);
            assert_eq!(
                (filters[0].qos, filters[0].replay),
                (Qos::ExactlyOnce, Replay::IfNew)
            );
        }
        other => panic!("{other:?}"),
    }
    let partitions = PartitionSet::first(3);
    let effects = harness.done(asks_in(&effects)[0], subscribed(partitions));
    let (version, codes) = (RoutingVersion::new(5), [ReasonCode::GrantedQos2].into());
    check_replies(
        &effects,
        &[(
            4,
            Reply::Subscribed(Box::new(Subscribed {
                version,
                codes,
                partitions,
            })),
        )],
    );
    harness.lose(&connected);
    assert_eq!(harness.connected(&client("a")).partitions, partitions);
}

#[test]
fn an_unsubscribe_is_answered_when_the_routing_chain_has_it() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let effects = unsubscribe(&mut harness, &connected, &["x", "y"]);
    let what = Asked::Unsubscribe {
        session: connected.session,
        filters: vec!["x".into(), "y".into()],
    };
    assert_eq!(*harness.asked(&effects)[0], what);
    let codes: Box<[ReasonCode]> = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted].into();
    let outcome = AskOutcome::Unsubscribed {
        codes: codes.clone(),
    };
    let effects = harness.done(asks_in(&effects)[0], outcome);
    check_replies(&effects, &[(5, Reply::Unsubscribed { codes })]);
}

#[test]
fn the_end_of_a_session_follows_its_last_subscribe() {
    let mut harness = Harness::new();
    let connected = harness.connected(&Connect {
        expiry_seconds: 0,
        ..client("a")
    });
    let subscribe = asks_in(&harness.subscribe(4, &connected, &["x"]))[0];
    let effects = harness.lose(&connected);
    assert_eq!(harness.ended(&effects), [connected.session]);
    assert!(
        asks_in(&effects)[0] > subscribe,
        "asks are executed in order"
    );
    let effects = harness.done(subscribe, subscribed(PartitionSet::first(3)));
    check_replies(&effects, &[(4, Reply::Stale)]);
}

#[test]
fn a_subscription_that_was_not_made_leaves_nothing_to_free() {
    let mut harness = Harness::new();
    let connected = harness.connected(&Connect {
        expiry_seconds: 0,
        ..client("a")
    });
    let ask = asks_in(&harness.subscribe(4, &connected, &["x"]))[0];
    harness.done(ask, subscribed(PartitionSet::EMPTY));
    let effects = harness.lose(&connected);
    assert_eq!(asks_in(&effects), [0u64; 0]);
}

#[test]
fn who_resumes_while_a_subscribe_is_on_its_way_attaches_everywhere() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let ask = asks_in(&harness.subscribe(4, &connected, &["x"]))[0];
    harness.lose(&connected);
    let resumed = harness.connected(&client("a"));
    assert_eq!(resumed.partitions, PartitionSet::first(8));
    // It is attached there now, whatever comes of it: its end has something to free.
    harness.done(ask, subscribed(PartitionSet::EMPTY));
    let effects = harness.end(&resumed, WillFate::Forget, Some(0));
    assert_eq!(harness.ended(&effects), [resumed.session]);
}

#[test]
fn old_connections_do_not_subscribe() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    harness.lose(&first);
    check_replies(&harness.subscribe(4, &first, &["x"]), &[(4, Reply::Stale)]);
    harness.connected(&client("a"));
    check_replies(&harness.subscribe(4, &first, &["x"]), &[(4, Reply::Stale)]);
    check_replies(
        &unsubscribe(&mut harness, &first, &["x"]),
        &[(5, Reply::Stale)],
    );
    assert_eq!(harness.asks.numbers().count(), 0);
}

#[test]
fn what_is_asked_of_the_routing_chain_is_limited() {
    let mut settings = Harness::new().settings;
    settings.memory_bytes_max = 50;
    let mut harness = Harness::with(settings);
    let connected = harness.connected(&client("a"));
    assert_eq!(asks_in(&harness.subscribe(4, &connected, &["x"])).len(), 1);
    let effects = harness.subscribe(6, &connected, &["y"]);
    let codes: Box<[ReasonCode]> = [ReasonCode::QuotaExceeded].into();
    let (version, partitions) = (RoutingVersion::default(), PartitionSet::EMPTY);
    let reply = Reply::Subscribed(Box::new(Subscribed {
        version,
        codes: codes.clone(),
        partitions,
    }));
    check_replies(&effects, &[(6, reply)]);
    let effects = unsubscribe(&mut harness, &connected, &["y"]);
    assert_eq!(asks_in(&effects).len(), 1, "33 + 17 bytes fit");
    let effects = unsubscribe(&mut harness, &connected, &["y"]);
    check_replies(&effects, &[(5, Reply::Unsubscribed { codes })]);
    assert_eq!(harness.stats().refused_memory, 2);
}

#[test]
fn an_outcome_that_does_not_fit_stops_the_replica() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let number = asks_in(&harness.subscribe(4, &connected, &["x"]))[0];
    let ask = harness.asks.finish(number).unwrap();
    let mut out = Outbox::default();
    let mut ctx = Context {
        settings: &harness.settings,
        time: harness.now,
        stamp: Stamp::default(),
        asks: &mut harness.asks,
        out: &mut out,
    };
    assert!(
        harness
            .sessions
            .done(&mut ctx, &ask, AskOutcome::Ended)
            .is_err()
    );
}
