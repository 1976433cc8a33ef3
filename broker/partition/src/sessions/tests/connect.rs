//! CONNECT without a takeover.

use catena_mqtt::ReasonCode;
use catena_types::PartitionSet;

use super::*;

/// [MQTT-3.1.2-6] [MQTT-3.2.2-3] [MQTT3-3.2.2-3]: without a session there is a new one.
#[test]
fn a_client_without_a_session_gets_a_new_one() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    assert!(!first.present);
    assert_eq!(first.generation, Generation::new(1));
    assert_eq!(first.session, SessionId::new(PartitionId::new(3), 1, 0));
    assert!(first.partitions.is_empty() && first.ranges.is_empty());
    let second = harness.connected(&client("b"));
    assert!(!second.present && second.session > first.session);
    assert_eq!(
        (harness.stats().sessions, harness.stats().connected),
        (2, 2)
    );
}

/// [MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT3-3.1.2-4] [MQTT3-3.2.2-2] [MQTT3-4.1.0-1]: the session
/// goes on with the next connection.
#[test]
fn a_session_is_resumed_with_what_it_had() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    harness.run(|s, ctx| {
        s.range(
            ctx,
            origin(1),
            first.session,
            first.generation,
            PartitionId::new(5),
        )
    });
    let asked = harness.subscribe(2, &first, &["x"]);
    let partitions: PartitionSet = [PartitionId::new(2)].into_iter().collect();
    harness.done(asks_in(&asked)[0], subscribe::subscribed(partitions));
    harness.lose(&first);
    assert_eq!(harness.stats().connected, 0);
    harness.pass(3_599);
    let second = harness.connected(&client("a"));
    assert!(second.present);
    assert_eq!(second.session, first.session);
    assert_eq!(second.generation, Generation::new(2));
    assert_eq!(&*second.ranges, [PartitionId::new(5)]);
    let both = [2, 5].map(PartitionId::new).into_iter().collect();
    assert_eq!(second.partitions, both, "also those that only deliver");
    assert_eq!(
        harness.sessions.next_deadline(),
        None,
        "the expiry timer is gone"
    );
}

/// [MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT3-3.1.2-6] [MQTT3-3.2.2-1] [MQTT3-3.1.4-3]: Clean Start
/// ends the old session with everything it had.
#[test]
fn clean_start_ends_the_old_session_first() {
    let mut harness = Harness::new();
    let first = harness.connected(&client_with_will("a", Some((60, "will"))));
    let asked = harness.subscribe(2, &first, &["x"]);
    let partitions: PartitionSet = [PartitionId::new(2)].into_iter().collect();
    harness.done(asks_in(&asked)[0], subscribe::subscribed(partitions));
    harness.receive(3, &first, 5);
    harness.lose(&first);
    let effects = harness.connect(
        4,
        &Connect {
            clean_start: true,
            ..client("a")
        },
    );
    let second = connected_in(&effects).unwrap();
    assert!(!second.present && second.session != first.session);
    assert!(second.partitions.is_empty() && second.ranges.is_empty());
    assert_eq!(
        harness.published(&effects),
        ["will"],
        "the session ended before the delay"
    );
    assert_eq!(harness.ended(&effects), [first.session]);
    let stats = harness.stats();
    assert_eq!(
        (stats.sessions, stats.wills, stats.half_finished),
        (1, 0, 0)
    );
    // The packet ID is free: another session, another exchange.
    assert_eq!(asks_in(&harness.receive(5, &second, 5)).len(), 1);
}

/// [MQTT-3.1.4-4]: nothing needs freeing elsewhere for a session that never had anything there.
#[test]
fn a_session_without_subscriptions_ends_without_asking_others() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    harness.lose(&first);
    let effects = harness.connect(
        1,
        &Connect {
            clean_start: true,
            ..client("a")
        },
    );
    assert_eq!(asks_in(&effects), [0u64; 0]);
}

#[test]
fn a_session_that_expired_before_the_tick_is_not_resumed() {
    let mut harness = Harness::new();
    let first = harness.connected(&client_with_will("a", Some((9_999, "will"))));
    harness.lose(&first);
    harness.now = harness.now.plus_seconds(3_600);
    let effects = harness.connect(1, &client("a"));
    assert!(!connected_in(&effects).unwrap().present);
    assert_eq!(harness.published(&effects), ["will"]);
    assert_eq!(harness.stats().sessions_expired, 1);
}

#[test]
fn sessions_are_limited_and_an_old_one_makes_room_for_its_successor() {
    let mut settings = Harness::new().settings;
    settings.sessions_max = 2;
    let mut harness = Harness::with(settings);
    let first = harness.connected(&client("a"));
    harness.connected(&client("b"));
    let effects = harness.connect(1, &client_with_will("c", Some((0, "will"))));
    check_replies(
        &effects,
        &[(1, Reply::ConnectRefused(ReasonCode::QuotaExceeded))],
    );
    assert_eq!(
        asks_in(&effects),
        [0u64; 0],
        "the will of a refused connection is forgotten"
    );
    let stats = harness.stats();
    assert_eq!(
        (stats.sessions, stats.refused_sessions, stats.wills),
        (2, 1, 0)
    );
    harness.lose(&first);
    assert!(harness.connected(&client("a")).present);
    let second = Connected {
        generation: Generation::new(2),
        ..first
    };
    harness.lose(&second);
    let fresh = Connect {
        clean_start: true,
        ..client("a")
    };
    assert!(!harness.connected(&fresh).present);
    assert_eq!(harness.stats().sessions, 2);
}

#[test]
fn wills_are_refused_when_memory_is_used_up() {
    let mut settings = Harness::new().settings;
    settings.memory_bytes_max = 100;
    let mut harness = Harness::with(settings);
    harness.connected(&client_with_will("a", Some((0, "will"))));
    assert!(harness.stats().will_bytes <= 100);
    let effects = harness.connect(1, &client_with_will("b", Some((0, "will"))));
    check_replies(
        &effects,
        &[(1, Reply::ConnectRefused(ReasonCode::QuotaExceeded))],
    );
    assert_eq!(harness.stats().refused_memory, 1);
    harness.connected(&client("b"));
}

#[test]
fn a_session_without_generations_left_gives_way_to_a_new_one() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    harness
        .sessions
        .table
        .find_mut(first.session)
        .unwrap()
        .generation = Generation::new(u32::MAX);
    let last = Connected {
        generation: Generation::new(u32::MAX),
        ..first.clone()
    };
    harness.lose(&last);
    let second = harness.connected(&client("a"));
    assert!(!second.present && second.session != first.session);
}

#[test]
fn session_ids_are_not_reused_even_at_their_end() {
    let mut harness = Harness::new();
    harness.sessions.next = u32::MAX - 1;
    harness.connected(&client("a"));
    let effects = harness.connect(1, &client("b"));
    check_replies(
        &effects,
        &[(1, Reply::ConnectRefused(ReasonCode::QuotaExceeded))],
    );
}
